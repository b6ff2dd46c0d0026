// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alert/life_cycle.h"
#include "alert/lookback.h"
#include "alert/rule.h"
#include "alert/silencing.h"
#include "base/glob.h"
#include "model/frame.h"

namespace gpuvigil {

/// An alert that lives, and where its life stands: what outlasts a restart.
struct LivingAlert {
  Alert alert;
  AlertProgress progress;
};

/// Every rule on every device, frame after frame: the alerts that are pending or firing and the
/// newest that are over.
///
/// A device is its UUID, so an alert goes on when the device comes back under another index.
/// Invariants: an alert is pending or firing at most once for each rule, device and kernel; at most
/// kMaxResolved resolved ones, kMaxDevices devices and kMaxKernels kernels of a rule are kept, what
/// does not fit is counted.
/// Threading: one thread, the engine's.
class AlertBook {
 public:
  static constexpr std::size_t kMaxResolved = 1000;
  static constexpr std::size_t kMaxDevices = 1024;
  static constexpr std::size_t kMaxKernels = 1000;
  /// A restored alert whose device did not come back for so long is over.
  static constexpr Duration kDeviceGone = std::chrono::hours(1);

  /// With the rules that are always there. Requires check_settings(settings).
  explicit AlertBook(const AlertSettings& settings);

  /// Requires check_rules(rules).
  explicit AlertBook(std::vector<Rule> rules);

  /// Looks at the next edge and returns what began to fire or resolved there. Requires an edge,
  /// and that edges do not go back in time.
  std::vector<Alert> update(const Frame& frame);

  /// Judges by these rules from now on. What a rule of the same name and condition raised goes on;
  /// what no rule would raise any more is over: returned as resolved at `now`.
  /// Requires check_rules(rules).
  std::vector<Alert> set_rules(std::vector<Rule> rules, Timestamp now);
  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }

  /// What these silence calls nobody from `now` on.
  void set_silences(std::vector<Silence> silences, Timestamp now);

  /// Somebody has seen to it. False when no such alert is pending or firing.
  bool acknowledge(std::string_view id, const std::string& by);

  /// What lives now, to be restored in another life.
  [[nodiscard]] std::vector<LivingAlert> living() const;
  /// Goes on with what lived in an earlier life, as far as the rules still know it; what this life
  /// made of the same until now is replaced. The others are returned as resolved at `now`.
  std::vector<Alert> restore(const std::vector<LivingAlert>& living, Timestamp now);
  /// Alerts of an earlier life, newest first; those that are not resolved are left out.
  void remember(std::span<const Alert> alerts);

  /// Sets the frame's alerts (active ones first, each group newest first) and `alerts_today`.
  void write_to(Frame& frame) const;

  /// Resolved alerts that are no longer kept.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

  /// Looks at devices that were not watched, because kMaxDevices others were.
  [[nodiscard]] std::uint64_t devices_unwatched() const { return devices_unwatched_; }

  /// Kernels that a rule meant and did not watch, because kMaxKernels others were.
  [[nodiscard]] std::uint64_t kernels_unwatched() const { return kernels_unwatched_; }

  /// Grows by one whenever something changed that living() would tell.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

 private:
  /// One rule on one device.
  struct Watch {
    AlertProgress progress;
    Alert alert;  ///< Of meaning while pending or firing.
    std::unique_ptr<Lookback> past;
    std::unique_ptr<KernelLookback> kernel_past;
    std::optional<Timestamp> last_reading;
    bool is_restored = false;  ///< Its alert began in an earlier life.
  };
  struct Device {
    Timestamp last_data{};       ///< When it last gave a reading; first seen, if it never did.
    std::vector<Watch> watches;  ///< One a rule, in the order of the rules.
  };
  /// What one look has to go by.
  struct Look {
    const Frame& frame;
    const DeviceRow& row;
    Timestamp now;
    Duration data_age{};
    std::string_view kernel = {};
  };
  struct Measured {
    Reading<double> value;
    double threshold;
  };
  using KernelKey = std::pair<std::string, std::string>;  ///< UUID and name.
  struct KernelWatches {
    std::optional<Glob> names;
    std::map<std::uint64_t, bool> known;  ///< By id of a name: whether the rule means it.
    std::map<KernelKey, Watch> watches;
    Timestamp fed_to{};  ///< Up to where the ladder was taken in.
  };

  void prepare();
  Device* device_of(const DeviceRow& row, Timestamp now);
  void look_at_devices(const Frame& frame, std::vector<Alert>& changes);
  void look_at_machine(const Frame& frame, std::vector<Alert>& changes);
  void look_at_kernels(std::size_t rule, const Frame& frame, std::vector<Alert>& changes);
  void feed_kernels(const Rule& rule, KernelWatches& kernels, const Frame& frame);
  [[nodiscard]] static Measured measure(const Rule& rule, Watch& watch, const Look& look);
  [[nodiscard]] static Reading<double> measure_kernel(const Rule& rule, const Watch& watch,
                                                      Timestamp now);
  void judge(const Rule& rule, Watch& watch, const Measured& measured, const Look& look,
             std::vector<Alert>& changes);
  void resolve(Watch& watch, Timestamp now, std::vector<Alert>& changes);
  static void go_on(Watch& watch, LivingAlert left);
  void mark_all(Timestamp now);
  template <class Visit>
  void for_each_watch(Visit visit);
  template <class Visit>
  void for_each_watch(Visit visit) const;

  std::vector<Rule> rules_;
  std::vector<Silence> silences_;
  std::vector<Inhibition> inhibitions_ = builtin_inhibitions();
  std::map<std::string, Device, std::less<>> devices_;  ///< By UUID.
  std::vector<Watch> machine_;                          ///< One a rule.
  std::vector<KernelWatches> kernels_;                  ///< One a rule.
  /// What a restart left of devices that are not seen yet, by rule and UUID.
  std::vector<LivingAlert> waiting_;
  std::optional<Timestamp> restored_at_;
  std::deque<Alert> resolved_;  ///< Newest first.
  std::chrono::sys_days today_{};
  std::uint32_t began_today_ = 0;
  std::uint64_t forgotten_ = 0;
  std::uint64_t devices_unwatched_ = 0;
  std::uint64_t kernels_unwatched_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace gpuvigil
