// SPDX-License-Identifier: Apache-2.0
#include "apps/exports.h"

#include <utility>

#include <fmt/format.h>

#include "apps/authorization.h"
#include "base/log.h"
#include "exporters/influx.h"
#include "exporters/otlp.h"
#include "exporters/remote_write.h"

namespace gpuvigil {
namespace {

Result<std::unique_ptr<Exporter>> start_one(std::string_view name, const Config::Export& target,
                                            std::string_view scheme,
                                            std::unique_ptr<PushFormat> format,
                                            const std::string& state_directory,
                                            const Clock& clock) {
  GPUVIGIL_TRY(OutboundUrl url, OutboundUrl::parse(target.url));
  GPUVIGIL_TRY(Secret authorization, read_authorization(target.token_file, scheme));
  ExporterOptions options{.name = std::string(name),
                          .url = std::move(url),
                          .authorization = std::move(authorization),
                          .interval = target.interval};
  options.outbound.addresses = {.loopback = target.allow_local,
                                .private_networks = target.allow_local};
  options.outbound.ca_file = target.ca_file;
  options.spool = {.directory = fmt::format("{}/export/{}", state_directory, name),
                   .max_bytes = target.buffer_mb << 20U};
  return Exporter::start(std::move(options), std::move(format), clock);
}

}  // namespace

Result<std::unique_ptr<Exports>> Exports::start(Engine& engine, const Config& config,
                                                const std::string& state_directory,
                                                const Clock& clock) {
  std::unique_ptr<Exports> made(new Exports(engine));
  MetricLimits limits;
  limits.top_kernels = config.metrics.kernels;
  limits.processes = config.metrics.processes;
  const std::string host = node_name(config);
  const auto add = [&](std::string_view name, const Config::Export& target, std::string_view scheme,
                       auto make_format) -> Result<void> {
    if (target.url.empty()) return {};
    auto exporter = start_one(name, target, scheme, make_format(), state_directory, clock);
    if (!exporter) {
      return fail(exporter.error().code,
                  fmt::format("export.{}: {}", name, exporter.error().message));
    }
    made->exporters_.push_back(*std::move(exporter));
    return {};
  };
  const auto& exports = config.exports;
  GPUVIGIL_CHECK(add("remote_write", exports.remote_write, "Bearer", [&] {
    return std::make_unique<RemoteWriteFormat>(Labels{{"job", exports.job}, {"instance", host}},
                                               limits, host);
  }));
  GPUVIGIL_CHECK(add("otlp", exports.otlp, "Bearer",
                     [&] { return std::make_unique<OtlpFormat>(limits, host); }));
  GPUVIGIL_CHECK(add("influx", exports.influx, "Token",
                     [&] { return std::make_unique<InfluxFormat>(limits, host); }));
  made->was_up_.assign(made->exporters_.size(), true);
  made->listener_ = engine.add_listener(
      [all = made.get()](const std::shared_ptr<const Frame>& frame, std::span<const Alert>) {
        for (const auto& exporter : all->exporters_) exporter->offer(frame);
      });
  return made;
}

Exports::~Exports() {
  if (listener_ != Engine::ListenerId{}) engine_.remove_listener(listener_);
}

std::vector<ExportStats> Exports::stats() const {
  std::vector<ExportStats> all;
  for (const auto& exporter : exporters_) all.push_back(exporter->stats());
  return all;
}

void Exports::tell_changes() {
  for (std::size_t i = 0; i < exporters_.size(); ++i) {
    const ExportStats now = exporters_[i]->stats();
    if (now.is_up == was_up_[i]) continue;
    was_up_[i] = now.is_up;
    if (now.is_up) {
      log(LogLevel::kInfo, "export.ok", {kv("export", now.name), kv("url", now.url)});
    } else {
      log(LogLevel::kWarn, "export.failing",
          {kv("export", now.name), kv("url", now.url), kv("why", now.problem)});
    }
  }
}

}  // namespace gpuvigil
