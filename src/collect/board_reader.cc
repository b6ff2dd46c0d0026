// SPDX-License-Identifier: Apache-2.0
#include "collect/board_reader.h"

#include <algorithm>
#include <utility>

#include "collect/roster.h"

namespace gpuvigil {

BoardReader::BoardReader(std::string name, SamplerOptions options,
                         std::shared_ptr<const Clock> clock, CallWatch& watch)
    : name_(std::move(name)), options_(options), clock_(std::move(clock)), watch_(watch) {}

std::shared_ptr<const SampleReport> BoardReader::read(Backend& backend, const Board& board) {
  const Timestamp due = due_.value_or(clock_->now());
  // A partitioning that is no more makes room for the one that is.
  std::erase_if(devices_, [&](const auto& known) {
    return devices_.size() > kMaxDevices &&
           std::ranges::find(board.devices, known.first, &DeviceInfo::uuid) == board.devices.end();
  });
  for (const DeviceInfo& info : board.devices) read(backend, info);
  const Timestamp now = clock_->now();
  samples_late_ += missed_deadlines(options_, due, now) * board.devices.size();
  due_ = next_tick(due, options_.period, now);
  return make_report(now, *due_);
}

std::shared_ptr<const SampleReport> BoardReader::rest() {
  due_.reset();
  const Timestamp now = clock_->now();
  for (auto& [uuid, device] : devices_) {
    auto inventory = std::move(device.sample.inventory);
    device.sample = absent_sample(Missing::kNotSampled, now);
    device.sample.inventory = std::move(inventory);
  }
  return make_report(now, now);
}

void BoardReader::read(Backend& backend, const DeviceInfo& info) {
  SampledDevice& device = devices_[info.uuid];
  if (!device.info) device.info = std::make_shared<const DeviceInfo>(info);
  auto answer = [&] {
    const Watched call(watch_, *clock_, "sample of " + info.uuid);
    return backend.sample(info, clock_->now());
  }();
  const Timestamp answered = clock_->now();
  auto inventory = std::move(device.sample.inventory);
  if (answer) {
    device.sample = *std::move(answer);
    device.sample.at = answered;
    readings_invalid_ += refuse_nonsense(device.sample);
  } else {
    ++calls_failed_;
    device.sample = sample_of_error(answer.error(), answered);
  }
  // What is known of a device stays known when it says nothing of it.
  if (!device.sample.inventory) device.sample.inventory = std::move(inventory);
}

std::shared_ptr<const SampleReport> BoardReader::make_report(Timestamp now,
                                                             Timestamp next_due) const {
  auto report = std::make_shared<SampleReport>();
  report->backend = name_;
  report->state = BackendState::kOk;
  report->at = now;
  report->next_due = next_due;
  for (const auto& [uuid, device] : devices_) report->devices.push_back(device);
  report->samples_late = samples_late_;
  report->readings_invalid = readings_invalid_;
  report->calls_failed = calls_failed_;
  return report;
}

}  // namespace gpuvigil
