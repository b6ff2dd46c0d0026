// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/kernel.h"
#include "trace/event_walk.h"
#include "trace/kineto_devices.h"
#include "trace/trace_sink.h"

namespace gpuvigil {

/// At most so much of a name is read.
inline constexpr std::size_t kMaxRecordedNameBytes = std::size_t{1} << 20U;

/// Takes the events of one Kineto recording, one after the other, and tells a sink of the GPU work
/// among them: events of phase X with the category of a kernel, a copy or a set, in all spellings.
/// Annotations and synchronisation on the same lanes are none. Where a key stands twice in an
/// event the first one counts.
///
/// Memory: the names (at most 32 MiB of them at a time) and 3 MiB of allocator readings.
class KinetoEvents {
 public:
  static constexpr std::size_t kMaxDevices = 1024;

  /// Both must outlive this; `properties` may be filled later.
  KinetoEvents(TraceSink& sink, const DeviceProperties& properties)
      : sink_(sink), properties_(properties) {}

  /// Reads one event; false when its text is no JSON object after all.
  bool read(const EventText& event);

  /// An event that cannot be read although it is there, and seems to be GPU work.
  void count_unreadable() { ++executions_unreadable_; }

  /// Tells the sink what had to wait for the end, and the summary what is known then.
  void finish(TraceSummary& summary);

 private:
  enum class Work;
  struct Fields;
  struct Args;
  struct Timed;
  struct Name {
    std::string text;
    KernelKind kind;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct AllocatorReading {
    std::int64_t at_ns;
    std::uint64_t allocated_bytes;
    std::optional<std::uint64_t> reserved_bytes;
    std::uint32_t device_id;
  };

  [[nodiscard]] static Work work_of(std::string_view category);
  void take_timed(const EventText& event, const Fields& fields);
  void take_work(const EventText& event, const Fields& fields, const Timed& timed);
  void take_memory(const EventText& event, const Fields& fields);
  [[nodiscard]] std::optional<std::uint32_t> device_of(const Fields& fields, const Args& args);
  [[nodiscard]] std::optional<std::uint32_t> dense_number(std::uint32_t recorded);
  [[nodiscard]] const Name& name_of(std::string_view raw);
  void tell_memory();
  [[nodiscard]] bool is_amd() const { return amd_ || properties_.say_amd(); }

  TraceSink& sink_;
  const DeviceProperties& properties_;
  std::unordered_map<std::string, Name, Hash, std::equal_to<>> names_;
  std::size_t name_bytes_ = 0;
  Name long_name_;
  std::vector<std::uint32_t> devices_;  ///< Recorded numbers, by dense number.
  std::unordered_map<std::uint32_t, std::uint32_t> dense_;
  std::vector<AllocatorReading> memory_;
  bool amd_ = false;  ///< Some event shows that these are AMD's GPUs.
  std::optional<std::int64_t> first_ns_;
  std::optional<std::int64_t> last_ns_;
  std::uint64_t executions_ = 0;
  std::uint64_t executions_unreadable_ = 0;
};

}  // namespace gpuvigil
