// SPDX-License-Identifier: Apache-2.0
//
// What the CUDA agent counts of a buffer, by what it learned and remembers, against counting record
// by record without a memory. Each counts in a child of its own, as there is one agent a process.
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cuda/names.h"
#include "agent/cuda/testing_records.h"

extern "C" {
#include "agent.h"
#include "agent/cuda/tally.h"
#include "extras.h"
#include "shard.h"
#include "tables.h"
}

namespace gpuvigil {
namespace {

using testing::next_record;
using testing::record_bytes;
using testing::Records;

/// A few buffers, and what happens between them.
struct Step {
  std::vector<Records> buffers;
  std::uint32_t detail = GPUVIGIL_DETAIL_FULL;
  std::uint32_t every = 1;
  bool is_flushed = false;    ///< Names are forgotten afterwards.
  bool is_published = false;  ///< A new epoch begins afterwards.
  std::size_t renamed = 0;    ///< This name is another one from then on.
};

class Names {
 public:
  explicit Names(std::size_t count) : texts_(count) {
    for (std::size_t i = 0; i < count; ++i) rename(i, 0);
  }

  void rename(std::size_t which, int version) {
    // Some differ in their first bytes, some only behind them.
    const bool differs_late = which % 3 == 0;
    std::snprintf(texts_[which].data(), texts_[which].size(), "%s%zu_%d%s",
                  differs_late ? "a_name_that_begins_alike_" : "k", which, version,
                  which % 50 == 7 ? "_ncclAllReduce" : "");
  }

  const char* at(std::size_t which) const { return texts_[which].data(); }
  std::size_t size() const { return texts_.size(); }

 private:
  std::vector<std::array<char, 64>> texts_;
};

// ---- the records ----

class Maker {
 public:
  Maker(unsigned seed, const Names& names, std::size_t stride, std::uint64_t now)
      : random_(seed), names_(names), stride_(stride), at_(now - 20'000'000'000) {}

  Step step() {
    Step made;
    for (std::size_t i = 0, count = 1 + random_() % 3; i < count; ++i) {
      made.buffers.push_back(buffer());
    }
    constexpr std::array<std::uint32_t, 6> kDetails = {0, 0, 0, 1, 1, 2};
    made.detail = kDetails.at(random_() % kDetails.size());
    made.every = made.detail == GPUVIGIL_DETAIL_SAMPLED ? 4 : 1;
    made.is_flushed = random_() % 4 == 0;
    made.is_published = random_() % 3 == 0;
    made.renamed = random_() % names_.size();
    return made;
  }

 private:
  void set_times(std::uint64_t* start, std::uint64_t* end) {
    at_ += random_() % 2000;
    *start = at_ - random_() % 5000;
    *end = *start + (random_() % 50 == 0 ? std::uint64_t{1} << random_() % 33 : random_() % 3000);
    if (random_() % 300 == 0) *start = 0;
    if (random_() % 300 == 0) std::swap(*start, *end);
  }

  cupti_kernel kernel() {
    cupti_kernel made{};
    // Mostly some few, as in programs.
    const std::size_t most = random_() % 5 == 0 ? names_.size() : names_.size() / 20;
    const std::size_t which = random_() % most;
    made.name = random_() % 400 == 0 ? nullptr : names_.at(which);
    made.device = static_cast<std::uint32_t>(random_() % (random_() % 20 == 0 ? 70 : 2));
    made.stream = static_cast<std::uint32_t>(random_() % (random_() % 9 == 0 ? 400 : 3));
    made.context = static_cast<std::uint32_t>(random_() % 2);
    made.registers_per_thread = static_cast<std::uint16_t>(which % 64);
    made.grid[0] = static_cast<int>(random_() % (which % 7 == 0 ? 30 : 2));
    made.grid[1] = made.grid[2] = static_cast<int>(random_() % 2);
    made.block[0] = static_cast<int>(which % 1024);
    made.block[2] = static_cast<int>(random_() % 2);
    made.static_shared_memory = static_cast<int>(random_() % 2);
    made.dynamic_shared_memory = static_cast<int>(random_() % 2);
    set_times(&made.start, &made.end);
    return made;
  }

  Records buffer() {
    Records records;
    for (std::size_t i = 0, count = random_() % 400; i < count; ++i) {
      const auto what = random_() % 40;
      if (what == 0) {
        cupti_memcpy copy{};
        copy.copy_kind = static_cast<std::uint8_t>(random_() % 12);
        copy.device = static_cast<std::uint32_t>(random_() % 2);
        set_times(&copy.start, &copy.end);
        records.add(CUPTI_KIND_MEMCPY, copy, sizeof(copy) + 16);
      } else if (what == 1) {
        cupti_memset set{};
        set_times(&set.start, &set.end);
        records.add(CUPTI_KIND_MEMSET, set, sizeof(set) + 8);
      } else if (what == 2) {
        records.add(40, cupti_memset{}, 72);
      } else {
        records.add(CUPTI_KIND_CONCURRENT_KERNEL, kernel(), stride_);
      }
    }
    if (random_() % 6 == 0) records.bytes().resize(records.bytes().size() / 16 * 8);
    return records;
  }

  std::mt19937 random_;
  const Names& names_;
  std::size_t stride_;
  std::uint64_t at_;
};

// ---- counting without a memory ----

std::uint32_t turn = 0;

bool is_chosen(const Step& step) {
  if (step.detail > GPUVIGIL_DETAIL_SAMPLED || ++turn < step.every) return false;
  turn = 0;
  return true;
}

void count_plainly(agent_execution one, std::uint64_t start, std::uint64_t end) {
  if (one.series == AGENT_NONE || start == 0 || end < start) return;
  const execution counted{.id = one.series,
                          .duration_ns = end - start,
                          .memory_bytes = GPUVIGIL_NO_MEMORY,
                          .start_ns = start,
                          .end_ns = end};
  ASSERT_TRUE(gpuvigil_shard_record_held(&counted));
  if (busy_pair* const busy = gpuvigil_tables_busy(one.device)) {
    if (one.kind == GPUVIGIL_KIND_COMPUTE || one.kind == GPUVIGIL_KIND_COLLECTIVE) {
      gpuvigil_busy_add(&busy->kernels, start, end);
    }
    gpuvigil_busy_add(&busy->all, start, end);
  }
  if (!one.is_detail) return;
  stream_entry* const stream = gpuvigil_tables_stream(&one);
  ++stream->calls.now;
  stream->sum_ns.now += end - start;
  if (one.shape == nullptr) return;
  shape_entry* const shape = gpuvigil_tables_shape(&one);
  ++shape->calls.now;
  shape->sum_ns.now += end - start;
}

void count_kernel(const cupti_kernel& kernel, const Step& step) {
  const bool chosen = is_chosen(step);
  if (kernel.device >= MAX_DEVICES) return;
  const char* const name = kernel.name != nullptr ? kernel.name : "(unnamed)";
  const std::uint32_t kind = cuda_kind_of_kernel(name);
  agent_shape shape{
      .registers = kernel.registers_per_thread,
      .static_shared_bytes = static_cast<std::uint32_t>(kernel.static_shared_memory),
      .dynamic_shared_bytes = static_cast<std::uint32_t>(kernel.dynamic_shared_memory)};
  for (int i = 0; i < 3; ++i) {
    shape.grid[i] = static_cast<std::uint32_t>(kernel.grid[i]);
    shape.block[i] = static_cast<std::uint32_t>(kernel.block[i]);
  }
  count_plainly({.series = agent_series(name, kind, kernel.device),
                 .device = agent_device(kernel.device, "", ""),
                 .kind = kind,
                 .stream = kernel.stream,
                 .shape = &shape,
                 .is_detail = chosen},
                kernel.start, kernel.end);
}

void count_transfer(const char* name, std::uint32_t kind, std::uint32_t device, std::uint64_t start,
                    std::uint64_t end, const Step& step) {
  count_plainly({.series = agent_series(name, kind, device),
                 .device = agent_device(device, "", ""),
                 .kind = kind,
                 .is_detail = is_chosen(step)},
                start, end);
}

void count_plainly(Records& records, const Step& step) {
  void* at = nullptr;
  std::array<char, 64> name{};
  while (next_record(records.bytes().data(), records.bytes().size(), &at) == CUPTI_SUCCESS) {
    std::uint32_t kind = 0;
    std::memcpy(&kind, at, sizeof(kind));
    if (kind == CUPTI_KIND_CONCURRENT_KERNEL) {
      count_kernel(*static_cast<cupti_kernel*>(at), step);
    } else if (kind == CUPTI_KIND_MEMCPY) {
      const auto& copy = *static_cast<cupti_memcpy*>(at);
      cuda_copy_name(name.data(), copy.copy_kind, copy.source_kind, copy.destination_kind);
      count_transfer(name.data(), GPUVIGIL_KIND_MEMCPY, copy.device, copy.start, copy.end, step);
    } else if (kind == CUPTI_KIND_MEMSET) {
      const auto& set = *static_cast<cupti_memset*>(at);
      cuda_set_name(name.data(), set.memory_kind);
      count_transfer(name.data(), GPUVIGIL_KIND_MEMSET, set.device, set.start, set.end, step);
    }
  }
}

// ---- what came of it ----

void tell_row(std::ostream& out, std::uint32_t id) {
  const series* const one = gpuvigil_series_at(id);
  out << "row " << std::string(gpuvigil_series_name(one->name_offset), one->name_bytes) << " "
      << one->device << " " << one->kind;
  const cell* const c =
      gpuvigil_shard_shared != nullptr ? gpuvigil_shard_shared->cells[id] : nullptr;
  if (c == nullptr) return;
  std::uint64_t squares = 0;
  std::memcpy(&squares, &c->sum_squares_ns2, sizeof(squares));  // to the last bit
  out << ": " << c->calls << " " << c->sum_ns << " " << squares << " " << c->last_end_ns << " "
      << c->last_duration_ns;
  for (const cell_range& range : c->extremes) {
    out << " [" << range.epoch << " " << range.min_ns << " " << range.max_ns << "]";
  }
  for (const gpuvigil_segment_page* page : c->pages) {
    if (page == nullptr || page == &gpuvigil_shard_no_room) continue;
    for (std::size_t i = 0; i < std::size(page->counts); ++i) {
      if (page->counts[i] != 0) out << " " << i << "x" << page->counts[i];
    }
  }
}

std::string everything() {
  std::ostringstream out;
  for (std::uint32_t id = 0; id < gpuvigil_series_count(); ++id) {
    tell_row(out, id);
    out << "\n";
  }
  std::uint32_t count = 0;
  const shape_entry* const shapes = gpuvigil_tables_shapes(&count);
  for (std::uint32_t i = 0; i < count; ++i) {
    out << "shape " << shapes[i].told.row << " " << shapes[i].told.grid[0] << " "
        << shapes[i].told.block[0] << ": " << shapes[i].calls.now << " " << shapes[i].sum_ns.now
        << "\n";
  }
  const stream_entry* const streams = gpuvigil_tables_streams(&count);
  for (std::uint32_t i = 0; i < count; ++i) {
    out << "stream " << streams[i].told.device << " " << streams[i].told.stream << " "
        << streams[i].told.kind << ": " << streams[i].calls.now << " " << streams[i].sum_ns.now
        << "\n";
  }
  gpuvigil_tables_cover(UINT64_MAX / 2);
  for (std::uint32_t i = 0; i < gpuvigil_series_device_count(); ++i) {
    const device_entry* const device = gpuvigil_tables_device(i);
    out << "busy " << i << ": " << device->kernel_busy_ns.now << " " << device->gpu_busy_ns.now
        << "\n";
  }
  if (gpuvigil_shard_shared == nullptr) return out.str();
  out << "listed " << gpuvigil_shard_shared->recent_head << "\n";
  for (const execution& one : gpuvigil_shard_shared->recent) {
    out << one.id << " " << one.duration_ns << " " << one.start_ns << " " << one.end_ns << "\n";
  }
  return out.str();
}

/// What a child says that did some work; nothing if it came to grief.
std::string told_by_child(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string told = work();
    for (std::size_t at = 0; at < told.size();) {
      const ssize_t wrote = ::write(ends[1], told.data() + at, told.size() - at);
      if (wrote <= 0) ::_exit(1);
      at += static_cast<std::size_t>(wrote);
    }
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  ::close(ends[1]);
  std::string told;
  std::array<char, 65536> some{};
  for (ssize_t got = 0; (got = ::read(ends[0], some.data(), some.size())) > 0;) {
    told.append(some.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return told;
}

/// Does the steps of a seed, in which `count` counts one buffer of a step.
std::string run(unsigned seed, std::size_t stride, std::uint64_t now, bool is_plain) {
  Names names(seed % 2 == 0 ? 1500 : 60);  // more than there are series for, or fewer
  Maker maker(seed, names, stride, now);
  int version = 0;
  for (int i = 0; i < 30; ++i) {
    Step step = maker.step();
    gpuvigil_extras_set_detail(step.detail, step.every);
    if (is_plain) agent_hold();
    if (!is_plain) cuda_tally_begin();
    for (Records& records : step.buffers) {
      if (is_plain) {
        count_plainly(records, step);
      } else {
        cuda_tally_buffer(next_record, records.bytes().data(), records.bytes().size());
      }
    }
    if (is_plain) agent_release();
    if (!is_plain) cuda_tally_end();
    if (step.is_published) gpuvigil_shard_new_epoch();
    if (step.is_flushed && !is_plain) cuda_tally_forget_names();
    if (step.is_flushed || step.renamed % 3 != 0) names.rename(step.renamed, ++version);
  }
  return everything();
}

TEST(CudaTally, CountsAsWithoutAMemory) {
  const std::uint64_t now = agent_now();
  unsigned seed = 0;
  for (std::size_t stride = 160; stride <= 248; stride += 8) {
    record_bytes().fill(0);
    record_bytes()[40] = 72;
    record_bytes()[CUPTI_KIND_MEMCPY] = sizeof(cupti_memcpy) + 16;
    record_bytes()[CUPTI_KIND_MEMSET] = sizeof(cupti_memset) + 8;
    record_bytes()[CUPTI_KIND_CONCURRENT_KERNEL] = stride;
    for (int round = 0; round < 4; ++round, ++seed) {
      const auto counted = [&](bool is_plain) {
        return told_by_child([&] { return run(seed, stride, now, is_plain); });
      };
      const std::string want = counted(true);
      ASSERT_GT(want.size(), 10'000U);
      ASSERT_EQ(counted(false), want) << "seed " << seed << ", stride " << stride;
    }
  }
}

}  // namespace
}  // namespace gpuvigil
