// SPDX-License-Identifier: Apache-2.0
#pragma once

// Report the GPU work of a program to a gpuvigil that runs on the same machine. C11 and C++;
// link with -lgpuvigil_client, which needs libc and nothing else.
//
//     gpuvigil_client* client = gpuvigil_open(NULL);
//     gpuvigil_handle* conv2d = gpuvigil_kernel(client, "conv2d", 0);   // once
//     gpuvigil_record(conv2d, 312000, GPUVIGIL_NO_MEMORY);              // from any thread
//     gpuvigil_close(client);
//
// No server is needed: executions are counted in the process, and handed over once there is one,
// also after it was restarted. Nothing here waits for the server but gpuvigil_flush() and
// gpuvigil_close(), which wait for a time that is stated.
//
// Where the server is: `socket_path`; else $GPUVIGIL_SOCKET; else $XDG_RUNTIME_DIR/gpuvigil/
// agent.sock and /run/gpuvigil/agent.sock, whichever answers.
//
// fork(): the child counts nothing until it calls gpuvigil_open() itself; then it starts from zero.
// Set-user-ID programs (AT_SECURE): nothing is counted, no file and no socket is touched.
// Threads: every function is safe from any thread, none from a signal handler.

#include <stddef.h>
#include <stdint.h>

// NOLINTBEGIN(readability-identifier-naming,modernize-use-using,modernize-deprecated-headers)

#ifdef __cplusplus
extern "C" {
#endif

/// The client of this process. There is one: every gpuvigil_open() gives the same.
typedef struct gpuvigil_client gpuvigil_client;

/// A kernel on a device; valid until the process ends.
typedef struct gpuvigil_handle gpuvigil_handle;

typedef struct gpuvigil_options {
  size_t size;              ///< sizeof(gpuvigil_options), so that it can grow.
  const char* socket_path;  ///< NULL: as told above.
} gpuvigil_options;

/// How things stand with the server.
typedef enum gpuvigil_state {
  GPUVIGIL_CONNECTED = 0,  ///< A server has what was published.
  GPUVIGIL_SEARCHING = 1,  ///< No server answers yet; tried again every second.
  GPUVIGIL_REFUSED = 2,    ///< A server is there and does not take us; tried again every minute.
  GPUVIGIL_OFF = 3         ///< Closed, forked, set-user-ID, or the system gives us no thread.
} gpuvigil_state;

/// The execution does not say what memory it used.
#define GPUVIGIL_NO_MEMORY UINT64_MAX

/// Starts to report. Never fails: what is not possible is retried, or told by gpuvigil_get_state().
/// `options` may be NULL; they count when nothing is open yet. Starts one thread, which takes no
/// signals, wakes four times a second, and ends with the last gpuvigil_close().
gpuvigil_client* gpuvigil_open(const gpuvigil_options* options);

/// Says what device a number stands for, so that its kernels are shown with the rest of what is
/// known of it: `uuid` as the driver gives it ("GPU-..."), `name` for people or NULL. Without it
/// the device is known by its number. 0, or -1 with errno EINVAL: a number of 64 or more, a uuid
/// that is empty or over 63 bytes; EBUSY: the number is in use; ENOSPC: no room for its kernels.
int gpuvigil_device(gpuvigil_client* client, unsigned number, const char* uuid, const char* name);

/// The handle of a kernel on a device. Takes a lock: once a kernel, not once a record. Where there
/// is no room for more (about 1000 kernels in all) it is the one of the device's "__other__".
/// NULL with errno EINVAL: a name that is empty or over 8192 bytes, a device of 64 or more; ENOSPC.
gpuvigil_handle* gpuvigil_kernel(gpuvigil_client* client, const char* name, unsigned device);

/// Counts one execution that ends now. `memory_bytes`: device memory that it used, or
/// GPUVIGIL_NO_MEMORY. No lock and no system call, but for the first record of a thread or a kernel
/// in it. Refused and counted as such: a NULL handle, a duration of 2^50 ns (13 days) or more,
/// memory of 2^50 bytes or more.
void gpuvigil_record(gpuvigil_handle* kernel, uint64_t duration_ns, uint64_t memory_bytes);

/// Publishes what was recorded before the call, and waits for that and for a server, at most
/// `timeout_ms`. 0: a server has it. -1: no server yet; what was recorded stays for a later one.
int gpuvigil_flush(gpuvigil_client* client, unsigned timeout_ms);

/// The state; `why`, if not NULL, gets a sentence for people that always ends with a NUL.
gpuvigil_state gpuvigil_get_state(gpuvigil_client* client, char* why, size_t why_size);

/// Ends what one gpuvigil_open() began. The last one flushes, for at most 250 ms, and ends the
/// thread. Handles stay valid: what they record afterwards is counted and handed over by the next
/// gpuvigil_open(). A program that exits without closing is flushed for at most 100 ms.
void gpuvigil_close(gpuvigil_client* client);

#ifdef __cplusplus
}
#endif

// NOLINTEND(readability-identifier-naming,modernize-use-using,modernize-deprecated-headers)
