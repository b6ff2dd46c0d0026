// SPDX-License-Identifier: Apache-2.0
#include "launches.h"

#include <stddef.h>

#include "agent.h"
#include "memory_ledger.h"
#include "names.h"

_Static_assert(sizeof(cuda_launch) == 128, "two lines");
_Static_assert(offsetof(cupti_kernel, kind) == 0 && offsetof(cupti_kernel, reserved0) == 8 &&
                   offsetof(cupti_kernel, device) == 40 &&
                   offsetof(cupti_kernel, local_memory_total) == 88 &&
                   offsetof(cupti_kernel, name) == 104,
               "where cuda_launch_is() reads");

cuda_launch cuda_launches[CUDA_LAUNCHES];
static uint64_t heads[CUDA_LAUNCHES][2];  // of their names, see cuda_name_head()
uint64_t cuda_launch_pass = 1;
static uint64_t first_pass = 1;  // since everything was forgotten

void cuda_launches_begin_pass(void) {
  ++cuda_launch_pass;
}

void cuda_launches_forget(void) {
  first_pass = ++cuda_launch_pass;
}

agent_shape cuda_shape_of(const cupti_kernel* kernel) {
  agent_shape shape = {.registers = kernel->registers_per_thread,
                       .static_shared_bytes = (uint32_t)kernel->static_shared_memory,
                       .dynamic_shared_bytes = (uint32_t)kernel->dynamic_shared_memory};
  for (size_t i = 0; i < 3; ++i) {
    shape.grid[i] = (uint32_t)kernel->grid[i];
    shape.block[i] = (uint32_t)kernel->block[i];
  }
  return shape;
}

/// Finds where a record is counted by the name that it points at.
static agent_launch look_up(const cupti_kernel* kernel, bool is_detail) {
  if (kernel->device >= CUDA_MAX_DEVICES) {
    const agent_execution nowhere = {.series = AGENT_NONE};
    return agent_launch_of(&nowhere);
  }
  const cuda_name* const name = cuda_name_find(kernel->name, kernel->device, agent_series);
  const agent_shape shape = cuda_shape_of(kernel);
  const agent_execution like = {.series = cuda_name_series(name),
                                .device = cuda_index_of(kernel->device),
                                .kind = cuda_name_kind(name),
                                .stream = kernel->stream,
                                .shape = &shape,
                                .is_detail = is_detail};
  return agent_launch_of(&like);
}

/// The number of the entry of a record at a place, if its name is still the one that was looked up.
static bool is_still(uint32_t place, const cupti_kernel* kernel, const uint64_t head[2]) {
  const cuda_launch* const launch = &cuda_launches[place];
  return launch->pass >= first_pass && cuda_launch_is(launch, kernel) &&
         heads[place][0] == head[0] && heads[place][1] == head[1];
}

static void put(uint32_t place, const cupti_kernel* kernel, const uint64_t head[2],
                bool is_detail) {
  cuda_launches[place] = (cuda_launch){
      .place = {cuda_words_at(kernel, 40), cuda_words_at(kernel, 56), cuda_words_at(kernel, 72)},
      .kind = cuda_word_at(kernel, 0),
      .name = cuda_word_at(kernel, 104),
      .counted = look_up(kernel, is_detail),
      .pass = cuda_launch_pass};
  memcpy(heads[place], head, sizeof(heads[place]));
}

cuda_launch* cuda_launch_find(const cupti_kernel* kernel, bool is_detail) {
  uint64_t head[2];
  cuda_name_head(kernel->name, head);
  const uint32_t first = cuda_launch_place(kernel);
  const bool is_first = is_still(first, kernel, head);
  const uint32_t place = is_first || is_still(first ^ 1U, kernel, head) ? first ^ !is_first : first;
  cuda_launch* const launch = &cuda_launches[place];
  const bool is_found = is_first || place != first;
  if (is_found && (!is_detail || launch->counted.stream != NULL)) {
    if (launch->pass != cuda_launch_pass) agent_launch_renew(&launch->counted);
    launch->pass = cuda_launch_pass;
    return launch;
  }
  if (!is_found) {  // the newest stands where it is looked for first
    cuda_launches[first ^ 1U] = cuda_launches[first];
    memcpy(heads[first ^ 1U], heads[first], sizeof(heads[first]));
  }
  put(place, kernel, head, is_detail);
  return launch;
}
