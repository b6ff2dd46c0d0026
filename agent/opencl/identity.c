// SPDX-License-Identifier: Apache-2.0
#include "identity.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// Of cl_ext.h, which newer headers split up: cl_khr_device_uuid, cl_khr_pci_bus_info and
// cl_nv_device_attribute_query.
#define DEVICE_UUID_KHR 0x106A
#define DEVICE_PCI_BUS_INFO_KHR 0x410F
#define DEVICE_PCI_BUS_ID_NV 0x4008
#define DEVICE_PCI_SLOT_ID_NV 0x4009
#define DEVICE_PCI_DOMAIN_ID_NV 0x400A

#define MAX_LIKE_IT 64U
#define MAX_TEXT 256U

static bool info(cl_device_id device, cl_device_info what, void* into, size_t size) {
  return gpuvigil_cl.clGetDeviceInfo(device, what, size, into, NULL) == CL_SUCCESS;
}

/// A text, cut; empty where there is none.
static void text(cl_device_id device, cl_device_info what, char* into, size_t size) {
  char all[4096] = "";
  if (!info(device, what, all, sizeof(all) - 1U)) all[0] = '\0';
  snprintf(into, size, "%s", all);
}

cl_device_id gpuvigil_identity_root(cl_device_id device) {
  for (int depth = 0; depth < 8; ++depth) {
    cl_device_id parent = NULL;
    if (!info(device, CL_DEVICE_PARENT_DEVICE, &parent, sizeof(parent)) || parent == NULL) break;
    device = parent;
  }
  return device;
}

static bool is_gpu(cl_device_id device) {
  cl_device_type type = 0;
  return info(device, CL_DEVICE_TYPE, &type, sizeof(type)) && (type & CL_DEVICE_TYPE_GPU) != 0;
}

/// As NVIDIA's tools write it; a GPU that the driver's other libraries know has the same there.
static bool by_uuid(cl_device_id device, char* into, size_t size) {
  unsigned char u[16] = {0};
  const unsigned char none[16] = {0};
  if (!info(device, DEVICE_UUID_KHR, u, sizeof(u)) || memcmp(u, none, sizeof(u)) == 0) return false;
  snprintf(into, size, "%s-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
           is_gpu(device) ? "GPU" : "CL", u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8],
           u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
  return true;
}

static bool by_bus(cl_device_id device, char* into, size_t size) {
  struct {
    cl_uint domain;
    cl_uint bus;
    cl_uint device;
    cl_uint function;
  } pci = {0, 0, 0, 0};
  if (!info(device, DEVICE_PCI_BUS_INFO_KHR, &pci, sizeof(pci))) {
    cl_uint slot = 0;
    if (!info(device, DEVICE_PCI_BUS_ID_NV, &pci.bus, sizeof(pci.bus)) ||
        !info(device, DEVICE_PCI_SLOT_ID_NV, &slot, sizeof(slot))) {
      return false;
    }
    (void)info(device, DEVICE_PCI_DOMAIN_ID_NV, &pci.domain, sizeof(pci.domain));
    pci.device = slot >> 3U;
    pci.function = slot & 7U;
  }
  snprintf(into, size, "PCI-%04x:%02x:%02x.%x", pci.domain, pci.bus, pci.device, pci.function);
  return true;
}

/// How many devices of its platform with the same name come before it.
static uint32_t place_among_its_like(cl_device_id device, cl_platform_id platform,
                                     const char* name) {
  cl_device_id all[MAX_LIKE_IT];
  cl_uint count = 0;
  uint32_t before = 0;
  if (gpuvigil_cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, MAX_LIKE_IT, all, &count) !=
      CL_SUCCESS) {
    return 0;
  }
  for (cl_uint i = 0; i < count && i < MAX_LIKE_IT && all[i] != device; ++i) {
    char other[MAX_TEXT];
    text(all[i], CL_DEVICE_NAME, other, sizeof(other));
    if (strcmp(other, name) == 0) ++before;
  }
  return before;
}

static void by_names(cl_device_id device, char* into, size_t size) {
  char name[MAX_TEXT];
  char whole[3U * MAX_TEXT];
  char maker[MAX_TEXT] = "";
  cl_platform_id platform = NULL;
  text(device, CL_DEVICE_NAME, name, sizeof(name));
  (void)info(device, CL_DEVICE_PLATFORM, &platform, sizeof(platform));
  (void)gpuvigil_cl.clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof(maker) - 1U, maker, NULL);
  snprintf(whole, sizeof(whole), "%s/%s/%u", maker, name,
           place_among_its_like(device, platform, name));
  uint64_t hash = UINT64_C(14695981039346656037);  // FNV-1a
  for (const char* c = whole; *c != '\0'; ++c) {
    hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
  }
  snprintf(into, size, "CL-%016llx", (unsigned long long)hash);
}

void gpuvigil_identity_of(cl_device_id device, device_identity* identity) {
  if (!by_uuid(device, identity->uuid, sizeof(identity->uuid)) &&
      !by_bus(device, identity->uuid, sizeof(identity->uuid))) {
    by_names(device, identity->uuid, sizeof(identity->uuid));
  }
  text(device, CL_DEVICE_NAME, identity->name, sizeof(identity->name));
  char version[36];
  char driver[18];
  text(device, CL_DEVICE_VERSION, version, sizeof(version));
  text(device, CL_DRIVER_VERSION, driver, sizeof(driver));
  snprintf(identity->runtime, sizeof(identity->runtime), "%s, driver %s", version, driver);
}
