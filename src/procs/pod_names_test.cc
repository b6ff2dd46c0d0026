// SPDX-License-Identifier: Apache-2.0
#include "procs/pod_names.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/testing_tree.h"

namespace gpuvigil {
namespace {

const std::string kId = "0f3c5d8a1b2e4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8";
const std::string kOther = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
constexpr Timestamp kNoon = Timestamp(std::chrono::seconds(1'800'000'000));

TEST(ContainerLog, NamesTheContainer) {
  const auto log = parse_container_log("llama-0_team-a_server-" + kId + ".log");
  ASSERT_TRUE(log);
  EXPECT_EQ(log->container_id, kId);
  EXPECT_EQ(log->name,
            (PodName{.pod_namespace = "team-a", .pod = "llama-0", .container = "server"}));
  EXPECT_TRUE(parse_container_log("a.b.c_d_e-f-" + kId + ".log"));
}

TEST(ContainerLog, IsRefusedWhereItIsNotOfTheKubelet) {
  const auto f = [](const std::string& name) { EXPECT_FALSE(parse_container_log(name)) << name; };
  f("");
  f(".log");
  f(kId + ".log");
  f("-" + kId + ".log");
  f("pod_space_c-" + kId);
  f("pod_space_c" + kId + ".log");
  f("pod_space_c-" + kId.substr(0, 50) + ".log");  // cut, because the name was too long
  f("pod_c-" + kId + ".log");
  f("_space_c-" + kId + ".log");
  f("pod_space_-" + kId + ".log");
  f("pod_sp.ace_c-" + kId + ".log");
  f("pod_space_c_d-" + kId + ".log");
  f("Pod_space_c-" + kId + ".log");
  f("p<d_space_c-" + kId + ".log");
  f(std::string(254, 'p') + "_space_c-" + kId + ".log");
}

TEST(PodNames, AreFoundByTheContainer) {
  testing::Tree tree;
  tree.link("logs/llama-0_team-a_server-" + kId + ".log", "/nowhere");
  tree.write("logs/notes.txt", "");
  PodNames names(tree.path("logs"));
  const auto name = names.find(kId, kNoon);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->pod, "llama-0");
  EXPECT_FALSE(names.find(kOther, kNoon));
  EXPECT_EQ(names.problem(), "");
}

TEST(PodNames, AreReadAgainForAContainerThatIsNew) {
  testing::Tree tree;
  tree.link("logs/a_b_c-" + kId + ".log", "/nowhere");
  PodNames names(tree.path("logs"));
  ASSERT_TRUE(names.find(kId, kNoon));
  tree.link("logs/d_e_f-" + kOther + ".log", "/nowhere");
  EXPECT_FALSE(names.find(kOther, kNoon + PodNames::kPause / 2));
  EXPECT_TRUE(names.find(kOther, kNoon + PodNames::kPause));
}

TEST(PodNames, SayWhyThereAreNone) {
  testing::Tree tree;
  PodNames names(tree.path("logs"));
  EXPECT_EQ(names.problem(), "");
  EXPECT_FALSE(names.find(kId, kNoon));
  EXPECT_NE(names.problem().find("No such file or directory"), std::string::npos);
}

}  // namespace
}  // namespace gpuvigil
