// SPDX-License-Identifier: Apache-2.0
#include "tables.h"

#include <stdlib.h>
#include <string.h>

#define SHAPE_SLOTS (2U * MAX_SHAPES)
#define STREAM_SLOTS (2U * MAX_STREAMS)

static shape_entry shapes[MAX_SHAPES] = {{.told = {.row = GPUVIGIL_NO_ROW}}};
static uint32_t shape_count = 1;
static uint16_t shape_slots[SHAPE_SLOTS];  // index, 0: empty
static uint16_t newest_shape[MAX_SERIES];  // of each row; most launches are like the one before
static uint8_t shapes_of_row[MAX_SERIES];

static stream_entry streams[MAX_STREAMS] = {{.told = {.device = GPUVIGIL_NO_ROW}}};
static uint32_t stream_count = 1;
static uint16_t stream_slots[STREAM_SLOTS];  // index, 0: empty
static uint32_t newest_stream;

static device_entry devices[MAX_DEVICES];
static busy_pair* busy[MAX_DEVICES];  // made with the first execution

const agent_shape agent_shape_other;

static uint64_t mix(uint64_t hash, uint64_t more) {
  hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ (hash >> 32U);
}

// ---- shapes ----

/// Whether an entry is of this row and shape; the identities are compared, not the counters.
static bool is_shape(const gpuvigil_segment_shape* told, uint32_t row, const agent_shape* shape) {
  return told->row == row && memcmp(told->grid, shape->grid, sizeof(told->grid)) == 0 &&
         memcmp(told->block, shape->block, sizeof(told->block)) == 0 &&
         told->registers == shape->registers &&
         told->static_shared_bytes == shape->static_shared_bytes &&
         told->dynamic_shared_bytes == shape->dynamic_shared_bytes;
}

static uint32_t add_shape(uint32_t place, uint32_t row, const agent_shape* shape) {
  if (shape_count == MAX_SHAPES || shapes_of_row[row] == MAX_SHAPES_OF_A_ROW) return 0;
  const uint32_t index = shape_count++;
  gpuvigil_segment_shape* const told = &shapes[index].told;
  told->row = row;
  memcpy(told->grid, shape->grid, sizeof(told->grid));
  memcpy(told->block, shape->block, sizeof(told->block));
  told->registers = shape->registers;
  told->static_shared_bytes = shape->static_shared_bytes;
  told->dynamic_shared_bytes = shape->dynamic_shared_bytes;
  ++shapes_of_row[row];
  shape_slots[place] = (uint16_t)index;
  return index;
}

/// The entry of a shape, made if there is room; 0 without.
static uint32_t find_shape(uint32_t row, const agent_shape* shape) {
  const uint32_t newest = newest_shape[row];
  if (newest != 0 && is_shape(&shapes[newest].told, row, shape)) return newest;
  uint64_t hash = mix(row, shape->grid[0] | (uint64_t)shape->grid[1] << 32U);
  hash = mix(hash, shape->grid[2] | (uint64_t)shape->block[0] << 32U);
  hash = mix(hash, shape->block[1] | (uint64_t)shape->block[2] << 32U);
  hash = mix(hash, shape->dynamic_shared_bytes);
  uint32_t place = (uint32_t)hash % SHAPE_SLOTS;
  while (shape_slots[place] != 0 && !is_shape(&shapes[shape_slots[place]].told, row, shape)) {
    place = (place + 1U) % SHAPE_SLOTS;
  }
  uint32_t found = shape_slots[place];
  if (found == 0) found = add_shape(place, row, shape);
  if (found != 0) newest_shape[row] = (uint16_t)found;
  return found;
}

// ---- streams ----

static bool is_stream(const gpuvigil_segment_stream* told, const agent_execution* one) {
  return told->stream == one->stream && told->device == one->device && told->kind == one->kind;
}

static uint32_t find_stream(const agent_execution* one) {
  if (newest_stream != 0 && is_stream(&streams[newest_stream].told, one)) return newest_stream;
  const uint64_t hash = mix(one->stream, one->device | (uint64_t)one->kind << 32U);
  uint32_t place = (uint32_t)hash % STREAM_SLOTS;
  while (stream_slots[place] != 0 && !is_stream(&streams[stream_slots[place]].told, one)) {
    place = (place + 1U) % STREAM_SLOTS;
  }
  if (stream_slots[place] == 0) {
    if (stream_count == MAX_STREAMS) return 0;
    const gpuvigil_segment_stream told = {
        .stream = one->stream, .device = one->device, .kind = one->kind};
    streams[stream_count].told = told;
    stream_slots[place] = (uint16_t)stream_count++;
  }
  newest_stream = stream_slots[place];
  return newest_stream;
}

// ---- all together ----

busy_pair* gpuvigil_tables_busy(uint32_t device) {
  if (device >= MAX_DEVICES) return NULL;
  if (busy[device] == NULL) busy[device] = calloc(1, sizeof(busy_pair));
  return busy[device];
}

stream_entry* gpuvigil_tables_stream(const agent_execution* one) {
  return &streams[find_stream(one)];
}

shape_entry* gpuvigil_tables_shape(const agent_execution* one) {
  if (one->shape == NULL) return NULL;
  return &shapes[one->shape != &agent_shape_other ? find_shape(one->series, one->shape) : 0];
}

void gpuvigil_tables_remember(uint32_t device, uint64_t allocated, uint64_t pool_reserved,
                              uint64_t pool_used) {
  if (device >= MAX_DEVICES) return;
  gpuvigil_segment_memory* const memory = &devices[device].memory;
  memory->allocated_bytes = allocated;
  if (allocated > memory->peak_bytes) memory->peak_bytes = allocated;
  memory->pool_reserved_bytes = pool_reserved;
  memory->pool_used_bytes = pool_used;
}

void gpuvigil_tables_cover(uint64_t until_ns) {
  for (uint32_t i = 0; i < MAX_DEVICES; ++i) {
    if (busy[i] == NULL) continue;
    devices[i].kernel_busy_ns.now = gpuvigil_busy_until(&busy[i]->kernels, until_ns);
    devices[i].gpu_busy_ns.now = gpuvigil_busy_until(&busy[i]->all, until_ns);
  }
}

uint64_t gpuvigil_since_tell(since* counter) {
  counter->told = counter->now;
  return counter->now - counter->before;
}

static void begin(since* counter) {
  counter->before = counter->told;
}

void gpuvigil_tables_begin_segment(void) {
  for (uint32_t i = 0; i < shape_count; ++i) {
    begin(&shapes[i].calls);
    begin(&shapes[i].sum_ns);
  }
  for (uint32_t i = 0; i < stream_count; ++i) {
    begin(&streams[i].calls);
    begin(&streams[i].sum_ns);
  }
  for (uint32_t i = 0; i < MAX_DEVICES; ++i) {
    begin(&devices[i].kernel_busy_ns);
    begin(&devices[i].gpu_busy_ns);
  }
}

shape_entry* gpuvigil_tables_shapes(uint32_t* count) {
  *count = shape_count;
  return shapes;
}

stream_entry* gpuvigil_tables_streams(uint32_t* count) {
  *count = stream_count;
  return streams;
}

device_entry* gpuvigil_tables_device(uint32_t index) {
  return &devices[index];
}
