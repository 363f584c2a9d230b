// CoDel's control law, as RFC 8289 has it, by the times at which it drops.
#include "tests/support/codel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t kSize = 1000;

// A queue in which each packet has been for `sojourn` when it is taken, and in which enough others wait.
class Standing {
 public:
  // Takes a packet at `now`; how many were dropped before it.
  std::uint64_t take(LineTime now, LineTime sojourn, std::size_t others = 10) {
    PacketQueue queue;
    for (std::size_t i = 0; i < others + 1; ++i) {
      LinePacket packet;
      packet.size = kSize;
      queue.push(std::move(packet), now - sojourn);
    }
    std::uint64_t dropped = 0;
    EXPECT_TRUE(codel_.take(queue, now, dropped).has_value());
    return dropped;
  }
  // A packet each millisecond of [from, to) is taken; the times of the drops in ms.
  std::vector<int> drops(int from, int to, LineTime sojourn, std::size_t others = 10) {
    std::vector<int> times;
    for (int ms = from; ms < to; ++ms)
      for (auto count = take(milliseconds(ms), sojourn, others); count > 0; --count) times.push_back(ms);
    return times;
  }

 private:
  Codel codel_;
};

TEST(Codel, an_empty_queue_has_nothing_to_send) {
  Codel codel;
  PacketQueue queue;
  std::uint64_t dropped = 0;
  EXPECT_FALSE(codel.take(queue, milliseconds(1), dropped));
  EXPECT_EQ(dropped, 0U);
}

TEST(Codel, nothing_is_dropped_below_the_target) {
  EXPECT_THAT(Standing().drops(0, 2000, nanoseconds(4'999'999)), testing::IsEmpty());
}

TEST(Codel, a_packet_that_is_alone_is_never_dropped) {
  EXPECT_THAT(Standing().drops(0, 2000, milliseconds(500), 1), testing::IsEmpty());
}

// After an interval above the target, then 100 ms ÷ √1, ÷ √2, ÷ √3 … apart.
TEST(Codel, the_drops_come_closer_by_the_square_root_of_their_number) {
  EXPECT_THAT(Standing().drops(0, 500, milliseconds(5)), testing::ElementsAre(100, 200, 271, 329, 379, 424, 464));
}

TEST(Codel, a_moment_below_the_target_starts_the_interval_anew) {
  Standing standing;
  EXPECT_THAT(standing.drops(0, 99, milliseconds(6)), testing::IsEmpty());
  EXPECT_EQ(standing.take(milliseconds(99), milliseconds(1)), 0U);
  EXPECT_THAT(standing.drops(100, 250, milliseconds(6)), testing::ElementsAre(200));
}

TEST(Codel, dropping_ends_once_the_queue_is_short) {
  Standing standing;
  EXPECT_THAT(standing.drops(0, 250, milliseconds(6)), testing::ElementsAre(100, 200));
  EXPECT_EQ(standing.take(milliseconds(250), milliseconds(1)), 0U);
  EXPECT_THAT(standing.drops(251, 351, milliseconds(6)), testing::IsEmpty());
}

// 7 drops until 464; below the target for a moment; dropping begins anew at 600 with the 6 that came since it began, so
// that the next drop is 100 ÷ √6 away and not 100.
TEST(Codel, dropping_goes_on_at_its_pace_where_it_ended_not_long_ago) {
  Standing standing;
  EXPECT_EQ(standing.drops(0, 499, milliseconds(6)).size(), 7U);
  EXPECT_EQ(standing.take(milliseconds(499), milliseconds(1)), 0U);
  EXPECT_THAT(standing.drops(500, 650, milliseconds(6)), testing::ElementsAre(600, 641));
}

TEST(Codel, dropping_begins_slowly_again_after_sixteen_intervals) {
  Standing standing;
  EXPECT_EQ(standing.drops(0, 499, milliseconds(6)).size(), 7U);
  EXPECT_EQ(standing.take(milliseconds(499), milliseconds(1)), 0U);
  EXPECT_THAT(standing.drops(2200, 2420, milliseconds(6)), testing::ElementsAre(2300, 2400));
}

}  // namespace
}  // namespace larder::test
