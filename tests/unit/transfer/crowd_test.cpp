// Many hosts want one file at the same time: the transfers, the crowd's rules and their driver together.
#include <algorithm>

#include "tests/unit/transfer/crowd_office.h"

namespace larder::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kSegment = cache::kMinSegment;

// What one host needs alone: 64 KiB every `gap`.
double alone_s(const CrowdOffice& office) {
  const double chunks = static_cast<double>(office.file.bytes.size()) / static_cast<double>(office.origin.chunk);
  return chunks * std::chrono::duration<double>(office.origin.gap).count();
}

double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

class Crowd : public testing::Test {
 protected:
  void run(CrowdOffice& office, Duration limit = seconds(120)) {
    ASSERT_TRUE(office.loop.run_until([&] { return office.all_done(); }, limit)) << "somebody waits for ever";
    office.check();
  }
};

TEST_F(Crowd, FourThatStartAtOnceAskForOneCopy) {
  CrowdOffice office(4, 8 * kSegment, 1);
  const SteadyTime began = office.loop.now();
  for (std::size_t i = 0; i < 4; ++i) office.start(i);
  run(office);
  EXPECT_LT(office.copies(), 1.02);
  // Each fetches about a quarter, and has the rest from the others.
  EXPECT_LT(seconds_of(office.loop.now() - began), 0.6 * alone_s(office));
}

TEST_F(Crowd, TwelveThatStartWithinAMomentAskForOneCopy) {
  for (const std::uint64_t seed : {1U, 2U}) {
    CrowdOffice office(10, 6 * kSegment + 1000, seed);
    for (std::size_t i = 0; i < 10; ++i) {
      office.loop.after(milliseconds(office.loop.random().below(300)), [&office, i] { office.start(i); });
    }
    office.loop.advance(milliseconds(301));
    run(office);
    EXPECT_LT(office.copies(), 1.03) << "seed " << seed;
  }
}

TEST_F(Crowd, LostDatagramsCostLittle) {
  CrowdOffice office(5, 12 * kSegment, 4);
  office.loss = 0.2;
  for (std::size_t i = 0; i < 5; ++i) office.start(i);
  run(office);
  EXPECT_LT(office.copies(), 1.25);
}

TEST_F(Crowd, AFetcherThatDiesIsReplaced) {
  CrowdOffice office(5, 8 * kSegment, 5);
  for (std::size_t i = 0; i < 5; ++i) office.start(i);
  office.loop.advance(milliseconds(600));
  // Those that have fetched something, and are fetching.
  std::size_t victims = 0;
  for (std::size_t i = 0; i < 5 && victims < 2; ++i) {
    if (!office.held_by(i).empty()) office.kill(i), ++victims;
  }
  ASSERT_EQ(victims, 2U);
  run(office);
  EXPECT_LT(office.copies(), 1.6);
}

TEST_F(Crowd, AnAgentAloneInTheCrowdIsNotSlowed) {
  CrowdOffice office(3, 8 * kSegment, 6);  // the others are around and want nothing
  const SteadyTime began = office.loop.now();
  office.start(0);
  run(office);
  EXPECT_LT(office.copies(), 1.001);
  EXPECT_LT(seconds_of(office.loop.now() - began), 1.02 * alone_s(office) + 0.15);
}

TEST_F(Crowd, WhoComesWhenItIsHalfDoneFinishesWithIt) {
  CrowdOffice office(4, 12 * kSegment, 7);
  for (std::size_t i = 0; i < 3; ++i) office.start(i);
  office.loop.advance(milliseconds(700));
  office.start(3);
  run(office);
  EXPECT_LT(office.copies(), 1.03);
}

TEST_F(Crowd, WhoComesAtTheEndTakesEverythingFromTheOthers) {
  CrowdOffice office(3, 4 * kSegment, 8);
  for (std::size_t i = 0; i < 2; ++i) office.start(i);
  run(office);
  office.start(2);
  run(office);
  EXPECT_LT(office.copies(), 1.001);
}

TEST_F(Crowd, ASmallFileIsFetchedOnce) {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    CrowdOffice office(8, 200 * kKiB, seed);
    for (std::size_t i = 0; i < 8; ++i) office.start(i);
    run(office);
    EXPECT_EQ(office.origin.fetches.size(), 1U) << "seed " << seed;
  }
}

TEST_F(Crowd, AnOriginThatBreaksForSomeIsAskedByTheOthers) {
  CrowdOffice office(4, 6 * kSegment, 9);
  // Every second answer breaks in the middle of its segment.
  unsigned asked = 0;
  office.origin.behave = [&asked](const origin::Fetch&) {
    Behaviour behaviour;
    if (++asked % 2 == 0) behaviour.break_after = kMiB;
    return behaviour;
  };
  for (std::size_t i = 0; i < 4; ++i) office.start(i);
  run(office);
  EXPECT_LT(office.copies(), 1.1);
}

TEST_F(Crowd, WhoIsStuckIsNotWaitedFor) {
  CrowdOffice office(3, 6 * kSegment, 10);
  // The second answer stalls for ever: its claim is void, and others fetch the segment.
  unsigned asked = 0;
  office.origin.behave = [&asked](const origin::Fetch&) {
    Behaviour behaviour;
    if (++asked == 2) behaviour.stall_after = kMiB;
    return behaviour;
  };
  for (std::size_t i = 0; i < 3; ++i) office.start(i);
  run(office);
}

}  // namespace
}  // namespace larder::test
