// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "apps/doctor.h"

namespace gpuvigil {

/// A folder that stands for "/", with what a test puts into it.
class Doctor : public testing::Test {
 protected:
  Doctor() {
    std::string pattern = (std::filesystem::temp_directory_path() / "root.XXXXXX").string();
    context_.root = ::mkdtemp(pattern.data());
    ::chmod(context_.root.c_str(), 0755);
    ::setenv("GPUVIGIL_STATE_DIR", "/state/gpuvigil", 1);
  }
  ~Doctor() override {
    ::unsetenv("GPUVIGIL_STATE_DIR");
    std::filesystem::remove_all(context_.root);
  }

  void write(const std::string& path, std::string_view text = "") const {
    std::filesystem::create_directories(std::filesystem::path(context_.path(path)).parent_path());
    std::ofstream(context_.path(path)) << text;
  }

  void configure(std::string_view text) {
    write("/config.toml", text);
    context_.config_path = context_.path("/config.toml");
  }

  [[nodiscard]] Finding look(std::string_view name) const {
    for (const Check& check : doctor_checks()) {
      if (check.name == name) return check.look(context_);
    }
    ADD_FAILURE() << "no such check: " << name;
    return {};
  }

  void expect(std::string_view name, CheckStatus status, std::string_view found) const {
    const Finding finding = look(name);
    EXPECT_EQ(finding.status, status) << name << ": " << finding.found;
    EXPECT_THAT(finding.found, testing::HasSubstr(std::string(found)));
    EXPECT_EQ(finding.advice.empty(), status == CheckStatus::kOk || status == CheckStatus::kSkip)
        << name << ": " << finding.advice;
  }

  DoctorContext context_;
};

}  // namespace gpuvigil
