#include "peer/discovery/replay_guard.h"

#include <gtest/gtest.h>

#include <algorithm>

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

TEST(ReplayGuard, EachNumberOnceInAnyOrder) {
  ReplayGuard guard;
  ASSERT_TRUE(guard.accept_signed(sender(1), 10, 5, at(0)));
  EXPECT_FALSE(guard.accept_signed(sender(1), 10, 5, at(0)));
  EXPECT_FALSE(guard.accept(sender(1), 10, 5, at(0)));
  for (const std::uint64_t number : {3U, 4U, 1U, 68U, 6U, 4005U}) {
    EXPECT_TRUE(guard.fresh(sender(1), 10, number, false)) << number;
    EXPECT_TRUE(guard.accept(sender(1), 10, number, at(0))) << number;
    EXPECT_FALSE(guard.fresh(sender(1), 10, number, false)) << number;
    EXPECT_FALSE(guard.accept(sender(1), 10, number, at(0))) << number;
  }
}

TEST(ReplayGuard, NothingOfARunCountsBeforeItsSenderHasSigned) {
  ReplayGuard guard;
  EXPECT_FALSE(guard.accept(sender(1), 10, 1, at(0)));
  EXPECT_EQ(guard.senders(), 0U);
  ASSERT_TRUE(guard.accept_signed(sender(1), 10, 2, at(0)));
  EXPECT_FALSE(guard.accept(sender(1), 11, 1, at(0))) << "a later run that somebody made up";
  EXPECT_TRUE(guard.accept(sender(1), 10, 1, at(0)));
}

TEST(ReplayGuard, WhatIsNotSignedMovesNothing) {
  ReplayGuard guard;
  ASSERT_TRUE(guard.accept_signed(sender(1), 10, 100, at(0)));
  EXPECT_FALSE(guard.accept(sender(1), 10, UINT64_MAX, at(0)));
  EXPECT_FALSE(guard.accept(sender(1), 10, 100 + ReplayGuard::kMaxAhead + 1, at(0)));
  EXPECT_TRUE(guard.accept(sender(1), 10, 100 + ReplayGuard::kMaxAhead, at(0))) << "forged: as far ahead as can be";
  // The real sender goes on as if nothing had been, but for that one number.
  for (std::uint64_t number = 101; number < 100 + ReplayGuard::kMaxAhead; ++number) {
    ASSERT_TRUE(guard.accept(sender(1), 10, number, at(0))) << number;
  }
  EXPECT_FALSE(guard.accept(sender(1), 10, 100 + ReplayGuard::kMaxAhead, at(0)));
  ASSERT_TRUE(guard.accept_signed(sender(1), 10, 101 + ReplayGuard::kMaxAhead, at(1)));
  EXPECT_TRUE(guard.accept(sender(1), 10, 102 + ReplayGuard::kMaxAhead, at(1)));
}

TEST(ReplayGuard, BehindTheWindowIsRefused) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept_signed(sender(1), 10, 100, at(0)));
  EXPECT_TRUE(guard.accept(sender(1), 10, 100 - (ReplayGuard::kMaxBehind - 1), at(0)));
  EXPECT_FALSE(guard.accept(sender(1), 10, 100 - ReplayGuard::kMaxBehind, at(0)));
}

TEST(ReplayGuard, WhatWasSeenStaysSeenWhileTheWindowMoves) {
  ReplayGuard guard;
  ASSERT_TRUE(guard.accept_signed(sender(1), 10, 1, at(0)));
  std::uint64_t last_signed = 1;
  for (std::uint64_t number = 2; number < 20'000; ++number) {
    if (number % 777 == 0) {
      ASSERT_TRUE(guard.accept_signed(sender(1), 10, number, at(0)));
      last_signed = number;
      continue;
    }
    ASSERT_TRUE(guard.accept(sender(1), 10, number, at(0))) << number;
    const std::uint64_t before = std::max<std::uint64_t>(2, number - std::min<std::uint64_t>(number, 50));
    ASSERT_FALSE(guard.fresh(sender(1), 10, before, false)) << before;
    ASSERT_EQ(guard.ahead(sender(1), 10, number), number - last_signed);
  }
}

TEST(ReplayGuard, AFarJumpOfASignedOneForgetsTheWindow) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept_signed(sender(1), 10, 1, at(0)));
  EXPECT_TRUE(guard.accept_signed(sender(1), 10, 1'000'000, at(0)));
  EXPECT_TRUE(guard.accept(sender(1), 10, 999'999, at(0)));
  EXPECT_FALSE(guard.accept(sender(1), 10, 1, at(0)));
  EXPECT_FALSE(guard.accept_signed(sender(1), 10, 1, at(0)));
}

TEST(ReplayGuard, AnOvertakenOneIsKnownAsSuch) {
  ReplayGuard guard;
  EXPECT_FALSE(guard.overtaken(sender(1), 10, 3));
  ASSERT_TRUE(guard.accept_signed(sender(1), 10, 7, at(0)));
  EXPECT_TRUE(guard.overtaken(sender(1), 10, 3));
  EXPECT_FALSE(guard.overtaken(sender(1), 10, 8));
  ASSERT_TRUE(guard.accept(sender(1), 10, 9, at(0)));
  EXPECT_FALSE(guard.overtaken(sender(1), 10, 8)) << "the other may have been made up";
}

TEST(ReplayGuard, AnEarlierRunCannotComeBack) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept_signed(sender(1), 10, 50, at(0)));
  EXPECT_TRUE(guard.accept_signed(sender(1), 11, 1, at(1)));
  EXPECT_FALSE(guard.accept_signed(sender(1), 10, 51, at(2)));
  EXPECT_FALSE(guard.accept(sender(1), 10, 52, at(2)));
  EXPECT_TRUE(guard.accept(sender(1), 11, 2, at(3))) << "the present run must not be pushed aside";
}

TEST(ReplayGuard, SendersAreApart) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept_signed(sender(1), 10, 1, at(0)));
  EXPECT_TRUE(guard.accept_signed(sender(2), 10, 1, at(0)));
}

TEST(ReplayGuard, ZeroIsNeverANumber) {
  ReplayGuard guard;
  EXPECT_FALSE(guard.accept_signed(sender(1), 0, 1, at(0)));
  EXPECT_FALSE(guard.accept_signed(sender(1), 1, 0, at(0)));
  ASSERT_TRUE(guard.accept_signed(sender(1), 1, 1, at(0)));
  EXPECT_FALSE(guard.accept(sender(1), 1, 0, at(0)));
}

TEST(ReplayGuard, MemoryIsBoundedAndTheLongestSilentGoes) {
  ReplayGuard guard;
  for (std::size_t i = 0; i < ReplayGuard::kMaxSenders; ++i) {
    ASSERT_TRUE(guard.accept_signed(sender(static_cast<std::uint16_t>(i)), 10, 1, at(static_cast<int>(i) + 1)));
  }
  ASSERT_TRUE(guard.accept(sender(0), 10, 2, at(10'000)));
  ASSERT_TRUE(guard.accept_signed(sender(60'000), 10, 1, at(10'001)));
  EXPECT_EQ(guard.senders(), ReplayGuard::kMaxSenders);
  EXPECT_FALSE(guard.accept(sender(0), 10, 2, at(10'002))) << "spoke lately, so is still known";
  EXPECT_TRUE(guard.accept_signed(sender(1), 10, 1, at(10'003))) << "was silent longest, so is forgotten";
}

}  // namespace
}  // namespace larder::peer
