// SPDX-License-Identifier: Apache-2.0
#include "procs/process_text.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

using namespace std::string_literals;

const std::string kAfterName =
    " 17 3059 29602 0 -1 4194304 101 0 0 0 0 0 0 0 20 0 1 0 2558683 3133440 411\n";

TEST(ParseStat, ReadsTheNameTheParentAndTheStart) {
  const auto stat = parse_stat("3064 (cat) R" + kAfterName);
  ASSERT_TRUE(stat);
  EXPECT_EQ(*stat, (StatLine{.name = "cat", .state = 'R', .parent = 17, .start_ticks = 2558683}));
}

TEST(ParseStat, ANameMayHoldAnything) {
  const auto f = [](const std::string& name) {
    const auto stat = parse_stat("3064 (" + name + ") S" + kAfterName);
    ASSERT_TRUE(stat) << name;
    EXPECT_EQ(stat->name, name);
    EXPECT_EQ(stat->parent, 17U);
    EXPECT_EQ(stat->start_ticks, 2558683U);
  };
  f("two words");
  f("(sd-pam)");
  f(") R 1 1 (");
  f(")");
  f("");
  f("a\nb");
  f("kworker/u8:2-events_unbound");
}

TEST(ParseStat, RefusesWhatIsNotAsProcHasIt) {
  const auto f = [](const std::string& line) { EXPECT_FALSE(parse_stat(line)) << line; };
  f("");
  f("3064");
  f("3064 cat R 17");
  f("3064 )cat( R 17");
  f("3064 (cat) R 17 3059");                                        // cut short
  f("3064 (cat) R -1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 25 1 1");  // no parent is below 0
  f("3064 (cat) R 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 x 1 1");
  f("3064 (cat) R 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 18446744073709551616 1 1");
}

TEST(ParseStat, CutsANameThatIsTooLong) {
  const auto stat = parse_stat("1 (" + std::string(1000, 'x') + ") S" + kAfterName);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->name, std::string(64, 'x'));
}

TEST(ParseUid, GivesTheEffectiveOne) {
  EXPECT_EQ(parse_uid("Name:\tx\nUid:\t1000\t1001\t1002\t1003\nGid:\t5\t5\t5\t5\n"), 1001U);
  EXPECT_EQ(parse_uid("Uid:\t0\t0\t0\t0"), 0U);
}

TEST(HasOthersRights, WhereRealAndEffectiveUserOrGroupDiffer) {
  const auto f = [](const char* text, bool want) {
    EXPECT_EQ(has_others_rights(text), want) << text;
  };
  f("Name:\tx\nUid:\t5\t6\t5\t5\nGid:\t5\t5\t5\t5\n", true);
  f("Name:\tx\nUid:\t5\t5\t6\t6\nGid:\t5\t0\t5\t5\n", true);
  f("Name:\tx\nUid:\t5\t5\t6\t6\nGid:\t5\t5\t5\t5\n", false);
  f("Name:\tUid: 1 2\n", false);
  f("Uid:\t5\n", false);
  f("Uid:\tx\t6\n", false);
  f("", false);
}

TEST(ParseUid, IsAbsentWhereItCannotBeRead) {
  const auto f = [](const char* text) { EXPECT_FALSE(parse_uid(text)) << text; };
  f("");
  f("Name:\tUid: 1 2 3 4\n");
  f("Uid:\t1000\n");
  f("Uid:\t1000\tx\n");
  f("Uid:\t1000\t4294967296\n");
}

TEST(CommandLine, JoinsArgumentsInOneCleanLine) {
  const auto f = [](const std::string& bytes, const std::string& want) {
    EXPECT_EQ(command_line(bytes, 64), want);
  };
  f("python3\0train.py\0--name\0two words\0"s, "python3 train.py --name two words");
  f("nginx: worker process\0\0\0\0\0"s, "nginx: worker process");
  f("a\0\0b\0"s, "a  b");
  f("sh\0-c\0echo a\n\techo b\0"s, "sh -c echo a  echo b");
  f("x\0\x1b[31m\0"s, "x \xEF\xBF\xBD[31m");
  f("x\0\xff\0"s, "x \xEF\xBF\xBD");
  f("", "");
}

TEST(CommandLine, CutsBetweenCharacters) {
  EXPECT_EQ(command_line("abc\0def"s, 5), "abc d");
  EXPECT_EQ(command_line("abc\xC3\xA4z", 4), "abc");
  EXPECT_EQ(command_line("abc\xC3\xA4z", 5), "abc\xC3\xA4");
}

RC_GTEST_PROP(CommandLine, IsCleanAndBoundedWhateverAProcessWrites, (const std::string& bytes)) {
  const std::string line = command_line(bytes, 32);
  RC_ASSERT(line.size() <= 32U);
  RC_ASSERT(is_clean_text(line));
}

RC_GTEST_PROP(ParseStat, TakesAnyBytes, (const std::string& bytes)) {
  const auto stat = parse_stat("1 (" + bytes + ") S 2 " + bytes);
  if (stat) RC_ASSERT(stat->name.size() <= 64U);
}

TEST(ParseEnvironment, FindsOurLibraries) {
  const auto f = [](const std::string& bytes, bool want) {
    EXPECT_EQ(parse_environment(bytes).has_agent, want) << bytes;
  };
  f("HOME=/\0CUDA_INJECTION64_PATH=/opt/lib/libgpuvigil_cuda.so\0"s, true);
  f("CUDA_INJECTION64_PATH=libgpuvigil_cuda.so"s, true);
  f("OPENCL_LAYERS=/usr/lib/other.so:/opt/libgpuvigil_opencl.so\0A=b\0"s, true);
  f("ROCP_TOOL_LIBRARIES=/opt/libgpuvigil_rocm.so\0"s, true);
  f("CUDA_INJECTION64_PATH=/opt/libgpuvigil_cuda.so\0CUDA_INJECTION64_PATH=/other.so\0"s, true);
  f("CUDA_INJECTION64_PATH=/opt/nsys/libToolsInjection64.so\0"s, false);
  f("CUDA_INJECTION64_PATH=/opt/libgpuvigil_cuda.so/other.so\0"s, false);
  f("MY_CUDA_INJECTION64_PATH=libgpuvigil_cuda.so\0"s, false);
  f("OPENCL_LAYERS=\0"s, false);
  f("", false);
}

TEST(ParseEnvironment, BelievesSlurmOnlyNumbers) {
  const auto f = [](const std::string& bytes, const std::string& job, const std::string& step) {
    const auto facts = parse_environment(bytes);
    EXPECT_EQ(facts.slurm_job, job);
    EXPECT_EQ(facts.slurm_step, step);
  };
  f("SLURM_JOB_ID=123\0SLURM_STEP_ID=0\0"s, "123", "0");
  f("SLURM_JOB_ID=<script>\0SLURM_STEP_ID=-1\0"s, "", "");
  f("SLURM_JOB_ID\0"s, "", "");
}

RC_GTEST_PROP(ParseEnvironment, TakesAnyBytes, (const std::string& bytes)) {
  const auto facts = parse_environment("SLURM_JOB_ID=" + bytes);
  RC_ASSERT(facts.slurm_job.size() <= 20U);
}

}  // namespace
}  // namespace gpuvigil
