#include "inbox/model/upload_state.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace larder::inbox {
namespace {

// For each event the state that follows, in the order of UploadState; "-": refused.
struct Expected {
  UploadEvent event;
  const char* states;
};
const std::vector<Expected> kExpected = {
    {UploadEvent::all_received, "sealed sealed - - - - - - -"},
    {UploadEvent::wrong_content, "failed failed - - - - failed - -"},
    {UploadEvent::scanner_refused, "- rejected - - - rejected - - -"},
    {UploadEvent::accept, "- accepted - - - - - - -"},
    {UploadEvent::claim, "- - delivering - - - - - -"},
    {UploadEvent::application_took, "- - delivered delivered delivered - - - -"},
    {UploadEvent::application_refused, "- - rejected rejected - rejected - - -"},
    {UploadEvent::attempt_ended, "- - accepted accepted - - - - -"},
    {UploadEvent::cancel, "cancelled cancelled - - - - failed cancelled expired"},
    {UploadEvent::expire, "expired - - - - - - - expired"},
};

std::vector<UploadState> all_states() {
  std::vector<UploadState> states;
  for (std::size_t i = 0; i < kUploadStateCount; ++i) states.push_back(static_cast<UploadState>(i));
  return states;
}

TEST(UploadStates, EveryStateAndEventIsDecided) {
  ASSERT_EQ(kExpected.size(), kUploadEventCount);
  for (const Expected& row : kExpected) {
    std::istringstream words(row.states);
    for (const UploadState state : all_states()) {
      std::string word;
      ASSERT_TRUE(words >> word) << row.states;
      const auto next = next_state(state, row.event);
      EXPECT_EQ(next ? state_name(*next) : "-", word) << event_name(row.event) << " while " << state_name(state);
    }
  }
}

// Each state can be reached, and an acceptance only through `sealed`: with its size and digest checked.
TEST(UploadStates, AreReachedFromReceivingAndAcceptedThroughSealedOnly) {
  std::map<UploadState, std::set<UploadState>> before;
  std::set<UploadState> reached = {UploadState::receiving};
  for (std::size_t round = 0; round < kUploadStateCount; ++round) {
    for (const UploadState state : std::set<UploadState>(reached)) {
      for (std::size_t event = 0; event < kUploadEventCount; ++event) {
        const auto next = next_state(state, static_cast<UploadEvent>(event));
        if (!next || *next == state) continue;
        reached.insert(*next);
        before[*next].insert(state);
      }
    }
  }
  EXPECT_EQ(reached.size(), kUploadStateCount);
  EXPECT_EQ(before[UploadState::accepted], (std::set{UploadState::sealed, UploadState::delivering}));
  EXPECT_EQ(before[UploadState::delivering], std::set{UploadState::accepted});
  EXPECT_EQ(before[UploadState::receiving], std::set<UploadState>{});
}

TEST(UploadStates, NothingLeadsOutOfAnEnd) {
  for (const UploadState end : {UploadState::delivered, UploadState::rejected, UploadState::failed,
                                UploadState::cancelled, UploadState::expired}) {
    for (std::size_t event = 0; event < kUploadEventCount; ++event) {
      const auto next = next_state(end, static_cast<UploadEvent>(event));
      EXPECT_EQ(next.value_or(end), end) << state_name(end) << " " << event_name(static_cast<UploadEvent>(event));
    }
  }
}

// They are what is stored.
TEST(UploadStates, HaveTheseNames) {
  std::string names;
  for (const UploadState state : all_states()) {
    names += std::string(state_name(state)) + " ";
    EXPECT_EQ(state_from_name(state_name(state)), state);
  }
  EXPECT_EQ(names, "receiving sealed accepted delivering delivered rejected failed cancelled expired ");
  EXPECT_FALSE(state_from_name("Sealed"));
  EXPECT_FALSE(state_from_name(""));
  std::string events;
  for (std::size_t i = 0; i < kUploadEventCount; ++i)
    events += std::string(event_name(static_cast<UploadEvent>(i))) + " ";
  EXPECT_EQ(events,
            "all_received wrong_content scanner_refused accept claim application_took application_refused "
            "attempt_ended cancel expire ");
}

TEST(UploadStates, SomeWereAcceptedSomeFreeTheKey) {
  const auto those = [](auto holds) {
    std::string text;
    for (const UploadState state : all_states()) {
      if (holds(state)) text += std::string(state_name(state)) + " ";
    }
    return text;
  };
  EXPECT_EQ(those(was_accepted), "accepted delivering delivered rejected ");
  EXPECT_EQ(those(frees_key), "cancelled expired ");
}

}  // namespace
}  // namespace larder::inbox
