// SPDX-License-Identifier: Apache-2.0
#include "collect/sample_source.h"

#include <utility>

namespace gpuvigil {
namespace {

// Far beyond what is present at once; partitions that come and go have ever new UUIDs.
constexpr std::size_t kMaxSlots = 4096;

}  // namespace

SampleSource::SampleSource(std::vector<std::shared_ptr<const Sampler>> samplers) {
  for (auto& sampler : samplers) fed_.push_back({.sampler = std::move(sampler), .report = {}});
}

void SampleSource::feed(Timestamp /*until*/, Intake& intake) {
  std::vector<std::shared_ptr<const SampleReport>> reports;
  DeviceOwners owners;
  for (const Fed& fed : fed_) {
    reports.push_back(fed.sampler->report());
    owners.add(*reports.back());
  }
  for (std::size_t i = 0; i < fed_.size(); ++i) hand_in(fed_[i], reports[i], owners, intake);
}

std::vector<BackendStatus> SampleSource::backends() const {
  std::vector<BackendStatus> all;
  for (const Fed& fed : fed_) {
    if (!fed.report) continue;
    all.push_back({.name = fed.report->backend,
                   .state = fed.report->state,
                   .problem = fed.report->problem,
                   .devices = fed.report->devices.size(),
                   .calls_failed = fed.report->calls_failed,
                   .devices_refused = fed.report->devices_refused});
  }
  return all;
}

void SampleSource::hand_in(Fed& fed, const std::shared_ptr<const SampleReport>& report,
                           const DeviceOwners& owners, Intake& intake) {
  for (const Event& event : fed.sampler->take_events()) intake.event(event);
  const std::uint64_t dropped = fed.sampler->events_dropped();
  if (dropped > fed.dropped) {
    intake.lost(Loss::kEventsDropped, dropped - std::exchange(fed.dropped, dropped));
  }
  if (report == fed.report) return;
  if (slots_.size() > kMaxSlots) slots_.clear();  // asking again gives the same slots
  for (const SampledDevice& device : report->devices) {
    if (!owners.is_for(*device.info, *report)) continue;
    auto [slot, is_new] = slots_.try_emplace(device.info->uuid);
    if (is_new) slot->second = intake.device(*device.info);
    intake.sample(slot->second, device.sample);
  }
  // A report that went stale may count one more than the answer that came a moment later.
  if (report->samples_late > fed.late) {
    intake.lost(Loss::kSamplesLate,
                report->samples_late - std::exchange(fed.late, report->samples_late));
  }
  if (report->readings_invalid > fed.invalid) {
    intake.lost(Loss::kReadingsInvalid,
                report->readings_invalid - std::exchange(fed.invalid, report->readings_invalid));
  }
  if (report->clients_unread > fed.unread) {
    intake.lost(Loss::kClientsUnread,
                report->clients_unread - std::exchange(fed.unread, report->clients_unread));
  }
  fed.report = report;
}

}  // namespace gpuvigil
