// SPDX-License-Identifier: Apache-2.0
#pragma once

// The buffers that CUPTI fills: at most CUDA_MAX_BUFFERS of CUDA_BUFFER_BYTES. None is ever freed
// while CUPTI may have it.
//
// They come from malloc(): should another profiler be given one of ours, as happens when it takes
// the callbacks over, most free it. What was lost in that way is never used again.
//
// Threads: cuda_buffers_give() and _came_back() from any, and no lock is taken, because CUPTI holds
// its own while it calls; the rest on the agent's thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CUDA_BUFFER_BYTES (256UL * 1024UL)
#define CUDA_MAX_BUFFERS 256U
#define CUDA_NO_BUFFER UINT32_MAX
/// What is given to releases that crash without a buffer; what is in it is counted, and lost.
#define CUDA_SPARE_BYTES (16UL * 1024UL)
#define CUDA_SPARES 64U

/// Makes the first buffers. `may_refuse`: CUPTI bears to be given none.
void cuda_buffers_start(bool may_refuse);

/// A buffer for CUPTI and its size; NULL when all are in use and it bears that.
uint8_t* cuda_buffers_give(size_t* size);

/// The number of a buffer that came back; CUDA_NO_BUFFER: it is none of ours, or a spare one.
uint32_t cuda_buffers_came_back(const uint8_t* buffer);
bool cuda_buffers_is_spare(const uint8_t* buffer);

/// One that came back may be given again.
void cuda_buffers_release(uint32_t number);

/// One that came back cannot be read yet. How many such there are.
uint32_t cuda_buffers_put_aside(uint32_t number, size_t valid);

/// One that was put aside: its bytes, `valid`, and its number for cuda_buffers_release(); NULL when
/// there is none. Any thread.
uint8_t* cuda_buffers_take_aside(uint32_t* number, size_t* valid);

/// Begins a round, and keeps as many buffers ready as were needed in the last one.
void cuda_buffers_next_round(void);

/// How many were given at least so many rounds ago and are still out.
uint32_t cuda_buffers_overdue(uint32_t rounds);

/// Gives up those: they are not ours any more.
uint32_t cuda_buffers_abandon(uint32_t rounds);

/// How often one was given; how often one came back.
uint64_t cuda_buffers_given(void);
uint64_t cuda_buffers_returned(void);

#ifdef __cplusplus
}
#endif
