// SPDX-License-Identifier: Apache-2.0
#include "profile/profile_source.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace gpuvigil {
namespace {

DeviceInfo one_too_many() {
  return {.uuid = "SDK-other",
          .name = "(more devices than one user may report)",
          .pci_bus_id = {},
          .source = "sdk"};
}

Aggregate aggregate_of(const SegmentDelta& delta, const SegmentDelta::Change& change) {
  return {.counters = change.counters,
          .buckets = std::span(delta.buckets).subspan(change.first_bucket, change.bucket_count),
          .last_end = change.last_end,
          .last_duration_ns = change.last_duration_ns,
          .largest_memory_bytes = change.largest_memory_bytes,
          .is_late = delta.is_late};
}

/// Where in its span the work of a device was, nobody knows. What several processes did is put at
/// the same end, so that their union is the largest of them: a lower bound, and exact for one. What
/// is late is put at the beginning, where it does not look like now.
void hand_in_busy(const SegmentDelta::Busy& busy, bool is_late, DeviceSlot device, Intake& intake) {
  const auto tell = [&](KernelKind kind, Duration length) {
    if (length <= Duration::zero()) return;
    if (is_late) {
      intake.activity(device, kind, busy.from, busy.from + length);
    } else {
      intake.activity(device, kind, busy.to - length, busy.to);
    }
  };
  intake.covered(device, busy.from, busy.to);
  tell(KernelKind::kCompute, busy.kernels);
  tell(KernelKind::kMemcpy, busy.all);
}

LaunchShape shape_of(const SegmentDelta::Shape& told) {
  return {.grid = told.grid,
          .block = told.block,
          .registers = told.registers,
          .static_shared = told.static_shared,
          .dynamic_shared = told.dynamic_shared,
          .calls = told.calls,
          .sum_ns = told.sum_ns};
}

CaptureDetail detail_of(Detail detail) {
  switch (detail) {
    case Detail::kFull:
      return CaptureDetail::kFull;
    case Detail::kSampled:
      return CaptureDetail::kSampledDetail;
    case Detail::kCounts:
      return CaptureDetail::kCountsOnly;
    case Detail::kOff:
      return CaptureDetail::kOff;
  }
  return CaptureDetail::kOff;
}

std::string_view why_blind(Blindness blindness) {
  switch (blindness) {
    case Blindness::kNone:
      return "";
    case Blindness::kProfiler:
      return "another profiler holds the driver's activity records; this ends when it does";
    case Blindness::kRefused:
      return "the driver refused to be watched";
    case Blindness::kNoDriver:
      return "there is no driver that could be watched";
    case Blindness::kUnsupported:
      return "this runtime or device cannot be watched";
    case Blindness::kUnknown:
      return "it sees nothing and does not know why";
  }
  return "";
}

}  // namespace

ProfileInbox::ProfileInbox(std::size_t max_bytes)
    : max_bytes_(max_bytes), queue_(kMost, WhenFull::kDropNewest) {}

void ProfileInbox::push(ProfileNews news) {
  bytes_ += news.delta.memory_bytes();
  ++news_;
  const bool taken = queue_.push(std::move(news));
  GPUVIGIL_ASSERT(taken);
}

std::deque<ProfileNews> ProfileInbox::drain() {
  std::deque<ProfileNews> all = queue_.drain();
  for (const ProfileNews& news : all) bytes_ -= news.delta.memory_bytes();
  news_ -= all.size();
  return all;
}

ProfileSource::ProfileSource(std::shared_ptr<ProfileInbox> inbox, ProfileQuotas quotas)
    : inbox_(std::move(inbox)), quotas_(quotas) {}

void ProfileSource::feed(Timestamp until, Intake& intake) {
  for (ProfileNews& news : inbox_->drain()) take(news, until, intake);
}

/// The memory that its program holds on each device, and what its streams did.
void ProfileSource::remember(const SegmentDelta& delta, Client& client) {
  for (const SegmentDelta::Memory& told : delta.memories) {
    const auto device = static_cast<std::uint32_t>(client.devices[told.device]);
    auto& all = client.state.memories;
    auto place = std::ranges::find(all, device, &CapturedMemory::device);
    if (place == all.end()) place = all.insert(place, CapturedMemory{.device = device});
    place->allocated = told.allocated;
    place->peak = told.peak;
  }
  if (delta.streams.empty()) return;
  // Frames hold the older ones: they are not changed.
  auto streams = client.state.streams
                     ? std::make_shared<std::vector<CapturedStream>>(*client.state.streams)
                     : std::make_shared<std::vector<CapturedStream>>();
  for (const SegmentDelta::Stream& told : delta.streams) {
    CapturedStream grown{.device = {}, .stream = told.stream, .kind = told.kind};
    if (told.device) grown.device = static_cast<std::uint32_t>(client.devices[*told.device]);
    const auto is_same = [&](const CapturedStream& one) {
      return one.device == grown.device && one.stream == grown.stream && one.kind == grown.kind;
    };
    auto place = std::ranges::find_if(*streams, is_same);
    if (place == streams->end()) place = streams->insert(place, grown);
    place->calls += told.calls;
    place->sum_ns = add_saturating(place->sum_ns, told.sum_ns);
  }
  client.state.streams = std::move(streams);
}

/// Tells which process a client is, and how its writer is doing, where that is news.
void ProfileSource::identify(const ProfileNews& news, bool is_new, Timestamp now, Client& client,
                             Intake& intake) {
  if (news.pid <= 0) return;
  if (is_new) client.state.writer = news.writer;
  if (const auto& status = news.delta.status) {
    client.state.runtime = status->runtime;
    client.state.detail = detail_of(status->detail);
    client.state.blind = why_blind(status->blindness);
    const Duration passed = now - client.told_at;
    if (client.told_at != Timestamp{} && passed > Duration::zero()) {
      client.state.cost_percent =
          100.0 * static_cast<double>(status->cost.count()) / static_cast<double>(passed.count());
    }
    client.told_at = now;
  } else if (!is_new && news.delta.memories.empty() && news.delta.streams.empty()) {
    return;
  }
  remember(news.delta, client);
  intake.process(client.owner, static_cast<std::uint32_t>(news.pid), client.state);
}

void ProfileSource::take(ProfileNews& news, Timestamp now, Intake& intake) {
  const SegmentDelta& delta = news.delta;
  User& user = users_[news.uid];
  const auto [found, is_new] = clients_.try_emplace(news.client);
  Client& client = found->second;
  if (is_new) client.owner = intake.open_owner();
  for (const DeviceInfo& device : delta.devices) {
    const bool fits =
        user.devices.contains(device.uuid) || user.devices.size() < quotas_.devices_per_uid;
    if (fits) user.devices.insert(device.uuid);
    client.devices.push_back(intake.device(fits ? device : one_too_many()));
  }
  identify(news, is_new, now, client, intake);
  open_rows(delta, client, user, intake);
  for (const SegmentDelta::Change& change : delta.changes) {
    const Aggregate aggregate = aggregate_of(delta, change);
    intake.aggregate(client.rows[change.row], aggregate);
    intake.attribute(client.owner, client.rows[change.row], aggregate);
  }
  for (const SegmentDelta::Shape& shape : delta.shapes) {
    if (shape.row) intake.launched(client.rows[*shape.row], shape_of(shape));
  }
  // Without a time they are in no row, but they happened.
  for (const SegmentDelta::Untimed& untimed : delta.untimed) {
    intake.lost(Loss::kExecutionsUncounted, untimed.calls);
  }
  for (const SegmentDelta::Listed& listed : delta.recent) {
    intake.recent(client.rows[listed.row], listed.execution);
  }
  for (const SegmentDelta::Busy& busy : delta.busy) {
    hand_in_busy(busy, delta.is_late, client.devices[busy.device], intake);
  }
  for (const LossInfo& loss : kLosses) {
    if (delta.losses[loss.loss] > 0) intake.lost(loss.loss, delta.losses[loss.loss]);
  }
  if (news.is_last) close(news.client, news.uid, intake);
}

void ProfileSource::open_rows(const SegmentDelta& delta, Client& client, User& user,
                              Intake& intake) {
  for (const SegmentDelta::Row& row : delta.rows) {
    const DeviceSlot device = client.devices[row.device];
    SeriesKey key(row.name, static_cast<std::uint32_t>(device));
    auto held = user.series.find(key);
    if (held == user.series.end() && user.series.size() < quotas_.series_per_uid) {
      held = user.series.emplace(key, 0).first;
    }
    const bool fits = held != user.series.end();
    if (fits) {
      ++held->second;
      client.held.push_back(std::move(key));
    }
    client.rows.push_back(intake.series(client.owner, device,
                                        fits ? std::string_view(row.name) : kOtherName, row.kind));
  }
}

void ProfileSource::close(std::uint64_t id, uid_t uid, Intake& intake) {
  const auto client = clients_.find(id);
  User& user = users_[uid];
  for (const SeriesKey& key : client->second.held) {
    const auto held = user.series.find(key);
    if (--held->second == 0) user.series.erase(held);
  }
  intake.close_owner(client->second.owner);
  clients_.erase(client);
}

}  // namespace gpuvigil
