// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "base/sqlite.h"
#include "model/kernel.h"

namespace gpuvigil::detail {

/// A name out of StringIds, or what stands for one that is not there.
struct NsightName {
  std::string text;
  KernelKind kind = KernelKind::kCompute;
  bool found = false;
};

/// The strings of an export by their ids, read when they are first asked for.
///
/// Threading: one thread at a time.
class NsightNames {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20U;

  /// `has_table`: there is a StringIds with the columns id and value; `id_is_key`: id is its
  /// primary key. Without a key the whole table is read here, for each look-up would walk it.
  /// Errors: those of SqliteFile, kTooLarge as find().
  [[nodiscard]] static Result<NsightNames> open(SqliteFile& file, bool has_table, bool id_is_key,
                                                std::size_t max_bytes = kMaxBytes);

  /// Never null; valid as long as this object. Errors: those of SqliteStatement::step, kTooLarge
  /// beyond max_bytes of distinct names.
  [[nodiscard]] Result<const NsightName*> find(std::int64_t id);

 private:
  NsightNames(std::string file_name, std::size_t max_bytes)
      : file_name_(std::move(file_name)), max_bytes_(max_bytes) {}
  Result<void> read_all(SqliteFile& file);
  Result<const NsightName*> keep(std::int64_t id, std::optional<std::string_view> text);

  std::string file_name_;
  std::size_t max_bytes_;
  std::optional<SqliteStatement> lookup_;
  std::unordered_map<std::int64_t, NsightName> names_;
  std::size_t bytes_ = 0;
};

/// "Memcpy HtoD": of CUPTI's copyKind, and of the unified-memory kinds that nsys adds to it.
[[nodiscard]] std::string nsight_copy_name(std::optional<std::int64_t> copy_kind);

/// "Memset (Device)": of ENUM_CUDA_MEM_KIND.
[[nodiscard]] std::string nsight_set_name(std::optional<std::int64_t> memory_kind);

}  // namespace gpuvigil::detail
