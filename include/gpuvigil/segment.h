// SPDX-License-Identifier: Apache-2.0
#pragma once

// The layout of the shared memory through which a program reports its GPU work: the process counts,
// the server reads differences. C11 and C++17; needs nothing but <stdint.h>.
//
//   header | devices | rows | recent | names | pages | shapes | streams | memories
//
// A segment is a memfd of at most 1 MiB, sealed against shrinking, growing and further seals, and
// handed over once, by SCM_RIGHTS, with the first message on the server's SOCK_SEQPACKET socket.
// What it holds is what no server has had: a writer that connects again does so with a new segment,
// which begins at zero. Counters are cumulative over the life of the segment.
//
// There is one writer. It makes `flush_seq` odd, writes, and makes it even; a reader's copy is
// whole when the number was even before and is the same after it. Numbers are in the machine's
// order, those of 64 bits aligned, and written by relaxed atomic stores. Entries of tables are only
// appended, and what an entry *is* never changes. A reader has to expect any bytes whatever.
//
// Times are CLOCK_MONOTONIC in nanoseconds, durations nanoseconds, memory bytes. Offsets count from
// the beginning of the segment.

#include <stdint.h>

// NOLINTBEGIN(readability-identifier-naming,modernize-use-using,modernize-deprecated-headers)
// NOLINTBEGIN(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays): names and types of C

#ifdef __cplusplus
extern "C" {
#endif

#define GPUVIGIL_SEGMENT_MAGIC UINT64_C(0x3167657376757067)  // "gpuvseg1"
#define GPUVIGIL_HELLO_MAGIC UINT64_C(0x316c656876757067)    // "gpuvhel1"

/// The number of this layout. A server reads its own number and the two before it: what a program
/// carries stays loaded for weeks while servers are upgraded. A writer says the lowest number that
/// has what it tells, so that older servers take it as well.
///
/// 2: shapes, streams, memories, the writer's status, executions without times. In 1 all of that is
/// zero, and a reader does not look at it.
#define GPUVIGIL_SEGMENT_ABI 2
#define GPUVIGIL_SEGMENT_MAX_BYTES (1024 * 1024)

/// Features: what the writer knows. What it does not is absent, not zero.
/// Bits that a reader does not know it ignores.
#define GPUVIGIL_SEGMENT_HAS_BUSY 1U      ///< `covered_until_ns` and the busy times of devices.
#define GPUVIGIL_SEGMENT_HAS_SHAPES 2U    ///< The table of shapes. From layout 2 on, as all below.
#define GPUVIGIL_SEGMENT_HAS_STREAMS 4U   ///< The table of streams.
#define GPUVIGIL_SEGMENT_HAS_MEMORY 8U    ///< The table of memories.
#define GPUVIGIL_SEGMENT_HAS_STATUS 16U   ///< The status of the writer.
#define GPUVIGIL_SEGMENT_HAS_UNTIMED 32U  ///< `untimed_calls` of rows.
#define GPUVIGIL_SEGMENT_HAS_TRACE 64U    ///< It hears requests of trace_ring.h.

/// The bucket scheme of the sketches, number 1: one bucket for each nanosecond below 64, then 32
/// for each power of two below 2^38, and one for what is longer. In pages of 128 buckets.
#define GPUVIGIL_SKETCH_SCHEME 1U
#define GPUVIGIL_SKETCH_BUCKETS 1089U
#define GPUVIGIL_SKETCH_PAGE_BUCKETS 128U
#define GPUVIGIL_SKETCH_PAGES 9U

/// Kinds of GPU work; 0 leaves it to the reader, who goes by the name.
#define GPUVIGIL_KIND_BY_NAME 0U
#define GPUVIGIL_KIND_COMPUTE 1U
#define GPUVIGIL_KIND_COLLECTIVE 2U
#define GPUVIGIL_KIND_MEMCPY 3U
#define GPUVIGIL_KIND_MEMSET 4U

/// Losses: what happened and is in no row.
#define GPUVIGIL_LOSS_REFUSED 0U  ///< Bad arguments to a recording call
#define GPUVIGIL_LOSS_UNCOUNTED \
  1U                              ///< The writer had no room to count it, or its driver dropped it.
#define GPUVIGIL_LOSS_UNTIMED 2U  ///< The driver gave no times.
#define GPUVIGIL_LOSS_UNLISTED 3U  ///< Counted, but never among the newest
#define GPUVIGIL_LOSSES 8U         ///< Places; those without a name are 0.

#define GPUVIGIL_RECENT_HAS_START 1U
#define GPUVIGIL_RECENT_HAS_MEMORY 2U

/// How closely a writer looks at present; what it does not look at it still counts.
#define GPUVIGIL_DETAIL_FULL 0U     ///< At everything.
#define GPUVIGIL_DETAIL_SAMPLED 1U  ///< At one execution of every `detail_every`.
#define GPUVIGIL_DETAIL_COUNTS 2U   ///< At none.
#define GPUVIGIL_DETAIL_OFF 3U      ///< Not even counting: what happens now is not told at all.

/// Why a writer sees nothing; 0: it sees.
#define GPUVIGIL_BLIND_PROFILER 1U     ///< Another profiler holds the driver's hooks.
#define GPUVIGIL_BLIND_REFUSED 2U      ///< The driver refused.
#define GPUVIGIL_BLIND_NO_DRIVER 3U    ///< There is no driver, or not its library for profilers.
#define GPUVIGIL_BLIND_UNSUPPORTED 4U  ///< The driver or the device is too old or too new.

/// The row of what is under no row: shapes and streams for which there was no room.
#define GPUVIGIL_NO_ROW UINT32_MAX

/// Where the series of a device go for which there is no room: a row of this name.
#define GPUVIGIL_OTHER_NAME "__other__"

/// Where a table is: `capacity` entries, `stride` bytes apart. A stride may be larger than the
/// entry that this header knows; a newer writer keeps more there.
typedef struct gpuvigil_segment_table {
  uint32_t offset;
  uint32_t stride;
  uint32_t capacity;
  uint32_t reserved;
} gpuvigil_segment_table;

/// How the writer is doing.
typedef struct gpuvigil_segment_status {
  uint32_t detail;          ///< GPUVIGIL_DETAIL_*
  uint32_t detail_every;    ///< At least 1.
  uint64_t cost_ns;         ///< CPU time that it took of its process, as far as it measures.
  uint64_t blind_since_ns;  ///< 0: it sees.
  uint32_t blind_reason;    ///< GPUVIGIL_BLIND_*
  uint32_t reserved;
  char runtime[64];  ///< What it sits in, "CUPTI 130001"; ends with a NUL. Said once known.
} gpuvigil_segment_status;

typedef struct gpuvigil_segment_header {
  // Never changes once the segment is handed over.
  uint64_t magic;
  uint32_t abi;
  uint32_t size;            ///< Bytes of the segment.
  uint32_t features;        ///< GPUVIGIL_SEGMENT_HAS_*
  uint32_t sketch_scheme;   ///< GPUVIGIL_SKETCH_SCHEME
  uint64_t incarnation[2];  ///< Random: no two segments have the same.
  uint64_t since_ns;        ///< When counting into it began.
  int32_t pid;              ///< As the writer sees it. The server asks the socket instead.
  uint32_t reserved0;
  char writer[16];  ///< "sdk", "cuda", "opencl"; ends with a NUL.
  gpuvigil_segment_table devices;
  gpuvigil_segment_table rows;
  gpuvigil_segment_table recent;
  gpuvigil_segment_table names;  ///< Bytes: a stride of 1.
  gpuvigil_segment_table pages;
  gpuvigil_segment_table shapes;
  gpuvigil_segment_table streams;
  gpuvigil_segment_table memories;  ///< As many as there are devices, in their order.
  uint64_t reserved1[7];

  // Changes with each flush.
  uint64_t flush_seq;  ///< Odd while the writer writes.
  uint64_t flushed_at_ns;
  uint64_t covered_until_ns;  ///< Up to here busy times are complete.
  uint64_t recent_head;       ///< How many were ever listed; entry n is at n modulo capacity.
  uint32_t devices_used;
  uint32_t rows_used;
  uint64_t losses[GPUVIGIL_LOSSES];
  uint32_t shapes_used;
  uint32_t streams_used;
  gpuvigil_segment_status status;
  uint64_t reserved2[6];
} gpuvigil_segment_header;

typedef struct gpuvigil_segment_device {
  char uuid[64];    ///< "GPU-...", "MIG-..."; ends with a NUL. Empty: known only by its number.
  char name[64];    ///< For people; empty when nobody said it.
  uint32_t number;  ///< By which the program speaks of it, below 64.
  uint32_t reserved0;
  uint64_t kernel_busy_ns;  ///< Union of the intervals in which a kernel ran.
  uint64_t gpu_busy_ns;     ///< The same with copies and sets.
  uint64_t reserved1;
} gpuvigil_segment_device;

/// A series: one name of one kind on one device. Threads may count while the writer writes: then
/// sums may lag behind the pages, and extremes run ahead of them. `calls` lags behind everything;
/// where it is what the pages add up to, all of it is whole.
typedef struct gpuvigil_segment_row {
  uint32_t name_offset;  ///< Within the table of names.
  uint32_t name_bytes;   ///< 1 to 8192.
  uint32_t device;       ///< Index in the table of devices.
  uint32_t kind;         ///< GPUVIGIL_KIND_*
  uint64_t calls;
  uint64_t sum_ns;
  uint64_t min_ns;
  uint64_t max_ns;
  double sum_squares_ns2;
  uint64_t memory_calls;  ///< Executions that carried their memory.
  uint64_t memory_bytes;
  uint64_t largest_memory_bytes;
  uint64_t last_end_ns;
  uint64_t last_duration_ns;
  uint16_t pages[GPUVIGIL_SKETCH_PAGES];  ///< 1 + index in the table of pages; 0: there is none.
  uint16_t reserved[3];
  uint64_t
      untimed_calls;  ///< Executions beside `calls`, of which nothing but their number is known.
} gpuvigil_segment_row;

/// Counts of 128 buckets, modulo 2^32: a reader takes differences.
typedef struct gpuvigil_segment_page {
  uint32_t counts[GPUVIGIL_SKETCH_PAGE_BUCKETS];
} gpuvigil_segment_page;

/// One of the newest executions; its row counts it.
typedef struct gpuvigil_segment_recent {
  uint32_t row;
  uint32_t flags;  ///< GPUVIGIL_RECENT_HAS_*
  uint64_t start_ns;
  uint64_t end_ns;
  uint64_t duration_ns;
  uint64_t memory_bytes;
  uint64_t reserved;
} gpuvigil_segment_recent;

/// How executions of a row were launched; the first entry is that of GPUVIGIL_NO_ROW. What stands
/// before `calls` never changes.
typedef struct gpuvigil_segment_shape {
  uint32_t row;
  uint32_t registers;  ///< Of a thread; 0: not known.
  uint32_t grid[3];    ///< Groups.
  uint32_t block[3];   ///< Threads of a group; 0: left to the driver.
  uint32_t static_shared_bytes;
  uint32_t dynamic_shared_bytes;
  uint64_t calls;
  uint64_t sum_ns;
  uint64_t reserved;
} gpuvigil_segment_shape;

/// What ran on a stream (a queue); the first entry is that of all for which there was no room. What
/// stands before `calls` never changes.
typedef struct gpuvigil_segment_stream {
  uint64_t stream;  ///< As the driver numbers them; of a device.
  uint32_t device;  ///< Index in the table of devices; GPUVIGIL_NO_ROW in the first entry.
  uint32_t kind;    ///< GPUVIGIL_KIND_*; GPUVIGIL_KIND_BY_NAME in the first entry.
  uint64_t calls;
  uint64_t sum_ns;
  uint64_t reserved;
} gpuvigil_segment_stream;

/// Device memory of this process, as its allocations tell; not what a context takes for itself.
typedef struct gpuvigil_segment_memory {
  uint64_t allocated_bytes;  ///< Now.
  uint64_t peak_bytes;       ///< The most that it ever was.
  uint64_t pool_reserved_bytes;
  uint64_t pool_used_bytes;
  uint64_t reserved[2];
} gpuvigil_segment_memory;

/// The first message of a writer, with the segment's descriptor beside it.
typedef struct gpuvigil_hello {
  uint64_t magic;  ///< GPUVIGIL_HELLO_MAGIC
  uint32_t abi;    ///< That of the segment.
  uint32_t size;   ///< Of the segment.
} gpuvigil_hello;

/// The server's one answer. Afterwards nothing is sent by either but what trace_ring.h has; the end
/// of the connection is the end of the process, or of the server.
typedef struct gpuvigil_welcome {
  uint64_t magic;
  uint32_t accepted;  ///< 1, or 0 when `reason` says why not.
  uint32_t abi;       ///< The newest that the server reads.
  char reason[112];   ///< Ends with a NUL.
} gpuvigil_welcome;

/// The bucket of a duration.
static inline uint32_t gpuvigil_sketch_bucket(uint64_t ns) {
  if (ns >> 38U != 0) return GPUVIGIL_SKETCH_BUCKETS - 1;
  // What is dropped below the five bits behind the highest one; nothing below 64.
  const unsigned drop = ((unsigned)__builtin_clzll(ns | 32U) ^ 63U) - 5U;
  return drop * 32U + (uint32_t)(ns >> drop);
}

#ifdef __cplusplus
#define GPUVIGIL_LAYOUT(what) static_assert(what, #what)
#else
#define GPUVIGIL_LAYOUT(what) _Static_assert(what, #what)
#endif
GPUVIGIL_LAYOUT(sizeof(gpuvigil_segment_header) == 512);
GPUVIGIL_LAYOUT(__builtin_offsetof(gpuvigil_segment_header, flush_seq) == 256);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_segment_device) == 160);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_segment_row) == 128);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_segment_page) == 512);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_segment_recent) == 48);
GPUVIGIL_LAYOUT(__builtin_offsetof(gpuvigil_segment_header, losses) == 296);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_segment_status) == 96);
GPUVIGIL_LAYOUT(__builtin_offsetof(gpuvigil_segment_row, untimed_calls) == 120);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_segment_shape) == 64);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_segment_stream) == 40);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_segment_memory) == 48);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_hello) == 16);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_welcome) == 128);
#undef GPUVIGIL_LAYOUT

#ifdef __cplusplus
}
#endif

// NOLINTEND(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays)
// NOLINTEND(readability-identifier-naming,modernize-use-using,modernize-deprecated-headers)
