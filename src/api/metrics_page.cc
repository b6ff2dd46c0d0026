// SPDX-License-Identifier: Apache-2.0
#include "api/metrics_page.h"

#include <unistd.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return clean_text(name.data());
}

}  // namespace

MetricsPage::MetricsPage(MetricsOptions options)
    : names_(options.names),
      metrics_(options.limits, options.host.empty() ? host_name() : options.host),
      dcgm_(dcgm_device_families(), dcgm_device_labels,
            options.host.empty() ? host_name() : options.host) {}

std::string MetricsPage::make(const Frame& frame, TextFormat format, MetricNames names,
                              const Report& report) {
  std::vector<const MetricFamily*> families;
  if (names != MetricNames::kDcgm) {
    metrics_.update(frame);
    report([this](const SystemReport& now) { self_.update(now); });
    families = metrics_.families();
    const auto self = self_.families();
    families.insert(families.end(), self.begin(), self.end());
  }
  if (names != MetricNames::kOwn) {
    dcgm_.update(frame);
    for (const MetricFamily& family : dcgm_.families()) families.push_back(&family);
  }
  return text_.write(families, format);
}

void MetricsPage::forget() {
  kept_ = {};
  frame_.reset();
}

HttpResponse MetricsPage::answer(const std::shared_ptr<const Frame>& frame, std::string_view accept,
                                 MetricNames names, const Report& report) {
  if (frame != frame_) {
    forget();
    frame_ = frame;
  }
  const TextFormat format = negotiate_text_format(accept);
  auto& kept = kept_[static_cast<std::size_t>(format)][static_cast<std::size_t>(names)];
  if (!kept) kept = std::make_shared<const std::string>(make(*frame, format, names, report));
  return {.status = 200,
          .content_type = content_type(format),
          .body = kept,
          .headers = {{"Vary", "Accept"}}};
}

}  // namespace gpuvigil
