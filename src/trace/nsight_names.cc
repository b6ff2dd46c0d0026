// SPDX-License-Identifier: Apache-2.0
#include "trace/nsight_names.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace gpuvigil::detail {
namespace {

constexpr std::size_t kBytesBesideText = 96;  // of the map's node, roughly

/// By number, as CUpti_ActivityMemcpyKind counts them (0 to 10) and nsys goes on (11 to 13).
constexpr std::array<std::string_view, 14> kCopyNames = {
    "Memcpy Unknown",        "Memcpy HtoD",          "Memcpy DtoH", "Memcpy HtoA",
    "Memcpy AtoH",           "Memcpy AtoA",          "Memcpy AtoD", "Memcpy DtoA",
    "Memcpy DtoD",           "Memcpy HtoH",          "Memcpy PtoP", "Memcpy HtoD (unified)",
    "Memcpy DtoH (unified)", "Memcpy DtoD (unified)"};

/// By number, as ENUM_CUDA_MEM_KIND of the exports has them.
constexpr std::array<std::string_view, 8> kMemoryKinds = {
    "Pageable", "Pinned",        "Device",         "Array",
    "Managed",  "Device Static", "Managed Static", "Unknown"};

template <std::size_t kSize>
bool is_index(std::int64_t number, const std::array<std::string_view, kSize>&) {
  return number >= 0 && std::cmp_less(number, kSize);
}

}  // namespace

Result<NsightNames> NsightNames::open(SqliteFile& file, bool has_table, bool id_is_key,
                                      std::size_t max_bytes) {
  NsightNames names(file.name(), max_bytes);
  if (!has_table) return names;
  if (id_is_key) {
    GPUVIGIL_TRY(names.lookup_, file.prepare("SELECT value FROM StringIds WHERE id = ?1"));
  } else {
    GPUVIGIL_CHECK(names.read_all(file));
  }
  return names;
}

Result<void> NsightNames::read_all(SqliteFile& file) {
  GPUVIGIL_TRY(auto rows, file.prepare("SELECT id, value FROM StringIds"));
  while (true) {
    GPUVIGIL_TRY(const bool more, rows.step());
    if (!more) return {};
    const auto id = rows.integer(0);
    if (id && !names_.contains(*id)) GPUVIGIL_CHECK(keep(*id, rows.text(1)));
  }
}

Result<const NsightName*> NsightNames::find(std::int64_t id) {
  if (const auto known = names_.find(id); known != names_.end()) return &known->second;
  if (!lookup_) return keep(id, std::nullopt);
  lookup_->restart_with(id);
  GPUVIGIL_TRY(const bool is_there, lookup_->step());
  return keep(id, is_there ? lookup_->text(0) : std::nullopt);
}

Result<const NsightName*> NsightNames::keep(std::int64_t id, std::optional<std::string_view> text) {
  NsightName name;
  name.found = text.has_value();
  if (!text) {
    name.text = fmt::format("(kernel name {} is not in the recording)", id);
  } else if (text->size() > kMaxKernelNameBytes) {
    name.text = make_kernel_name(*text)->name;  // the identity that it will have anyway
  } else {
    name.text = *text;
  }
  if (name.found) name.kind = kind_of_kernel(name.text);
  bytes_ += name.text.size() + kBytesBesideText;
  if (bytes_ > max_bytes_) {
    return fail(Errc::kTooLarge, fmt::format("{}: more than {} MiB of distinct names", file_name_,
                                             max_bytes_ >> 20U));
  }
  return &names_.emplace(id, std::move(name)).first->second;
}

std::string nsight_copy_name(std::optional<std::int64_t> copy_kind) {
  if (!copy_kind) return "Memcpy";
  if (!is_index(*copy_kind, kCopyNames)) return fmt::format("Memcpy kind {}", *copy_kind);
  return std::string(kCopyNames[static_cast<std::size_t>(*copy_kind)]);
}

std::string nsight_set_name(std::optional<std::int64_t> memory_kind) {
  if (!memory_kind) return "Memset";
  if (!is_index(*memory_kind, kMemoryKinds)) return fmt::format("Memset (kind {})", *memory_kind);
  return fmt::format("Memset ({})", kMemoryKinds[static_cast<std::size_t>(*memory_kind)]);
}

}  // namespace gpuvigil::detail
