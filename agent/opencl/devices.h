// SPDX-License-Identifier: Apache-2.0
#pragma once

// Devices and queues of this program, and what commands on them count as. Found without a lock;
// made under one. Any thread.

#include <stdbool.h>
#include <stdint.h>

#include "driver.h"

#define MAX_CL_DEVICES 64U
#define MAX_CL_QUEUES 1024U

/// Commands that are no kernels: each has a series of its own.
typedef enum transfer {
  TRANSFER_READ,
  TRANSFER_WRITE,
  TRANSFER_COPY,
  TRANSFER_MAP,
  TRANSFER_UNMAP,
  TRANSFER_FILL,
  TRANSFER_MIGRATE,
  TRANSFER_NATIVE,
  TRANSFERS
} transfer;

typedef struct cl_device_entry {
  cl_device_id device;
  uint32_t index;  ///< Of agent_device(); its number is its place here.
  uint32_t series[TRANSFERS];
  /// What to add to its times to get CLOCK_MONOTONIC: the least that was seen of "when the end was
  /// told of, less the end", of this span of time and the one before. Under agent_hold().
  uint64_t ahead[2];
  uint64_t ahead_since;
} cl_device_entry;

typedef struct cl_queue_entry {
  uint64_t key;                        ///< The handle; 0: free. Atomic.
  uint32_t device;                     ///< Place of its device.
  uint32_t stream;                     ///< Running number of queues.
  cl_command_queue_properties wanted;  ///< By the program.
  bool is_profiled;                    ///< The driver takes times.

  uint64_t seen;      ///< Commands, about; by it some of them are chosen. Atomic.
  uint64_t enqueued;  ///< Commands that are timed. Atomic; never set back.
  // Under agent_hold().
  uint64_t completed;
  uint64_t quiet_until;  ///< No command of it that is not counted yet began earlier.
} cl_queue_entry;

/// GPUVIGIL_KIND_*
uint32_t gpuvigil_transfer_kind(transfer what);

/// The entry of a queue; NULL: there was no room, or nobody has told of it.
cl_queue_entry* gpuvigil_queue_find(cl_command_queue queue);

/// A queue was made with these properties.
void gpuvigil_queue_add(cl_command_queue queue, cl_device_id device,
                        cl_command_queue_properties wanted, bool is_profiled);
/// It is going away: it may be another's handle next.
void gpuvigil_queue_remove(cl_command_queue queue);

uint32_t gpuvigil_queue_place(const cl_queue_entry* queue);
cl_queue_entry* gpuvigil_queue_at(uint32_t place);
cl_device_entry* gpuvigil_device_at(uint32_t place);

/// Until when everything that ended is counted; held.
uint64_t gpuvigil_queues_quiet_until(uint64_t now);

/// A time of the device as one of CLOCK_MONOTONIC. Held.
uint64_t gpuvigil_device_time(const cl_device_entry* device, uint64_t ns);
/// An end of which one was told just now. Held.
void gpuvigil_device_heard(cl_device_entry* device, uint64_t end_ns, uint64_t now);
