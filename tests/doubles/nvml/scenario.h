// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// What the fake libnvidia-ml.so.1 answers: a text file, named by GPUVIGIL_FAKE_NVML, that is read
// again whenever it changes. README.md has the words. Time counts from the file's modification, so
// that it survives a library that is shut down and opened again.

namespace fake_nvml {

/// The answer to one question: words, as the scenario has them.
using Words = std::vector<std::string>;

/// A GPU, or a MIG device of one.
struct Part {
  std::map<std::string, Words, std::less<>> values;  ///< "power" -> {"71250"}.
};

struct Process {
  char type = 'c';  ///< 'c' compute, 'g' graphics, 'm' MPS.
  std::uint32_t pid = 0;
  std::uint64_t bytes = 0;
  std::uint32_t gpu_instance = ~0U;
  std::uint32_t compute_instance = ~0U;
};

struct Gpu {
  Part self;
  std::map<unsigned, Part> mig;
  std::vector<Process> processes;
  bool is_lost = false;
  bool is_removed = false;
};

struct Event {
  unsigned gpu = 0;
  std::uint64_t type = 0;
  std::uint64_t data = 0;
  std::uint32_t gpu_instance = ~0U;
  std::uint32_t compute_instance = ~0U;
};

/// A call as a rule of the scenario names it: a GPU, or all of them (-1), and a function, or all
/// of those that are about a device ("*").
struct Rule {
  int gpu = -1;
  std::string function;
  int number = 0;  ///< A return code, or milliseconds.
};

/// What is so at one moment.
struct State {
  std::map<unsigned, Gpu> gpus;
  std::map<std::string, Words, std::less<>> system;  ///< "driver" -> {"590.48.01"}.
  std::vector<Rule> failing, slow, hanging;
  std::vector<Event> events;  ///< In their order; those read are remembered elsewhere.
  std::size_t process_bytes = 24;
  std::optional<std::uint32_t> garbage;  ///< The seed of numbers that cannot be.
};

/// The scenario at the moment of each question.
///
/// Threading: safe from any thread.
class Scenario {
 public:
  static Scenario& get();

  /// Reads the file if it changed, brings the state up to now and lets `look` see it.
  template <class Look>
  auto with(Look look) {
    const std::lock_guard lock(mutex_);
    bring_up_to_now();
    return look(state_);
  }

  /// Counts the call, holds it up as long as a rule says, and gives the code with which a rule lets
  /// it fail. `gpu` is -1 for calls about no device.
  std::optional<int> enter(std::string_view function, int gpu);

  /// "1000", "1000+250" (250 more each second), "1000+250%4096" (and wrapping there), all as
  /// scenarios have them; a number that cannot be when there is garbage.
  double number(const State& state, const std::string& word);
  std::uint64_t integer(const State& state, const std::string& word);

  /// The next event that nobody was told yet.
  std::optional<Event> next_event();

  std::uint64_t calls(std::string_view function);
  std::uint64_t all_calls();
  void open_or_close(int by);
  int opened();

 private:
  struct Line {
    double at = 0;
    Words words;
  };
  void bring_up_to_now();
  void read(const std::string& path);
  void apply(const Words& words);
  void apply_to_gpu(Gpu& gpu, const Words& words);
  double now() const;

  std::recursive_mutex mutex_;
  std::vector<Line> lines_;
  std::size_t applied_ = 0;
  State state_;
  double began_ = 0;  ///< The file's modification, in seconds of the wall clock.
  std::int64_t written_ = -1;
  std::uint64_t inode_ = 0;
  std::size_t events_told_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> calls_;
  std::mt19937 random_;
  int opened_ = 0;
};

/// How often a wait for events looks.
inline constexpr unsigned kEventStep = 10;

void wait_milliseconds(unsigned milliseconds);

}  // namespace fake_nvml
