// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <exception>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "apps/doctor.h"
#include "apps/doctor_versions.h"
#include "base/clock.h"
#include "base/text.h"
#include "collect/nvml_survey.h"

namespace gpuvigil {
namespace {

constexpr std::chrono::seconds kPatience{5};

/// The answer, or that there was none in time. The thread is left behind then.
Result<NvmlSurvey> ask(std::string library) {
  std::promise<Result<NvmlSurvey>> promise;
  auto answer = promise.get_future();
  try {
    std::thread([promise = std::move(promise), library = std::move(library)]() mutable {
      promise.set_value(survey_nvml(library));
    }).detach();
  } catch (const std::exception& error) {
    return fail(Errc::kUnavailable, error.what());
  }
  if (answer.wait_for(kPatience) != std::future_status::ready) {
    return fail(Errc::kTimeout, "the driver does not answer");
  }
  return answer.get();
}

Finding of_error(const Error& error) {
  const std::string found = clean_text(error.message);
  switch (error.code) {
    case Errc::kTimeout:
      return {CheckStatus::kWarn, found,
              "a GPU hangs: look for an XID in the system's log (dmesg); restart the machine"};
    case Errc::kPermission:
      return {CheckStatus::kWarn, found,
              "let this user open /dev/nvidia*; in a container start it with its GPUs again, "
              "because a reload of systemd takes them away"};
    default:
      return {CheckStatus::kWarn, found, "install or load the driver that fits this kernel"};
  }
}

}  // namespace

Finding look_at_nvml(const DoctorContext& context) {
  const char* const library = std::getenv("GPUVIGIL_NVML");
  const bool is_found = look_at_nvidia(context).status != CheckStatus::kSkip;
  if (library == nullptr && (!is_found || !context.root.empty())) {
    return {CheckStatus::kSkip, "no driver library to ask", ""};
  }
  const auto survey = ask(library == nullptr ? "" : library);
  if (!survey) return of_error(survey.error());
  std::string found = fmt::format(
      "driver {}, {} GPUs", survey->driver.empty() ? "unknown" : survey->driver, survey->gpus);
  if (survey->cuda > 0) {
    found += fmt::format(", CUDA {}.{}", survey->cuda / 1000, survey->cuda % 1000 / 10);
  }
  if (survey->lost > 0) {
    return {CheckStatus::kWarn, fmt::format("{}; {} do not answer", found, survey->lost),
            "look for XID 79 in the system's log (dmesg); restart the machine"};
  }
  if (survey->refused > 0) {
    return {CheckStatus::kWarn, fmt::format("{}; {} are refused", found, survey->refused),
            "let this user or container use them (NVIDIA_VISIBLE_DEVICES, DeviceAllow=)"};
  }
  const auto version = read_version(survey->driver);
  const KnownProblem* const known =
      version ? known_problem(Versioned::kNvidiaDriver, *version) : nullptr;
  if (known != nullptr) {
    return {CheckStatus::kWarn, fmt::format("{}; this driver is {}", found, known->problem),
            std::string(known->advice)};
  }
  if (survey->lacks_new_calls) {
    return {CheckStatus::kWarn, found + "; the library is older than the driver",
            "install the library that belongs to the driver"};
  }
  if (survey->gpus == 0) {
    return {CheckStatus::kWarn, found, "start the container with its GPUs, or plug one in"};
  }
  return {CheckStatus::kOk, found, ""};
}

}  // namespace gpuvigil
