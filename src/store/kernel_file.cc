// SPDX-License-Identifier: Apache-2.0
#include "store/kernel_file.h"

#include <fmt/format.h>

namespace gpuvigil {
namespace {

std::int64_t signed_of(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

std::uint64_t unsigned_of(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

std::int64_t number_of(TierId tier) {
  return static_cast<std::int64_t>(tier);
}

}  // namespace

Result<void> KernelFile::add_kernel(const StoredKernel& kernel) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("INSERT INTO kernel VALUES(?,?,?,?)"));
  query.bind(1, signed_of(kernel.number)).bind(2, signed_of(kernel.id)).bind(3, kernel.used_ns);
  return query.bind_text(4, kernel.name).run();
}

Result<void> KernelFile::touch_kernel(std::uint64_t number, std::int64_t used_ns) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("UPDATE kernel SET used=? WHERE id=?"));
  return query.bind(1, used_ns).bind(2, signed_of(number)).run();
}

Result<void> KernelFile::drop_kernel(std::uint64_t number) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("DELETE FROM kernel WHERE id=?"));
  return query.bind(1, signed_of(number)).run();
}

Result<void> KernelFile::add_device(std::uint32_t number, const std::string& uuid) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("INSERT INTO kernel_device VALUES(?,?)"));
  return query.bind(1, std::int64_t{number}).bind_text(2, uuid).run();
}

Result<void> KernelFile::add_step(const KernelStep& step) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("INSERT INTO kernel_step(tier, from_ns, to_ns, data) VALUES(?,?,?,?)"));
  query.bind(1, number_of(step.tier)).bind(2, step.from_ns).bind(3, step.to_ns);
  return query.bind_blob(4, step.bytes).run();
}

Result<void> KernelFile::drop_steps(TierId tier, std::int64_t from_ns, std::int64_t to_ns) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("DELETE FROM kernel_step WHERE tier=? AND to_ns>? AND to_ns<=?"));
  return query.bind(1, number_of(tier)).bind(2, from_ns).bind(3, to_ns).run();
}

Result<std::size_t> KernelFile::drop_oldest_steps(TierId tier, std::size_t limit) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("DELETE FROM kernel_step WHERE id IN (SELECT id FROM kernel_step WHERE "
                           "tier=? ORDER BY to_ns LIMIT ?)"));
  GPUVIGIL_CHECK(query.bind(1, number_of(tier)).bind(2, static_cast<std::int64_t>(limit)).run());
  GPUVIGIL_TRY(const std::int64_t gone, db_.number("SELECT changes()"));
  return static_cast<std::size_t>(gone);
}

Result<std::vector<StoredKernel>> KernelFile::load_kernels() {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("SELECT id, hash, used, length(CAST(name AS BLOB)) FROM kernel"));
  std::vector<StoredKernel> kernels;
  while (true) {
    GPUVIGIL_TRY(const bool more, query.step());
    if (!more) return kernels;
    kernels.push_back({.number = unsigned_of(query.integer(0)),
                       .id = unsigned_of(query.integer(1)),
                       .used_ns = query.integer(2),
                       .bytes = static_cast<std::size_t>(query.integer(3)),
                       .name = {}});
  }
}

Result<std::vector<std::string>> KernelFile::load_devices() {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("SELECT id, uuid FROM kernel_device ORDER BY id"));
  std::vector<std::string> uuids;
  while (true) {
    GPUVIGIL_TRY(const bool more, query.step());
    if (!more) return uuids;
    if (query.integer(0) != static_cast<std::int64_t>(uuids.size())) {
      return fail(Errc::kCorrupt, fmt::format("{}: its devices are not in order", db_.name()));
    }
    uuids.emplace_back(query.bytes(1));
  }
}

Result<std::optional<StoredKernel>> KernelFile::find_kernel(std::uint64_t id) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("SELECT id, used, name FROM kernel WHERE hash=?"));
  GPUVIGIL_TRY(const bool found, query.bind(1, signed_of(id)).step());
  if (!found) return std::optional<StoredKernel>();
  StoredKernel kernel{.number = unsigned_of(query.integer(0)),
                      .id = id,
                      .used_ns = query.integer(1),
                      .bytes = 0,
                      .name = std::string(query.bytes(2))};
  kernel.bytes = kernel.name.size();
  return std::optional(std::move(kernel));
}

Result<std::optional<std::string>> KernelFile::name_of(std::uint64_t number) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("SELECT name FROM kernel WHERE id=?"));
  GPUVIGIL_TRY(const bool found, query.bind(1, signed_of(number)).step());
  if (!found) return std::optional<std::string>();
  return std::optional(std::string(query.bytes(0)));
}

Result<std::optional<KernelSpan>> KernelFile::span_of(TierId tier) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("SELECT (SELECT from_ns FROM kernel_step WHERE tier=?1 ORDER BY to_ns "
                           "LIMIT 1), (SELECT max(to_ns) FROM kernel_step WHERE tier=?1)"));
  GPUVIGIL_TRY(const bool found, query.bind(1, number_of(tier)).step());
  if (!found || query.is_null(0) || query.is_null(1)) return std::optional<KernelSpan>();
  return std::optional(KernelSpan{.oldest_ns = query.integer(0), .newest_ns = query.integer(1)});
}

Result<void> KernelFile::each_step(TierId tier, std::int64_t from_ns, std::int64_t to_ns,
                                   const Visit& visit) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("SELECT from_ns, to_ns, data FROM kernel_step WHERE tier=? AND to_ns>? "
                           "AND to_ns<=? ORDER BY to_ns"));
  query.bind(1, number_of(tier)).bind(2, from_ns).bind(3, to_ns);
  while (true) {
    GPUVIGIL_TRY(const bool more, query.step());
    if (!more) return {};
    visit(query.integer(0), query.integer(1), query.bytes(2));
  }
}

}  // namespace gpuvigil
