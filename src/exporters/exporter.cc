// SPDX-License-Identifier: Apache-2.0
#include "exporters/exporter.h"

#include <atomic>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "base/bounded_queue.h"
#include "base/latest.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/wakeup.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

/// Batches between the threads, while one is being sent: minutes, at usual intervals.
constexpr std::size_t kQueuedBatches = 256;
constexpr Duration kForever = 1h;
constexpr std::size_t kShownOfAnAnswer = 200;

/// A batch as it lies in the spool: how many samples it holds, and its bytes.
std::string to_record(const PushBody& body) {
  std::string record(sizeof(body.samples), '\0');
  std::memcpy(record.data(), &body.samples, sizeof(body.samples));
  return record + body.bytes;
}

PushBody from_record(const std::string& record) {
  PushBody body;
  if (record.size() < sizeof(body.samples)) return body;
  std::memcpy(&body.samples, record.data(), sizeof(body.samples));
  body.bytes = record.substr(sizeof(body.samples));
  return body;
}

/// What went wrong, in one line; empty where nothing did.
std::string problem_of(const OutboundResult& result) {
  if (!result) return result.error().message;
  if (result->status >= 200 && result->status < 300) return {};
  return fmt::format("answered {}: {}", result->status,
                     truncate_utf8(clean_text(result->body), kShownOfAnAnswer));
}

}  // namespace

struct Exporter::Impl {
  Impl(ExporterOptions given, std::unique_ptr<PushFormat> how, const Clock& real_time)
      : options(std::move(given)), format(std::move(how)), clock(real_time) {}

  void collect();
  void send_all();
  void take_over();
  void send_front(const std::string& record);
  void publish();

  const ExporterOptions options;
  const std::unique_ptr<PushFormat> format;
  const Clock& clock;
  std::unique_ptr<OutboundClient> client;
  std::atomic<bool> stopping = false;

  Latest<Frame> newest;
  Wakeup frame_came;
  BoundedQueue<PushBody> queue{kQueuedBatches, WhenFull::kDropOldest};
  Wakeup batch_came;

  // The sending thread's.
  std::unique_ptr<Spool> spool;
  unsigned failures = 0;
  std::optional<Timestamp> retry_at;
  std::uint64_t random = 0;
  std::uint64_t lost_on_disk = 0;
  ExportStats state;

  Latest<ExportStats> published;
  std::thread collector;
  std::thread sender;
};

void Exporter::Impl::collect() {
  FrameMetrics metrics(options.limits, options.host);
  std::optional<Timestamp> due;
  while (!stopping) {
    frame_came.wait(kForever);
    const auto frame = newest.get();
    if (stopping || !frame || (due && frame->edge < *due)) continue;
    due = frame->edge - frame->edge.time_since_epoch() % options.interval + options.interval;
    metrics.update(*frame);
    for (PushBody& body : format->encode(metrics.families(), frame->edge)) {
      queue.push(std::move(body));
    }
    batch_came.wake();
  }
}

void Exporter::Impl::publish() {
  state.batches_waiting = spool->stats().records;
  state.bytes_waiting = spool->stats().bytes;
  state.batches_dropped = spool->stats().dropped + queue.dropped() + lost_on_disk;
  published.set(std::make_shared<const ExportStats>(state));
}

void Exporter::Impl::take_over() {
  for (const PushBody& body : queue.drain()) {
    if (const auto kept = spool->push(to_record(body)); !kept) {
      ++lost_on_disk;
      state.problem = kept.error().message;
    }
  }
}

void Exporter::Impl::send_front(const std::string& record) {
  const PushBody body = from_record(record);
  const OutboundResult result = client->send(
      {.url = options.url,
       .content_type = format->content_type(),
       .body = body.bytes,
       .authorization = options.authorization.empty() ? nullptr : &options.authorization,
       .headers = format->headers()});
  if (!result && result.error().fault == OutboundFault::kCancelled) return;
  state.problem = problem_of(result);
  const Verdict verdict = format->judge(result);
  state.is_up = verdict != Verdict::kRetry;
  switch (verdict) {
    case Verdict::kDelivered:
      state.samples_sent += body.samples;
      state.last_sent = clock.now();
      break;
    case Verdict::kDrop:
      state.samples_refused += body.samples;
      break;
    case Verdict::kRetry: {
      ++state.requests_failed;
      random = random * 6364136223846793005ULL + 1442695040888963407ULL;  // Knuth's MMIX
      const Duration delay = retry_delay(options.backoff, ++failures, random >> 20U, result);
      retry_at = clock.now() + delay;
      return;
    }
  }
  failures = 0;
  retry_at.reset();
  spool->pop();
}

void Exporter::Impl::send_all() {
  while (!stopping) {
    take_over();
    const Duration early = retry_at ? *retry_at - clock.now() : Duration::zero();
    const auto record = early > Duration::zero() ? std::nullopt : spool->front();
    if (record) send_front(*record);
    publish();
    if (!record) batch_came.wait(early > Duration::zero() ? early : kForever);
  }
  take_over();  // of the end of this life, for the next one
  publish();
}

Result<std::unique_ptr<Exporter>> Exporter::start(ExporterOptions options,
                                                  std::unique_ptr<PushFormat> format,
                                                  const Clock& clock) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(format), clock);
  GPUVIGIL_TRY(impl->spool, Spool::open(impl->options.spool));
  GPUVIGIL_TRY(impl->client, OutboundClient::open(impl->options.outbound));
  impl->state.name = impl->options.name;
  impl->state.url = impl->options.url.origin();
  random_bytes({reinterpret_cast<unsigned char*>(&impl->random), sizeof(impl->random)});
  impl->publish();
  Impl* const parts = impl.get();
  std::unique_ptr<Exporter> exporter(new Exporter(std::move(impl)));
  parts->collector = start_thread("gpuvigil-export", [parts] { parts->collect(); });
  parts->sender = start_thread("gpuvigil-send", [parts] { parts->send_all(); });
  return exporter;
}

Exporter::Exporter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Exporter::~Exporter() {
  impl_->stopping = true;
  impl_->client->cancel();
  impl_->frame_came.wake();
  if (impl_->collector.joinable()) impl_->collector.join();
  impl_->batch_came.wake();
  if (impl_->sender.joinable()) impl_->sender.join();
}

void Exporter::offer(std::shared_ptr<const Frame> frame) {
  impl_->newest.set(std::move(frame));
  impl_->frame_came.wake();
}

ExportStats Exporter::stats() const {
  return *impl_->published.get();
}

}  // namespace gpuvigil
