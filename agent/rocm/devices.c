// SPDX-License-Identifier: Apache-2.0
#include "devices.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent.h"

typedef struct device {
  uint64_t agent;
  uint32_t index;  ///< Of the core.
} device;

static device devices[ROCM_MOST_DEVICES];
static uint32_t count;

/// The number that is burnt into the card at that place, or 0.
static uint64_t unique_id(const char* place) {
  char path[96];
  char text[32] = "";
  snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/unique_id", place);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t length = read(file, text, sizeof(text) - 1U);
  close(file);
  return length <= 0 ? 0 : strtoull(text, NULL, 16);
}

static int on_agents(int version, const void** agents, size_t number, void* data) {
  (void)data;
  if (version != ROCP_AGENT_VERSION) return ROCP_SUCCESS;
  for (size_t i = 0; i < number && count < ROCM_MOST_DEVICES; ++i) {
    const rocp_agent* const agent = agents[i];
    if (agent->size < sizeof(rocp_agent) || agent->type != ROCP_AGENT_GPU) continue;
    char place[32];
    char uuid[48];
    char name[32];
    snprintf(place, sizeof(place), "%04x:%02x:%02x.%x", agent->domain,
             agent->location >> 8U & 0xFFU, agent->location >> 3U & 0x1FU, agent->location & 7U);
    const uint64_t id = unique_id(place);
    if (id != 0) {
      snprintf(uuid, sizeof(uuid), "GPU-%016llx", (unsigned long long)id);
    } else {
      snprintf(uuid, sizeof(uuid), "PCI-%s", place);
    }
    snprintf(name, sizeof(name), "gfx%u%x%x", agent->gfx_version / 10000U,
             agent->gfx_version / 100U % 100U, agent->gfx_version % 100U);
    devices[count] = (device){.agent = agent->id, .index = agent_device(count, uuid, name)};
    ++count;
  }
  return ROCP_SUCCESS;
}

void rocm_devices_find(const rocp_calls* calls) {
  // The size asks for no more than what is known here; releases give all that they have.
  (void)calls->agents(ROCP_AGENT_VERSION, on_agents, sizeof(rocp_agent), NULL);
}

uint32_t rocm_device_of(uint64_t agent) {
  for (uint32_t i = 0; i < count; ++i) {
    if (devices[i].agent == agent) return i;
  }
  return ROCM_MOST_DEVICES;
}

uint32_t rocm_device_index(uint32_t number) {
  return number < count ? devices[number].index : AGENT_NONE;
}
