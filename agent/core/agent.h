// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is common to the libraries that sit in other people's programs and watch what they do with
// a GPU. One a process; they are guests, so:
//
// - nothing here fails loudly: what is not possible is not done, and told in the segment;
// - nothing waits for the server, and the end of the program waits at most 2 s (agent_stop);
// - set-user-ID programs (AT_SECURE): nothing is done at all;
// - a forked child is silent: agent_is_on() is false in it, and everything counted is forgotten;
// - nothing is written to the program's descriptors; GPUVIGIL_AGENT_LOG=FILE (or "stderr") asks for
//   a log.
//
// Environment: GPUVIGIL_AGENT=off, GPUVIGIL_AGENT_LOG, GPUVIGIL_BUDGET_PERCENT (agent_budget.h),
// GPUVIGIL_SOCKET (as gpuvigil.h has it).
//
// Times are CLOCK_MONOTONIC in nanoseconds; who has CLOCK_REALTIME asks agent_from_realtime().
//
// Threads: every function from any thread, none from a signal handler; where "held" is said, only
// between agent_hold() and agent_release(). The lock is taken before any lock of the core's own and
// never while the core calls back, so a callback may take it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpuvigil/segment.h"

/// No device, series or shape.
#define AGENT_NONE UINT32_MAX

/// An execution that is as long or longer has no times.
#define AGENT_LONGEST_NS (UINT64_C(1) << 50U)

/// What one agent is. Has to stay as it is for ever.
typedef struct agent_plan {
  const char* writer;  ///< "cuda", "opencl"
  uint32_t features;   ///< GPUVIGIL_SEGMENT_HAS_*; HAS_STATUS is always told.
  /// Brings in what the driver still keeps to itself; about once a `flush_ms`, and a last time with
  /// `is_last`. On the agent's thread, nothing held. May be NULL, and may hang at the end.
  void (*flush)(bool is_last);
  uint32_t flush_ms;  ///< At least 250.
  /// The agent is to look more closely, or less so (GPUVIGIL_DETAIL_*, one of `every`). On the
  /// agent's thread, nothing held. May be NULL: then only agent_detail() tells.
  void (*on_detail)(uint32_t detail, uint32_t every);
  /// In a forked child, where only what a signal handler may do is allowed. May be NULL.
  void (*in_child)(void);
} agent_plan;

/// False in a set-user-ID program, and where the environment says so: then nothing may be done.
bool agent_is_wanted(void);

/// Starts the agent's thread. False, and nothing was done: already started, not wanted, or the
/// system gives no thread.
bool agent_start(const agent_plan* plan);

/// The last flush, on the agent's thread, waited for at most 2 s; done by itself at exit(). Nothing
/// is counted afterwards.
void agent_stop(void);

/// Between agent_start() and agent_stop(), and not in a forked child. One load.
bool agent_is_on(void);

// ---- what there is ----

/// The index of a device, made when `number` (below 64, as the program speaks of it) is new:
/// `uuid` as the driver gives it, or "" where it has none; `name` for people. AGENT_NONE without
/// room.
uint32_t agent_device(uint32_t number, const char* uuid, const char* name);

/// The series of a name of a kind (GPUVIGIL_KIND_*) on a device (its number). A name is cut at 8192
/// bytes. Where there is no room it is the device's "__other__"; AGENT_NONE when there is not even
/// that. Takes a lock and hashes the name: to be kept by whoever asks often.
uint32_t agent_series(const char* name, uint32_t kind, uint32_t number);

/// What the driver calls itself, "CUPTI 130001"; cut at 63 bytes.
void agent_runtime(const char* text);

/// Nothing can be seen from now on, for a reason GPUVIGIL_BLIND_*; 0: it can again.
void agent_blind(uint32_t reason);

// ---- counting ----

/// Begins to count: one lock for as many executions as there are in a buffer.
void agent_hold(void);
void agent_release(void);

/// How it was launched; all zero where nobody knows.
typedef struct agent_shape {
  uint32_t grid[3];
  uint32_t block[3];
  uint32_t registers;
  uint32_t static_shared_bytes;
  uint32_t dynamic_shared_bytes;
} agent_shape;

/// Stands for any shape for which whoever keeps them had no room.
extern const agent_shape agent_shape_other;

typedef struct agent_execution {
  uint32_t series;  ///< Of agent_series(); AGENT_NONE counts as a loss.
  uint32_t device;  ///< Index, of agent_device().
  uint32_t kind;    ///< GPUVIGIL_KIND_*, as its series; never GPUVIGIL_KIND_BY_NAME.
  uint64_t stream;  ///< As the driver numbers them.
  uint64_t start_ns;
  uint64_t end_ns;           ///< Before start_ns, or 0: untimed.
  const agent_shape* shape;  ///< NULL: not known, or not looked at.
  uint64_t bytes;            ///< That were copied or set, where `has_bytes`.
  uint64_t correlation;      ///< As the driver numbers launches; 0: it does not, or not here.
  bool has_bytes;
  bool is_detail;  ///< Also for the streams, the shapes and the list of the newest.
} agent_execution;

/// Counts one execution, and traces it. Held.
void agent_count(const agent_execution* one);

/// Whether a server asks for single executions; the same as long as it is held.
bool agent_is_traced(void);

/// Traces an execution that was counted otherwise, by agent_launch_count(). Held.
void agent_trace(const agent_execution* one);

/// Counts executions of which only the number is known. Any thread, no lock.
void agent_count_untimed(uint32_t series, uint64_t calls);

/// Counts executions that are in no row, by GPUVIGIL_LOSS_*. Any thread, no lock.
void agent_lose(uint32_t loss, uint64_t calls);

/// Everything that ended before this was counted: busy times up to here are complete. Only grows.
/// Without GPUVIGIL_SEGMENT_HAS_BUSY of no effect.
void agent_covered(uint64_t until_ns);

/// Device memory of this process on a device (index) now; the peak is kept here. Held.
void agent_memory(uint32_t device, uint64_t allocated, uint64_t pool_reserved, uint64_t pool_used);

// ---- what it costs ----

/// CPU time that the agent took on a thread of the program's; that of its own thread it knows.
void agent_spent(uint64_t ns);

/// How closely to look now: GPUVIGIL_DETAIL_*, and one execution of how many. One load.
uint32_t agent_detail(uint32_t* every);

// ---- for convenience ----

uint64_t agent_now(void);

/// A CLOCK_REALTIME time as one of CLOCK_MONOTONIC. Their distance is measured anew with each
/// flush, so a step of the clock is wrong for one flush. 0 for 0.
uint64_t agent_from_realtime(uint64_t realtime_ns);

/// A line for GPUVIGIL_AGENT_LOG, if that asks for one. Cut at 400 bytes, at most 1000 a process.
void agent_log(const char* format, ...) __attribute__((format(printf, 1, 2)));
