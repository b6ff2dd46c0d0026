// SPDX-License-Identifier: Apache-2.0
#include "procs/kubelet_watch.h"

#include <condition_variable>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "outbound/grpc_call.h"
#include "procs/pod_resources.h"

namespace gpuvigil {

struct KubeletWatch::Shared {
  Shared(std::string its_socket, Duration its_period)
      : socket(std::move(its_socket)), period(its_period) {}

  const std::string socket;
  const Duration period;
  Latest<DeviceHolders> latest;
  Mutex mutex;
  std::condition_variable_any changed;
  bool stopping GPUVIGIL_GUARDED_BY(mutex) = false;

  /// False when it is to end.
  bool wait() {
    const MutexLock lock(mutex);
    if (!stopping) changed.wait_for(mutex, period);
    return !stopping;
  }

  [[nodiscard]] Result<DeviceHolders> ask() const {
    GPUVIGIL_TRY(const std::string said, grpc_call({.socket = socket,
                                                    .method = "/v1.PodResourcesLister/List",
                                                    .deadline = kDeadline}));
    return parse_pod_resources(said);
  }

  void run() {
    std::string told;  // what was logged last: each trouble is told once
    do {
      if (::access(socket.c_str(), F_OK) != 0) {
        latest.set(nullptr);
        continue;  // no node of Kubernetes
      }
      auto holders = ask();
      const std::string why = holders ? "" : holders.error().message;
      latest.set(holders ? std::make_shared<const DeviceHolders>(*std::move(holders)) : nullptr);
      if (why != told && !why.empty()) {
        log(LogLevel::kWarn, "kubelet.silent", {kv("socket", socket), kv("why", why)});
      }
      told = why;
    } while (wait());
  }
};

KubeletWatch::KubeletWatch(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

Result<std::unique_ptr<KubeletWatch>> KubeletWatch::start(std::string socket, Duration period) {
  std::unique_ptr<KubeletWatch> watch(
      new KubeletWatch(std::make_shared<Shared>(std::move(socket), period)));
  try {
    watch->thread_ = start_thread("gpuvigil-kubelet", [shared = watch->shared_] { shared->run(); });
  } catch (const std::system_error& error) {
    return fail(Errc::kUnavailable, fmt::format("no thread to ask the kubelet: {}", error.what()));
  }
  return watch;
}

KubeletWatch::~KubeletWatch() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(shared_->mutex);
    shared_->stopping = true;
    shared_->changed.notify_all();
  }
  thread_.join();
}

std::shared_ptr<const DeviceHolders> KubeletWatch::latest() const {
  return shared_->latest.get();
}

}  // namespace gpuvigil
