// SPDX-License-Identifier: Apache-2.0
#pragma once

// Single executions on demand. A writer whose segment (segment.h) has
// GPUVIGIL_SEGMENT_HAS_TRACE may be asked for them by the server, over their connection:
//
//   server   gpuvigil_trace_request
//   writer   gpuvigil_trace_answer, and beside it the descriptor of a memfd: the ring
//   writer   fills the ring with each execution that ends within the time that was asked for
//   writer   when that time has passed: brings in what its driver still keeps, says that it is done
//
// A ring is made for one request, of at most GPUVIGIL_TRACE_MAX_BYTES, sealed as segments are. A
// writer that finds it full writes on from its beginning: a reader that is too slow loses the
// oldest, and sees how many. The time is the writer's to keep: a server that has died leaves
// nothing on.
//
//   header | entries
//
// There is one writer, and one reader who has to expect any bytes whatever. Numbers are in the
// machine's order and aligned. Times are CLOCK_MONOTONIC in nanoseconds.

#include <stdint.h>

// NOLINTBEGIN(readability-identifier-naming,modernize-use-using,modernize-deprecated-headers)
// NOLINTBEGIN(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays): names and types of C

#ifdef __cplusplus
extern "C" {
#endif

#define GPUVIGIL_TRACE_MAGIC UINT64_C(0x3163727476757067)  // "gpuvtrc1"
#define GPUVIGIL_TRACE_MAX_BYTES (4 * 1024 * 1024)
/// What is asked for in excess is cut.
#define GPUVIGIL_TRACE_MAX_NS UINT64_C(60000000000)

/// Entry n is at n modulo capacity. A writer sets `number` to 0, writes, and sets it to n + 1: a
/// reader's copy is whole when it was n + 1 before and is that after it.
typedef struct gpuvigil_trace_entry {
  uint64_t number;
  uint32_t row;     ///< Of the segment; it may be there later than the entry.
  uint32_t device;  ///< Of the segment.
  uint64_t stream;  ///< As the driver numbers them.
  uint64_t start_ns;
  uint64_t end_ns;
  uint64_t bytes;        ///< Copied or set; UINT64_MAX: not known.
  uint64_t correlation;  ///< As the driver numbers launches; 0: not known.
  uint32_t grid[3];      ///< Groups; 0: not known.
  uint32_t block[3];     ///< Threads of a group; 0: left to the driver.
  uint32_t registers;    ///< Of a thread; 0: not known.
  uint32_t shared_bytes;
  uint64_t reserved;
} gpuvigil_trace_entry;

typedef struct gpuvigil_trace_header {
  // Never changes once the ring is handed over.
  uint64_t magic;
  uint64_t id;  ///< Of the request.
  uint32_t size;
  uint32_t offset;  ///< Of the first entry.
  uint32_t stride;  ///< From one to the next: at least what this header knows.
  uint32_t capacity;
  uint64_t from_ns;  ///< What ended before is not in it.
  uint64_t until_ns;

  // Changes.
  uint64_t head;     ///< How many entries were ever written.
  uint64_t untimed;  ///< Executions since `from_ns` of which only their number is known.
  uint64_t lost;     ///< Executions since then that are in no row.
  uint32_t is_done;  ///< 1: nothing more will come.
  uint32_t reserved0;
  uint64_t reserved1[6];
} gpuvigil_trace_header;

typedef struct gpuvigil_trace_request {
  uint64_t magic;        ///< GPUVIGIL_TRACE_MAGIC
  uint64_t id;           ///< Not 0.
  uint64_t duration_ns;  ///< From when it is read; 0: nobody wants that trace any longer.
  uint64_t reserved;
} gpuvigil_trace_request;

typedef struct gpuvigil_trace_answer {
  uint64_t magic;  ///< GPUVIGIL_TRACE_MAGIC
  uint64_t id;     ///< Of the request.
  uint32_t size;   ///< Of the ring; 0: there is none, and no descriptor.
  uint32_t reserved;
} gpuvigil_trace_answer;

#ifdef __cplusplus
#define GPUVIGIL_LAYOUT(what) static_assert(what, #what)
#else
#define GPUVIGIL_LAYOUT(what) _Static_assert(what, #what)
#endif
GPUVIGIL_LAYOUT(sizeof(gpuvigil_trace_entry) == 96);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_trace_header) == 128);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_trace_request) == 32);
GPUVIGIL_LAYOUT(sizeof(gpuvigil_trace_answer) == 24);
#undef GPUVIGIL_LAYOUT

#ifdef __cplusplus
}
#endif

// NOLINTEND(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays)
// NOLINTEND(readability-identifier-naming,modernize-use-using,modernize-deprecated-headers)
