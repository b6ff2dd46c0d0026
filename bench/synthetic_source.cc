// SPDX-License-Identifier: Apache-2.0
#include "synthetic_source.h"

#include <array>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

/// Spread over three octaves, so that kernels differ in whatever they are sorted by.
Duration duration_of(std::uint32_t kernel, std::uint64_t round) {
  return Duration(10'000 + (kernel * 7919ULL + round * 104'729ULL) % 70'000);
}

}  // namespace

void SyntheticSource::feed(Timestamp until, Intake& intake) {
  if (series_.empty()) open(until, intake);
  if (until < next_) return;
  next_ = until + 900ms;  // at edges a second apart, whatever peeks come between
  sample_devices(until, intake);
  if (!machine_.keeps_running && round_ > 0) return;
  ++round_;
  for (std::uint32_t i = 0; i < series_.size(); ++i) {
    const std::uint32_t k = i / machine_.devices_a_kernel;
    const Duration duration = duration_of(k, round_);
    const Timestamp end = until - Duration(k * 1000);
    intake.execution(series_[i], {.start = end - duration,
                                  .end = end,
                                  .duration = duration,
                                  .memory = Bytes((1 + k % 64) << 20U)});
  }
}

void SyntheticSource::open(Timestamp at, Intake& intake) {
  const OwnerId owner = intake.open_owner();
  for (std::uint32_t d = 0; d < machine_.devices; ++d) {
    devices_.push_back(intake.device({.uuid = fmt::format("GPU-bench-{:04}-4000-8000-0000", d),
                                      .name = "Synthetic GPU 80GB",
                                      .pci_bus_id = fmt::format("0000:{:02x}:00.0", d),
                                      .source = "bench"}));
  }
  constexpr std::array kForms = {
      "void at::native::vectorized_elementwise_kernel<4, at::native::functor_{:05}>(int, float*)",
      "ampere_bf16_s16816gemm_bf16_{:05}x128_ldg8_f2f_stages_64x3_tn",
      "void cutlass::Kernel<cutlass_80_tensorop_f16_s16816gemm_{:05}_nt_align8>(Params)",
      "void flash_fwd_splitkv_kernel<Flash_fwd_kernel_traits<{:05}, 64, 128, 4>>(Params)"};
  for (std::uint32_t i = 0; i < machine_.kernels * machine_.devices_a_kernel; ++i) {
    const std::uint32_t k = i / machine_.devices_a_kernel;
    const std::uint32_t device = (k + i % machine_.devices_a_kernel) % machine_.devices;
    const std::string name = fmt::format(fmt::runtime(kForms[k % kForms.size()]), k);
    const SeriesSlot series = intake.series(owner, devices_[device], name, KernelKind::kCompute);
    series_.push_back(series);
    if (machine_.first_calls < 2) continue;
    Aggregate first;
    const auto one = static_cast<std::uint64_t>(duration_of(k, 0).count());
    const auto calls = machine_.first_calls - 1;
    first.counters = {
        .calls = calls,
        .sum_ns = calls * one,
        .min_ns = one,
        .max_ns = one,
        .sum_squares_ns2 = static_cast<double>(calls) * static_cast<double>(one * one),
        .memory_calls = 0,
        .memory_bytes = 0};
    const std::array bucket = {
        BucketCount{SketchScheme::bucket_of(one), static_cast<std::uint32_t>(calls)}};
    first.buckets = bucket;
    first.last_end = at - 1s;
    first.last_duration_ns = one;
    intake.aggregate(series, first);
  }
}

void SyntheticSource::sample_devices(Timestamp at, Intake& intake) const {
  for (std::uint32_t d = 0; d < machine_.devices; ++d) {
    DeviceSample sample = absent_sample(Missing::kUnsupported, at);
    sample.gpu_utilization = Percent(d % 2 == 0 ? 97.25 : 41.5);
    sample.memory_used = Bytes((40'000ULL + d * 37) << 20U);
    sample.memory_total = Bytes(81'920ULL << 20U);
    sample.temperature = Celsius(55.0 + d % 16);
    sample.power = Watts(251.375 + d);
    sample.power_limit = Watts(400);
    sample.sm_clock = Megahertz(1410);
    sample.memory_clock = Megahertz(1593);
    sample.throttle_reasons = 0U;
    sample.processes = 3U;
    intake.sample(devices_[d], sample);
  }
}

}  // namespace gpuvigil
