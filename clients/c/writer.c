// SPDX-License-Identifier: Apache-2.0
#include "writer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sealed.h"
#include "shard.h"

#define GET(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

/// A server takes counts of buckets modulo 2^32; without one a row stops well before that.
#define MAX_CALLS_ALONE (UINT64_C(1) << 31U)
/// New entries of all threads that are looked at in one round.
#define MAX_GATHERED 4096U

static int descriptor = -1;
static unsigned char* segment;  // or NULL; nothing that was read from it is ever a place in it
static gpuvigil_segment_header layout;
static uint64_t flush_seq;
static uint64_t losses[GPUVIGIL_LOSSES];  // any thread
static uint64_t losses_taken[GPUVIGIL_LOSSES];
/// What is recorded in this epoch or later was in no segment before this one; and for the next one.
static uint64_t first_epoch = 1;
static uint64_t next_first_epoch = 1;
static uint32_t rows_written;
static uint32_t devices_written;
static uint32_t names_written;
static const writer_extras no_extras = {.writer = "sdk", .abi = 1};
static const writer_extras* extras = &no_extras;

static gpuvigil_segment_header* header(void) {
  return (gpuvigil_segment_header*)segment;
}

static void* entry(const gpuvigil_segment_table* table, uint32_t index) {
  return segment + table->offset + (size_t)table->stride * index;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static gpuvigil_segment_table place_table(uint32_t* end, uint32_t stride, uint32_t capacity) {
  const gpuvigil_segment_table table = {.offset = *end, .stride = stride, .capacity = capacity};
  *end += stride * capacity;
  return table;
}

static void lay_out(void) {
  layout = (gpuvigil_segment_header){0};
  gpuvigil_segment_header* const h = &layout;
  h->magic = GPUVIGIL_SEGMENT_MAGIC;
  h->abi = extras->abi;
  h->features = extras->features;
  h->size = GPUVIGIL_SEGMENT_MAX_BYTES;
  h->sketch_scheme = GPUVIGIL_SKETCH_SCHEME;
  // Without randomness the address and the time have to do.
  if (syscall(SYS_getrandom, h->incarnation, sizeof(h->incarnation), 1U) < 0) {
    h->incarnation[0] = (uint64_t)(uintptr_t)segment ^ (uint64_t)getpid();
    h->incarnation[1] = now_ns();
  }
  h->since_ns = now_ns();
  h->pid = getpid();
  strncpy(h->writer, extras->writer, sizeof(h->writer) - 1U);
  uint32_t end = sizeof(*h);
  h->devices = place_table(&end, sizeof(gpuvigil_segment_device), MAX_DEVICES);
  h->rows = place_table(&end, sizeof(gpuvigil_segment_row), MAX_SERIES);
  h->recent = place_table(&end, sizeof(gpuvigil_segment_recent), MAX_RECENT);
  h->names = place_table(&end, 1, NAME_BYTES);
  h->pages = place_table(&end, sizeof(gpuvigil_segment_page), MAX_PAGES);
  _Static_assert(NAME_BYTES % 8 == 0, "pages are aligned");
  if (extras->lay_out != NULL) extras->lay_out(h, end);
  memcpy(segment, h, sizeof(*h));
  flush_seq = 0;
}

int gpuvigil_writer_descriptor(void) {
  if (descriptor >= 0) return descriptor;
  void* mapped = NULL;
  const int fd = gpuvigil_sealed_make("gpuvigil", GPUVIGIL_SEGMENT_MAX_BYTES, &mapped);
  if (fd < 0) return -1;
  segment = mapped;
  descriptor = fd;
  rows_written = devices_written = names_written = 0;
  first_epoch = next_first_epoch;
  lay_out();
  return fd;
}

static void release(void) {
  if (descriptor < 0) return;
  munmap(segment, GPUVIGIL_SEGMENT_MAX_BYTES);
  close(descriptor);
  descriptor = -1;
  segment = NULL;
}

void gpuvigil_writer_set_extras(const writer_extras* told) {
  extras = told;
}

uint32_t gpuvigil_writer_abi(void) {
  return extras->abi;
}

gpuvigil_segment_row* gpuvigil_writer_row(uint32_t id) {
  return entry(&layout.rows, id);
}

uint32_t gpuvigil_writer_rows(void) {
  return rows_written;
}

void gpuvigil_writer_give_up(void) {
  release();
}

void gpuvigil_writer_after_fork(void) {
  release();
  memset(losses, 0, sizeof(losses));
  memset(losses_taken, 0, sizeof(losses_taken));
}

void gpuvigil_writer_count_losses(uint32_t loss, uint64_t calls) {
  __atomic_fetch_add(&losses[loss], calls, __ATOMIC_RELAXED);
}

uint64_t gpuvigil_writer_lost(void) {
  return GET(losses[GPUVIGIL_LOSS_UNCOUNTED]);
}

/// What the rows and devices are: everything that was named before the call.
static void write_identities(void) {
  gpuvigil_segment_header* const h = header();
  const uint32_t rows = gpuvigil_series_count();
  const uint32_t devices = gpuvigil_series_device_count();
  for (; devices_written < devices; ++devices_written) {
    memcpy(entry(&layout.devices, devices_written), gpuvigil_series_device(devices_written),
           sizeof(gpuvigil_segment_device));
  }
  for (; rows_written < rows; ++rows_written) {
    const series* const s = gpuvigil_series_at(rows_written);
    gpuvigil_segment_row* const row = entry(&layout.rows, rows_written);
    row->name_offset = s->name_offset;
    row->name_bytes = s->name_bytes;
    row->device = s->device;
    row->kind = s->kind;
    row->min_ns = UINT64_MAX;
    memcpy(segment + layout.names.offset + s->name_offset, gpuvigil_series_name(s->name_offset),
           s->name_bytes);
  }
  SET(h->rows_used, rows);
  SET(h->devices_used, devices);
}

/// Adds what a page of a thread has grown by; how much that is.
static uint64_t publish_page(gpuvigil_segment_row* row, uint32_t id, uint32_t page,
                             const gpuvigil_segment_page* counted, gpuvigil_segment_page* seen,
                             bool is_kept) {
  const uint16_t place = GET(gpuvigil_series_at(id)->pages[page]);
  SET(row->pages[page], place);
  gpuvigil_segment_page* const into = entry(&layout.pages, place - 1U);
  uint64_t calls = 0;
  for (uint32_t i = 0; i < GPUVIGIL_SKETCH_PAGE_BUCKETS; ++i) {
    const uint32_t now = GET(counted->counts[i]);
    const uint32_t grown = now - seen->counts[i];
    if (grown == 0) continue;
    seen->counts[i] = now;
    calls += grown;
    if (is_kept) SET(into->counts[i], GET(into->counts[i]) + grown);
  }
  return calls;
}

/// Takes a number that only grows; by how much it has.
static uint64_t take(const uint64_t* from, uint64_t* seen) {
  const uint64_t now = __atomic_load_n(from, __ATOMIC_RELAXED);
  const uint64_t grown = now - *seen;
  *seen = now;
  return grown;
}

#define ADD(place, more) SET(place, GET(place) + (more))

/// Before the pages: what is in a sum is in a page that is read later.
static void publish_sums(gpuvigil_segment_row* row, const cell* c, cell* seen) {
  ADD(row->sum_ns, take(&c->sum_ns, &seen->sum_ns));
  ADD(row->memory_calls, take(&c->memory_calls, &seen->memory_calls));
  ADD(row->memory_bytes, take(&c->memory_bytes, &seen->memory_bytes));
  double squares;
  __atomic_load(&c->sum_squares_ns2, &squares, __ATOMIC_RELAXED);
  double sum = row->sum_squares_ns2 + (squares - seen->sum_squares_ns2);
  seen->sum_squares_ns2 = squares;
  __atomic_store(&row->sum_squares_ns2, &sum, __ATOMIC_RELAXED);
}

/// After the pages: an extreme is stored before its page.
static void publish_extremes(gpuvigil_segment_row* row, const cell* c) {
  const uint64_t largest = GET(c->largest_memory_bytes);
  if (largest > row->largest_memory_bytes) SET(row->largest_memory_bytes, largest);
  for (size_t i = 0; i < 2; ++i) {
    const cell_range* const range = &c->extremes[i];
    if (__atomic_load_n(&range->epoch, __ATOMIC_ACQUIRE) < first_epoch) continue;
    const uint64_t lowest = GET(range->min_ns);
    const uint64_t highest = GET(range->max_ns);
    if (lowest < row->min_ns) SET(row->min_ns, lowest);
    if (highest > row->max_ns) SET(row->max_ns, highest);
  }
  const uint64_t end = GET(c->last_end_ns);
  if (end >= row->last_end_ns) {
    SET(row->last_end_ns, end);
    SET(row->last_duration_ns, GET(c->last_duration_ns));
  }
}

static uint64_t publish_pages(gpuvigil_segment_row* row, uint32_t id, const cell* c,
                              cell_taken* seen, bool is_kept) {
  uint64_t calls = 0;
  for (uint32_t page = 0; page < GPUVIGIL_SKETCH_PAGES; ++page) {
    const gpuvigil_segment_page* const counted = __atomic_load_n(&c->pages[page], __ATOMIC_ACQUIRE);
    if (counted == NULL || GET(gpuvigil_series_at(id)->pages[page]) == 0) continue;
    if (seen->pages[page] == NULL) seen->pages[page] = calloc(1, sizeof(*counted));
    if (seen->pages[page] == NULL) continue;  // no memory: in a later round
    calls += publish_page(row, id, page, counted, seen->pages[page], is_kept);
  }
  return calls;
}

static void publish_cell(shard* s, uint32_t id, const cell* c, bool is_shared) {
  const uint64_t calls = __atomic_load_n(&c->calls, __ATOMIC_ACQUIRE);
  if (s->taken[id] == NULL) s->taken[id] = calloc(1, sizeof(cell_taken));
  cell_taken* const seen = s->taken[id];
  if (seen == NULL || calls == seen->counters.calls) return;
  gpuvigil_segment_row* const row = entry(&layout.rows, id);
  const bool is_kept = is_shared || row->calls < MAX_CALLS_ALONE;
  gpuvigil_segment_row dropped = *row;
  gpuvigil_segment_row* const into = is_kept ? row : &dropped;
  ADD(into->calls, calls - seen->counters.calls);
  seen->counters.calls = calls;
  publish_sums(into, c, &seen->counters);
  const uint64_t counted = publish_pages(row, id, c, seen, is_kept);
  publish_extremes(into, c);
  if (!is_kept) ADD(header()->losses[GPUVIGIL_LOSS_UNCOUNTED], counted);
}

static void count_unlisted(uint64_t more) {
  ADD(header()->losses[GPUVIGIL_LOSS_UNLISTED], more);
}

/// What a thread listed since the last round, as far as it is still whole.
static uint32_t gather(shard* s, uint64_t head, execution* into, uint32_t room) {
  uint64_t from = s->recent_taken;
  s->recent_taken = head;
  const uint64_t most = room < MAX_RECENT - 1U ? room : MAX_RECENT - 1U;
  if (head - from > most) {
    count_unlisted(head - from - most);
    from = head - most;
  }
  uint32_t gathered = 0;
  for (uint64_t n = from; n < head; ++n) {
    const execution* const one = &s->recent[n % MAX_RECENT];
    const execution copy = {.id = GET(one->id),
                            .duration_ns = GET(one->duration_ns),
                            .memory_bytes = GET(one->memory_bytes),
                            .start_ns = GET(one->start_ns),
                            .end_ns = __atomic_load_n(&one->end_ns, __ATOMIC_ACQUIRE)};
    // Entry n + MAX_RECENT is being written while the head still stands at n + MAX_RECENT.
    if (__atomic_load_n(&s->recent_head, __ATOMIC_ACQUIRE) < n + MAX_RECENT) {
      into[gathered++] = copy;
    } else {
      count_unlisted(1);
    }
  }
  return gathered;
}

static int by_end(const void* a, const void* b) {
  const uint64_t x = ((const execution*)a)->end_ns;
  const uint64_t y = ((const execution*)b)->end_ns;
  return (x > y) - (x < y);
}

static void list(const execution* one) {
  gpuvigil_segment_header* const h = header();
  gpuvigil_segment_recent* const into =
      entry(&layout.recent, (uint32_t)(h->recent_head % MAX_RECENT));
  const bool has_memory = one->memory_bytes != GPUVIGIL_NO_MEMORY;
  const uint32_t flags = (has_memory ? GPUVIGIL_RECENT_HAS_MEMORY : 0U) |
                         (one->start_ns != 0 ? GPUVIGIL_RECENT_HAS_START : 0U);
  const gpuvigil_segment_recent made = {.row = (uint32_t)one->id,
                                        .flags = flags,
                                        .start_ns = one->start_ns,
                                        .end_ns = one->end_ns,
                                        .duration_ns = one->duration_ns,
                                        .memory_bytes = has_memory ? one->memory_bytes : 0};
  *into = made;
  SET(h->recent_head, h->recent_head + 1U);
}

static void publish_recent(execution* gathered, uint32_t count) {
  qsort(gathered, count, sizeof(*gathered), by_end);
  const uint32_t newest = count > MAX_RECENT ? count - MAX_RECENT : 0;
  if (newest > 0) count_unlisted(newest);
  for (uint32_t i = newest; i < count; ++i) list(&gathered[i]);
}

static void publish_shards(bool is_shared) {
  static execution gathered[MAX_GATHERED];  // the publisher's alone
  static uint64_t heads[MAX_SHARDS + 1U];
  const uint32_t shards = gpuvigil_shard_count();
  // Read first: what is listed up to here is counted. Named before that are all that count.
  for (uint32_t i = 0; i < shards; ++i) {
    heads[i] = __atomic_load_n(&gpuvigil_shard_at(i)->recent_head, __ATOMIC_ACQUIRE);
  }
  write_identities();
  uint32_t count = 0;
  for (uint32_t i = 0; i < shards; ++i) {
    shard* const s = gpuvigil_shard_at(i);
    if (heads[i] == s->recent_taken) continue;
    for (uint32_t id = 0; id < rows_written; ++id) {
      const cell* const c = __atomic_load_n(&s->cells[id], __ATOMIC_ACQUIRE);
      if (c != NULL) publish_cell(s, id, c, is_shared);
    }
    count += gather(s, heads[i], gathered + count, MAX_GATHERED - count);
  }
  publish_recent(gathered, count);
}

static bool has_news(void) {
  // How far it has looked is news where nothing happened, too.
  if (extras->publish != NULL) return true;
  if (rows_written != gpuvigil_series_count()) return true;
  for (uint32_t i = 0; i < gpuvigil_shard_count(); ++i) {
    const shard* const s = gpuvigil_shard_at(i);
    if (GET(s->recent_head) != s->recent_taken) return true;
  }
  for (uint32_t i = 0; i < GPUVIGIL_LOSSES; ++i) {
    if (GET(losses[i]) != losses_taken[i]) return true;
  }
  return false;
}

void gpuvigil_writer_publish(bool is_shared) {
  if (segment == NULL || !has_news()) return;
  gpuvigil_segment_header* const h = header();
  // Acquire, so that nothing below is seen before the number is odd.
  __atomic_exchange_n(&h->flush_seq, ++flush_seq, __ATOMIC_ACQ_REL);
  const uint64_t now = now_ns();
  // An agent counts without atomics while it holds.
  if (extras->publish != NULL) gpuvigil_shard_hold();
  next_first_epoch = gpuvigil_shard_new_epoch();
  publish_shards(is_shared);
  for (uint32_t i = 0; i < GPUVIGIL_LOSSES; ++i) {
    ADD(h->losses[i], take(&losses[i], &losses_taken[i]));
  }
  if (extras->publish != NULL) {
    extras->publish(segment);
    gpuvigil_shard_release();
  }
  SET(h->flushed_at_ns, now);
  __atomic_store_n(&h->flush_seq, ++flush_seq, __ATOMIC_RELEASE);
}
