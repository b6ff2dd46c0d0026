// SPDX-License-Identifier: Apache-2.0
#include "scenario.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include <sys/stat.h>
#include <time.h>

// The variable that names the scenario; other doubles have one of their own.
#ifndef FAKE_SCENARIO
#define FAKE_SCENARIO "GPUVIGIL_FAKE_NVML"
#endif

namespace fake_nvml {
namespace {

constexpr long kNanoseconds = 1'000'000'000;
constexpr long kLookAgain = 5'000'000;  // ns: how soon a call that hangs sees that it may go on

void rest(long nanoseconds) {
  timespec left{.tv_sec = nanoseconds / kNanoseconds, .tv_nsec = nanoseconds % kNanoseconds};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &left, nullptr);
}

unsigned to_unsigned(const std::string& word) {
  return static_cast<unsigned>(std::strtoul(word.c_str(), nullptr, 0));
}

std::uint64_t to_u64(const std::string& word) {
  return word == "none" ? ~std::uint64_t{0} : std::strtoull(word.c_str(), nullptr, 0);
}

/// "fail [GPU] FUNCTION [NUMBER]".
Rule rule_of(const Words& words) {
  Rule rule;
  std::size_t at = 1;
  if (words.size() > at && words[at].find_first_not_of("0123456789") == std::string::npos) {
    rule.gpu = static_cast<int>(to_unsigned(words[at++]));
  }
  rule.function = words.size() > at ? words[at++] : "*";
  if (words.size() > at) rule.number = static_cast<int>(to_unsigned(words[at]));
  return rule;
}

bool is_meant(const Rule& rule, std::string_view function, int gpu) {
  if (rule.gpu >= 0 && rule.gpu != gpu) return false;
  return rule.function == function || (rule.function == "*" && gpu >= 0);
}

const Rule* find(const std::vector<Rule>& rules, std::string_view function, int gpu) {
  for (const Rule& rule : rules) {
    if (is_meant(rule, function, gpu)) return &rule;
  }
  return nullptr;
}

void drop(std::vector<Rule>& rules, const Rule& which) {
  std::erase_if(rules, [&](const Rule& rule) {
    return rule.gpu == which.gpu && rule.function == which.function;
  });
}

}  // namespace

void wait_milliseconds(unsigned milliseconds) {
  rest(static_cast<long>(milliseconds) * (kNanoseconds / 1000));
}

Scenario& Scenario::get() {
  static auto* const scenario = new Scenario;  // a call may hang beyond the end of main
  return *scenario;
}

double Scenario::now() const {
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  return static_cast<double>(wall.tv_sec) + static_cast<double>(wall.tv_nsec) / kNanoseconds;
}

void Scenario::bring_up_to_now() {
  const char* const path = std::getenv(FAKE_SCENARIO);
  struct stat info{};
  if (path != nullptr && ::stat(path, &info) == 0) {
    const std::int64_t written = info.st_mtim.tv_sec * kNanoseconds + info.st_mtim.tv_nsec;
    // Two files in one tick of the clock differ in their inode.
    if (written != written_ || info.st_ino != inode_) {
      written_ = written;
      inode_ = info.st_ino;
      began_ = static_cast<double>(written) / kNanoseconds;
      read(path);
    }
  }
  const double passed = now() - began_;
  while (applied_ < lines_.size() && lines_[applied_].at <= passed) apply(lines_[applied_++].words);
}

void Scenario::read(const std::string& path) {
  lines_.clear();
  state_ = {};
  applied_ = 0;
  events_told_ = 0;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    std::istringstream words(text.substr(0, text.find('#')));
    Line line;
    for (std::string word; words >> word;) {
      if (line.words.empty() && word.starts_with("t=")) {
        line.at = std::strtod(word.c_str() + 2, nullptr);
      } else {
        line.words.push_back(word);
      }
    }
    if (!line.words.empty()) lines_.push_back(std::move(line));
  }
  std::ranges::stable_sort(lines_, {}, &Line::at);
}

void Scenario::apply(const Words& words) {
  const std::string& verb = words[0];
  const auto word = [&](std::size_t i) { return i < words.size() ? words[i] : std::string("0"); };
  if (verb == "gpu") {
    apply_to_gpu(state_.gpus[to_unsigned(word(1))], words);
  } else if (verb == "mig") {
    Part& part = state_.gpus[to_unsigned(word(1))].mig[to_unsigned(word(2))];
    part.values[word(3)] = Words(words.begin() + 4, words.end());
  } else if (verb == "process") {
    state_.gpus[to_unsigned(word(1))].processes.push_back(
        {.type = word(2)[0],
         .pid = to_unsigned(word(3)),
         .bytes = to_u64(word(4)),
         .gpu_instance = words.size() > 5 ? to_unsigned(word(5)) : ~0U,
         .compute_instance = words.size() > 6 ? to_unsigned(word(6)) : ~0U});
  } else if (verb == "event") {
    state_.events.push_back({.gpu = to_unsigned(word(1)),
                             .type = to_u64(word(2)),
                             .data = to_u64(word(3)),
                             .gpu_instance = words.size() > 4 ? to_unsigned(word(4)) : ~0U,
                             .compute_instance = words.size() > 5 ? to_unsigned(word(5)) : ~0U});
  } else if (verb == "fail") {
    state_.failing.push_back(rule_of(words));
  } else if (verb == "slow") {
    state_.slow.push_back(rule_of(words));
  } else if (verb == "hang") {
    state_.hanging.push_back(rule_of(words));
  } else if (verb == "heal") {
    drop(state_.failing, rule_of(words));
    drop(state_.slow, rule_of(words));
    drop(state_.hanging, rule_of(words));
  } else if (verb == "process_bytes") {
    state_.process_bytes = std::clamp<std::size_t>(to_unsigned(word(1)), 24, 32);
  } else if (verb == "garbage") {
    state_.garbage = to_unsigned(word(1));
    random_.seed(*state_.garbage);
  } else {
    state_.system[verb] = Words(words.begin() + 1, words.end());
  }
}

/// "gpu 0 KEY VALUES", or something that happens to it.
void Scenario::apply_to_gpu(Gpu& gpu, const Words& words) {
  if (words.size() < 3) return;
  const std::string& key = words[2];
  if (key == "lost" || key == "removed") {
    (key == "lost" ? gpu.is_lost : gpu.is_removed) = true;
  } else if (key == "back") {
    gpu.is_lost = gpu.is_removed = false;
  } else if (key == "no_processes") {
    gpu.processes.clear();
  } else if (key == "no_mig") {
    gpu.mig.clear();
  } else if (key == "without") {
    for (std::size_t i = 3; i < words.size(); ++i) gpu.self.values.erase(words[i]);
  } else {
    gpu.self.values[key] = Words(words.begin() + 3, words.end());
  }
}

std::optional<int> Scenario::enter(std::string_view function, int gpu) {
  int milliseconds = 0;
  {
    const std::lock_guard lock(mutex_);
    ++calls_[std::string(function)];
    bring_up_to_now();
    if (const Rule* rule = find(state_.slow, function, gpu)) milliseconds = rule->number;
  }
  if (milliseconds > 0) rest(milliseconds * (kNanoseconds / 1000));
  while (with([&](const State& state) { return find(state.hanging, function, gpu) != nullptr; })) {
    rest(kLookAgain);
  }
  return with([&](const State& state) -> std::optional<int> {
    const Rule* const rule = find(state.failing, function, gpu);
    return rule == nullptr ? std::nullopt : std::optional(rule->number);
  });
}

double Scenario::number(const State& state, const std::string& word) {
  if (state.garbage) {
    constexpr double kNoNumbers[] = {
        -1.0, 255.0, 4095.0, 1e300, 4294967295.0, 42.0, std::numeric_limits<double>::quiet_NaN(),
        0.0};
    return kNoNumbers[random_() % std::size(kNoNumbers)];
  }
  char* end = nullptr;
  double value = std::strtod(word.c_str(), &end);
  if (*end == '+') value += std::strtod(end + 1, &end) * std::floor(now() - began_);
  if (*end == '%') value = std::fmod(value, std::strtod(end + 1, &end));
  return value;
}

std::uint64_t Scenario::integer(const State& state, const std::string& word) {
  if (word == "none") return ~std::uint64_t{0};
  if (!state.garbage && word.find_first_of("+%.-") == std::string::npos) return to_u64(word);
  const double value = number(state, word);
  if (!(value >= 0)) return ~std::uint64_t{0};
  return value < 1.8e19 ? static_cast<std::uint64_t>(value) : ~std::uint64_t{0};
}

std::optional<Event> Scenario::next_event() {
  const std::lock_guard lock(mutex_);
  bring_up_to_now();
  if (events_told_ >= state_.events.size()) return std::nullopt;
  return state_.events[events_told_++];
}

std::uint64_t Scenario::calls(std::string_view function) {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(function);
  return found == calls_.end() ? 0 : found->second;
}

std::uint64_t Scenario::all_calls() {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& [function, count] : calls_) sum += count;
  return sum;
}

void Scenario::open_or_close(int by) {
  const std::lock_guard lock(mutex_);
  opened_ += by;
}

int Scenario::opened() {
  const std::lock_guard lock(mutex_);
  return opened_;
}

}  // namespace fake_nvml
