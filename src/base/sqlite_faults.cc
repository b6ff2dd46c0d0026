// SPDX-License-Identifier: Apache-2.0
#include "base/sqlite_faults.h"

#if defined(GPUVIGIL_FAILPOINTS)

#include <mutex>

#include <sqlite3.h>

#include "base/failpoint.h"

namespace gpuvigil {
namespace {

/// A file of the VFS below; what it needs itself lies right behind.
struct FaultyFile {
  sqlite3_file base;
  sqlite3_file* real;
};

sqlite3_file* real_of(sqlite3_file* file) {
  return reinterpret_cast<FaultyFile*>(file)->real;
}

sqlite3_vfs* below() {
  return sqlite3_vfs_find(nullptr);
}

bool fails() {
  return failpoint("sqlite.io");
}

int close_file(sqlite3_file* file) {
  return real_of(file)->pMethods->xClose(real_of(file));
}
int read_file(sqlite3_file* file, void* into, int count, sqlite3_int64 offset) {
  if (fails()) return SQLITE_IOERR_READ;
  return real_of(file)->pMethods->xRead(real_of(file), into, count, offset);
}
int write_file(sqlite3_file* file, const void* from, int count, sqlite3_int64 offset) {
  if (fails()) return SQLITE_IOERR_WRITE;
  if (failpoint("sqlite.full")) return SQLITE_FULL;
  return real_of(file)->pMethods->xWrite(real_of(file), from, count, offset);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  if (fails()) return SQLITE_IOERR_TRUNCATE;
  return real_of(file)->pMethods->xTruncate(real_of(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  if (fails()) return SQLITE_IOERR_FSYNC;
  return real_of(file)->pMethods->xSync(real_of(file), flags);
}
int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  if (fails()) return SQLITE_IOERR_FSTAT;
  return real_of(file)->pMethods->xFileSize(real_of(file), size);
}
int lock_file(sqlite3_file* file, int level) {
  return real_of(file)->pMethods->xLock(real_of(file), level);
}
int unlock_file(sqlite3_file* file, int level) {
  return real_of(file)->pMethods->xUnlock(real_of(file), level);
}
int check_lock(sqlite3_file* file, int* held) {
  return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}
int control_file(sqlite3_file* file, int what, void* argument) {
  return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}
int sector_size(sqlite3_file* file) {
  return real_of(file)->pMethods->xSectorSize(real_of(file));
}
int characteristics(sqlite3_file* file) {
  return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}
int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** at) {
  if (fails()) return SQLITE_IOERR_SHMMAP;
  return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, at);
}
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
  return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}
void order_shared(sqlite3_file* file) {
  real_of(file)->pMethods->xShmBarrier(real_of(file));
}
int unmap_shared(sqlite3_file* file, int remove) {
  return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_of_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_lock,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = map_shared,
    .xShmLock = lock_shared,
    .xShmBarrier = order_shared,
    .xShmUnmap = unmap_shared,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* made = reinterpret_cast<FaultyFile*>(file);
  made->base.pMethods = nullptr;
  if (fails()) return SQLITE_CANTOPEN;
  made->real = reinterpret_cast<sqlite3_file*>(made + 1);
  const int code = below()->xOpen(below(), name, made->real, flags, out_flags);
  if (made->real->pMethods != nullptr) made->base.pMethods = &kMethods;
  return code;
}

int delete_file(sqlite3_vfs*, const char* name, int sync) {
  if (fails()) return SQLITE_IOERR_DELETE;
  return below()->xDelete(below(), name, sync);
}

}  // namespace

const char* faulty_vfs_name() {
  static constexpr const char* kName = "gpuvigil-faulty";
  static sqlite3_vfs vfs;
  static std::once_flag once;
  std::call_once(once, [] {
    vfs = *below();
    vfs.szOsFile += static_cast<int>(sizeof(FaultyFile));
    vfs.zName = kName;
    vfs.pNext = nullptr;
    vfs.xOpen = open_file;
    vfs.xDelete = delete_file;
    sqlite3_vfs_register(&vfs, 0);
  });
  return kName;
}

}  // namespace gpuvigil

#endif
