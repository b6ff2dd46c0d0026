// SPDX-License-Identifier: Apache-2.0
#include "procs/cgroup_place.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

const std::string kId = "0f3c5d8a1b2e4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8";
const std::string kInner = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
const std::string kUid = "a1b2c3d4-1234-5678-9abc-def012345678";
const std::string kUidOfSystemd = "a1b2c3d4_1234_5678_9abc_def012345678";

CgroupPlace of_path(const std::string& path) {
  return parse_cgroups("0::" + path + "\n");
}

TEST(Cgroups, TellContainersOfEveryRuntime) {
  const auto f = [](const std::string& path, const std::string& runtime) {
    const CgroupPlace found = of_path(path);
    EXPECT_EQ(found.place.container_id, kId) << path;
    EXPECT_EQ(found.place.container_runtime, runtime) << path;
    EXPECT_EQ(found.place.pod_uid, "") << path;
    EXPECT_EQ(found.pod_container_id, "") << path;
  };
  f("/system.slice/docker-" + kId + ".scope", "docker");
  f("/docker/" + kId, "docker");
  f("/../../docker/" + kId, "docker");  // seen from another container
  f("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope", "podman");
  f("/machine.slice/libpod-" + kId + ".scope/container", "podman");
  f("/libpod_parent/libpod-" + kId, "podman");
  f("/system.slice/web.service/libpod-payload-" + kId, "podman");
  f("/system.slice/nerdctl-" + kId + ".scope", "containerd");
  f("/k8s.io/" + kId, "containerd");
  f("/crio-" + kId, "crio");
  f("/ecs/0a1b2c3d/" + kId, "");  // the name does not say whose it is
}

TEST(Cgroups, TellPods) {
  const auto f = [](const std::string& path, const std::string& runtime) {
    const CgroupPlace found = of_path(path);
    EXPECT_EQ(found.place.pod_uid, kUid) << path;
    EXPECT_EQ(found.place.container_id, kId) << path;
    EXPECT_EQ(found.place.container_runtime, runtime) << path;
    EXPECT_EQ(found.pod_container_id, kId) << path;
  };
  f("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidOfSystemd +
        ".slice/cri-containerd-" + kId + ".scope",
    "containerd");
  f("/kubepods.slice/kubepods-pod" + kUidOfSystemd + ".slice/crio-" + kId + ".scope", "crio");
  f("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
    "kubelet-kubepods-besteffort-pod" +
        kUidOfSystemd + ".slice/cri-containerd-" + kId + ".scope",
    "containerd");
  f("/kubepods/besteffort/pod" + kUid + "/" + kId, "");
  f("/kubepods/pod" + kUid + "/" + kId, "");
  f("/kubepods/burstable/pod" + kUid + "/crio-" + kId, "crio");
  f("/system.slice/containerd.service/kubepods-burstable-pod" + kUidOfSystemd +
        ".slice:cri-containerd:" + kId,
    "containerd");
  f("/kubepods.slice/kubepods-burstable-pod" + kUidOfSystemd + ".slice/docker-" + kId + ".scope",
    "docker");
}

TEST(Cgroups, KnowPodsOfTheKubeletsOwnFiles) {
  const CgroupPlace found =
      of_path("/kubepods/besteffort/pod0123456789abcdef0123456789abcdef/" + kId);
  EXPECT_EQ(found.place.pod_uid, "0123456789abcdef0123456789abcdef");
}

TEST(Cgroups, TheInnermostContainerCounts) {
  const CgroupPlace node =
      of_path("/docker/" + kId + "/kubelet/kubepods/pod" + kUid + "/" + kInner);
  EXPECT_EQ(node.place.container_id, kInner);
  EXPECT_EQ(node.pod_container_id, kInner);

  const CgroupPlace within = of_path("/kubepods/pod" + kUid + "/" + kId + "/docker/" + kInner);
  EXPECT_EQ(within.place.container_id, kInner);
  EXPECT_EQ(within.place.container_runtime, "docker");
  EXPECT_EQ(within.place.pod_uid, kUid);
  EXPECT_EQ(within.pod_container_id, kId);
}

TEST(Cgroups, WhatOnlyLooksLikeAContainerIsNone) {
  const auto f = [](const std::string& path) {
    const CgroupPlace found = of_path(path);
    EXPECT_EQ(found.place.container_id, "") << path;
    EXPECT_EQ(found.place.pod_uid, "") << path;
  };
  f("/");
  f("/docker/" + kId.substr(1));
  f("/docker/0" + kId);
  f("/docker/" + std::string(64, 'G'));
  f("/machine.slice/libpod-conmon-" + kId + ".scope");  // watches it, is not in it
  f("/kubepods.slice/crio-conmon-" + kId + ".scope");
  f("/system.slice/mytool-" + kId + ".scope");
  f("/system.slice/pod" + kUid);  // no pod outside of kubepods
  f("/kubepods/podcast");
  f("/kubepods/pod" + std::string(36, 'z'));
  f("/kubepods-burstable.slice");
}

TEST(Cgroups, TellSlurmJobs) {
  const auto f = [](const std::string& path, const std::string& job, const std::string& step) {
    const CgroupPlace found = of_path(path);
    EXPECT_EQ(found.place.slurm_job, job) << path;
    EXPECT_EQ(found.place.slurm_step, step) << path;
  };
  f("/slurm/uid_1000/job_123/step_0/task_0", "123", "0");
  f("/slurm_node7/uid_1000/job_123/step_batch", "123", "batch");
  f("/system.slice/slurmstepd.scope/job_123/step_0/user/task_special", "123", "0");
  f("/system.slice/node7_slurmstepd.scope/job_9/step_extern/user", "9", "extern");
  f("/slurm/uid_1000/job_123", "123", "");
  f("/job_123/step_0", "", "");
  f("/slurm/uid_1000/job_x/step_0", "", "");
  f("/slurm/uid_1000/job_5/step_<b>", "5", "");
}

TEST(Cgroups, TellUnitsOfSystemd) {
  const auto f = [](const std::string& path, const std::string& unit) {
    EXPECT_EQ(of_path(path).place.unit, unit) << path;
  };
  f("/system.slice/ollama.service", "ollama.service");
  f("/user.slice/user-1000.slice/session-3.scope", "session-3.scope");
  f("/user.slice/user-1000.slice/user@1000.service/app.slice/app-a\\x2db.scope",
    "app-a\\x2db.scope");
  f("/system.slice/web.service/libpod-payload-" + kId, "web.service");
  f("/system.slice/docker-" + kId + ".scope", "");  // the container says more
  f("/system.slice", "");
  f("/system.slice/" + std::string(1000, 'x') + ".service", std::string(256, 'x'));
}

TEST(Cgroups, OfBothVersionsFillOneAnother) {
  const CgroupPlace found = parse_cgroups(
      "12:devices:/slurm/uid_1000/job_123/step_0/task_0\n"
      "9:memory:/slurm/uid_1000/job_123\n"
      "1:name=systemd:/system.slice/slurmd.service\n"
      "0::/system.slice/slurmd.service\n");
  EXPECT_EQ(found.place.slurm_job, "123");
  EXPECT_EQ(found.place.slurm_step, "0");
  EXPECT_EQ(found.place.unit, "slurmd.service");

  const CgroupPlace other_order = parse_cgroups(
      "2:memory:/slurm/uid_1/job_7\n"
      "1:devices:/slurm/uid_1/job_7/step_3\n");
  EXPECT_EQ(other_order.place.slurm_step, "3");

  const CgroupPlace container = parse_cgroups("5:cpu:/\n4:memory:/docker/" + kId + "\n0::/\n");
  EXPECT_EQ(container.place.container_id, kId);
  EXPECT_EQ(container.place.container_runtime, "docker");
}

TEST(Cgroups, AreReadThoughALineIsOdd) {
  EXPECT_EQ(parse_cgroups("garbage\n\n:::\n0::/docker/" + kId).place.container_id, kId);
  EXPECT_EQ(parse_cgroups(""), CgroupPlace());
}

RC_GTEST_PROP(Cgroups, TakeAnyBytes, (const std::string& bytes)) {
  const CgroupPlace found =
      parse_cgroups("0::/kubepods/slurm/job_1/" + bytes + ".service/" + bytes);
  RC_ASSERT(is_clean_text(found.place.unit));
  RC_ASSERT(found.place.container_id.empty() || found.place.container_id.size() == 64U);
}

}  // namespace
}  // namespace gpuvigil
