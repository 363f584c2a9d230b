#include "peer/replay_guard.h"

#include <gtest/gtest.h>

namespace larder::peer {
namespace {

AgentId sender(std::uint16_t number) {
  AgentId id{};
  id[0] = static_cast<std::byte>(number & 0xff);
  id[1] = static_cast<std::byte>(number >> 8);
  return id;
}

constexpr SteadyTime at(int seconds) {
  return SteadyTime(std::chrono::seconds(seconds));
}

TEST(ReplayGuard, EachNumberOnceInAnyOrderWithinTheWindow) {
  ReplayGuard guard;
  for (const std::uint64_t number : {5U, 3U, 4U, 1U, 68U, 6U}) {
    EXPECT_TRUE(guard.accept(sender(1), 10, number, at(0))) << number;
    EXPECT_FALSE(guard.accept(sender(1), 10, number, at(0))) << number;
  }
}

TEST(ReplayGuard, BehindTheWindowIsRefused) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept(sender(1), 10, 100, at(0)));
  EXPECT_TRUE(guard.accept(sender(1), 10, 100 - (ReplayGuard::kWindow - 1), at(0)));
  EXPECT_FALSE(guard.accept(sender(1), 10, 100 - ReplayGuard::kWindow, at(0)));
}

TEST(ReplayGuard, AFarJumpForgetsTheWindow) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept(sender(1), 10, 1, at(0)));
  EXPECT_TRUE(guard.accept(sender(1), 10, 1'000'000, at(0)));
  EXPECT_TRUE(guard.accept(sender(1), 10, 999'999, at(0)));
  EXPECT_FALSE(guard.accept(sender(1), 10, 1, at(0)));
}

TEST(ReplayGuard, AnEarlierRunCannotComeBack) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept(sender(1), 10, 50, at(0)));
  EXPECT_TRUE(guard.accept(sender(1), 11, 1, at(1)));
  EXPECT_FALSE(guard.accept(sender(1), 10, 51, at(2)));
  EXPECT_TRUE(guard.accept(sender(1), 11, 2, at(3))) << "the present run must not be pushed aside";
}

TEST(ReplayGuard, SendersAreApart) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept(sender(1), 10, 1, at(0)));
  EXPECT_TRUE(guard.accept(sender(2), 10, 1, at(0)));
}

TEST(ReplayGuard, ZeroIsNeverANumber) {
  ReplayGuard guard;
  EXPECT_FALSE(guard.accept(sender(1), 0, 1, at(0)));
  EXPECT_FALSE(guard.accept(sender(1), 1, 0, at(0)));
}

TEST(ReplayGuard, MemoryIsBoundedAndTheLongestSilentGoes) {
  ReplayGuard guard;
  for (std::size_t i = 0; i < ReplayGuard::kMaxSenders; ++i) {
    ASSERT_TRUE(guard.accept(sender(static_cast<std::uint16_t>(i)), 10, 1, at(static_cast<int>(i) + 1)));
  }
  ASSERT_TRUE(guard.accept(sender(0), 10, 2, at(10'000)));
  ASSERT_TRUE(guard.accept(sender(60'000), 10, 1, at(10'001)));
  EXPECT_EQ(guard.senders(), ReplayGuard::kMaxSenders);
  EXPECT_FALSE(guard.accept(sender(0), 10, 2, at(10'002))) << "spoke lately, so is still known";
  EXPECT_TRUE(guard.accept(sender(1), 10, 1, at(10'003))) << "was silent longest, so is forgotten";
}

}  // namespace
}  // namespace larder::peer
