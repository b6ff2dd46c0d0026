// SPDX-License-Identifier: Apache-2.0
#include "alert/life_cycle.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "alert/testing_script.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::drawing;
using testing::kStart;
using testing::looks_from;

TEST(AlertLifeCycle, FollowsItsScripts) {
  const auto f = [](HoldTimes hold, std::string_view looks, std::string_view want) {
    EXPECT_EQ(drawing(hold, looks), want) << looks;
  };
  f({}, "", "");
  f({}, "F?FTTF?F", "---!f.--");      // no holds: at the first look
  f({2s, 0s}, "TTTTF", "pp!f.");      // waits, fires once
  f({2s, 0s}, "TTFTTTF", "pp-pp!.");  // a gap begins the wait anew
  f({2s, 0s}, "T???TTT",
    "ppppp"
    "p!");                                // silence does not count as holding
  f({2s, 0s}, "T?T?T?TTT", "pppppppp!");  // nor do single looks between silences
  f({0s, 2s}, "TFTFFFF", "!ffff.-");      // a relapse begins the all-clear anew
  f({0s, 2s}, "TF??FFF", "!fffff.");      // silence does not count as clear
  f({0s, 1s}, "T????????", "!ffffffff");  // no data never resolves
  f({1s, 1s}, "TTFFTTFF", "p!f.p!f.");    // and again
}

TEST(AlertLifeCycle, TimeThatGoesBackCountsAsNone) {
  const HoldTimes hold{2s, 0s};
  AlertProgress progress = advance(hold, {}, RuleFinding::kTrue, kStart).next;
  progress = advance(hold, progress, RuleFinding::kTrue, kStart - 1h).next;
  EXPECT_EQ(progress.phase, AlertPhase::kPending);
  EXPECT_EQ(progress.evidence, 0s);
}

/// The same life, told the slow way: the phase from the whole history, and the evidence as the sum
/// over all pairs of neighbouring looks since the phase began.
std::string reference_drawing(Duration before_firing, Duration before_resolving,
                              const std::string& looks) {
  std::string drawn;
  char phase = '-';
  std::size_t entered = 0;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const char wanted = phase == 'f' ? 'F' : 'T';
    // Unbroken by an opposite look, since the phase began.
    std::size_t from = phase == 'p' ? entered : entered + 1;
    for (std::size_t k = from; k <= i; ++k) {
      if (looks[k] != wanted && looks[k] != '?') from = k + 1;
    }
    Duration seen{};
    for (std::size_t k = from + 1; k <= i; ++k) {
      if (looks[k] == wanted && looks[k - 1] == wanted) seen += 1s;
    }
    char drawn_here = phase;
    if (phase == '-' && looks[i] == 'T') {
      drawn_here = before_firing == 0s ? '!' : 'p';
    } else if (phase == 'p' && looks[i] == 'F') {
      drawn_here = '-';
    } else if (phase == 'p' && looks[i] == 'T' && seen >= before_firing) {
      drawn_here = '!';
    } else if (phase == 'f' && looks[i] == 'F' && seen >= before_resolving) {
      drawn_here = '.';
    }
    const char next = drawn_here == '!' ? 'f' : drawn_here == '.' ? '-' : drawn_here;
    if (next != phase) entered = i;
    phase = next;
    drawn += drawn_here;
  }
  return drawn;
}

RC_GTEST_PROP(AlertLifeCycle, IsTheSameToldTheSlowWay,
              (std::vector<std::uint8_t> raw, std::uint8_t fire, std::uint8_t clear)) {
  const HoldTimes hold{(fire % 4U) * 1s, (clear % 4U) * 1s};
  const std::string looks = looks_from(raw);
  RC_ASSERT(drawing(hold, looks) ==
            reference_drawing(hold.before_firing, hold.before_resolving, looks));
}

/// The same life told the slow way: from the whole history at every look.
class SlowModel {
 public:
  SlowModel(int fire, int keep) : fire_(fire), keep_(keep) {}

  char look(char c) {
    if (c == 'M') c = phase_ == 'f' ? 'H' : 'L';
    history_ += c;
    const char wanted = phase_ == 'f' ? 'L' : 'H';
    // Seconds between neighbouring looks that both are evidence, since the phase began and since
    // the last look that said the opposite.
    int seen = 0;
    for (std::size_t i = history_.size(); i-- > entered_;) {
      const char here = history_[i];
      if (here != wanted && here != '?' && here != 'R') break;
      if (i > entered_ && here == wanted && history_[i - 1] == wanted) ++seen;
    }
    const bool evident = c == wanted;
    if (phase_ == '-' && evident) return enter(fire_ == 0 ? 'f' : 'p', fire_ == 0 ? '!' : 'p');
    if (phase_ == 'p' && c == 'L') return enter('-', '-');
    if (phase_ == 'p' && evident && seen >= fire_) return enter('f', '!');
    if (phase_ == 'f' && evident && seen >= keep_) return enter('-', '.');
    return phase_;
  }
  void restart() { history_ += 'R'; }

 private:
  char enter(char phase, char drawn) {
    phase_ = phase;
    // Pending, the look that began it is evidence; else evidence begins with the next one.
    entered_ = phase == 'p' ? history_.size() - 1 : history_.size();
    return drawn;
  }

  int fire_;
  int keep_;
  char phase_ = '-';
  std::size_t entered_ = 0;
  std::string history_;
};

TEST(AlertLifeCycle, IsThatOfAReferenceModelOverAHundredThousandSteps) {
  std::mt19937 random(20260102);
  int steps = 0;
  while (steps < 100'000) {
    const int fire = static_cast<int>(random() % 5);
    const int keep = static_cast<int>(random() % 5);
    const HoldTimes hold{fire * 1s, keep * 1s};
    AlertProgress progress;
    SlowModel model(fire, keep);
    Timestamp now = kStart;
    std::string looks;
    for (int i = 0; i < 200; ++i, ++steps) {
      const char look = "HHHHMMLLL??R"[random() % 12];
      looks += look;
      if (look == 'R') {
        progress.evident_at.reset();
        model.restart();
        continue;
      }
      const bool firing = progress.phase == AlertPhase::kFiring;
      const RuleFinding finding = look == '?'                              ? RuleFinding::kNoData
                                  : look == 'H' || (look == 'M' && firing) ? RuleFinding::kTrue
                                                                           : RuleFinding::kFalse;
      const AlertStep step = advance(hold, progress, finding, now);
      progress = step.next;
      now += 1s;
      const char drawn = step.event == AlertEvent::kFired         ? '!'
                         : step.event == AlertEvent::kResolved    ? '.'
                         : progress.phase == AlertPhase::kIdle    ? '-'
                         : progress.phase == AlertPhase::kPending ? 'p'
                                                                  : 'f';
      ASSERT_EQ(drawn, model.look(look)) << looks << " fire " << fire << " keep " << keep;
    }
  }
}

}  // namespace
}  // namespace gpuvigil
