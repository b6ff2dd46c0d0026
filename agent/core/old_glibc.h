// SPDX-License-Identifier: Apache-2.0
#pragma once

// Included first in every source of an agent: binds to the oldest versions of functions that newer
// C libraries have given new ones, so that what is built on Debian 12 (glibc 2.36) loads wherever
// there is glibc 2.17. Has no effect on what is not called.
//
// Most of them moved from libpthread and libdl into libc with 2.34. Before that the process has
// those libraries anyway: no driver of a GPU does without.

#include <features.h>

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))
#ifdef __x86_64__
#define BIND(name, version) __asm__(".symver " #name "," #name "@GLIBC_" version)
#else
#define BIND(name, version) __asm__(".symver " #name "," #name "@GLIBC_2.17")
#endif
BIND(dlclose, "2.2.5");
BIND(dlerror, "2.2.5");
BIND(dladdr, "2.2.5");
BIND(dlopen, "2.2.5");
BIND(dlsym, "2.2.5");
BIND(pthread_attr_setdetachstate, "2.2.5");
BIND(pthread_attr_setstacksize, "2.2.5");
BIND(pthread_cond_init, "2.3.2");
BIND(pthread_cond_timedwait, "2.3.2");
BIND(pthread_condattr_setclock, "2.3.3");
BIND(pthread_create, "2.2.5");
BIND(pthread_detach, "2.2.5");
BIND(pthread_getspecific, "2.2.5");
BIND(pthread_join, "2.2.5");
BIND(pthread_key_create, "2.2.5");
BIND(pthread_mutex_trylock, "2.2.5");
BIND(pthread_once, "2.2.5");
BIND(pthread_rwlock_rdlock, "2.2.5");
BIND(pthread_rwlock_unlock, "2.2.5");
BIND(pthread_rwlock_wrlock, "2.2.5");
BIND(pthread_setname_np, "2.12");
BIND(pthread_setspecific, "2.2.5");
BIND(pthread_sigmask, "2.2.5");
BIND(memcpy, "2.2.5");
#undef BIND
#endif
