#include <gtest/gtest.h>

#include <array>
#include <set>

#include "base/runtime/loop.h"

namespace larder {
namespace {

// Hands out what it was given, to reach the rare paths of below().
class ScriptedRandom final : public Random {
 public:
  explicit ScriptedRandom(std::vector<std::uint64_t> script) : script_(std::move(script)) {}
  std::uint64_t next() override { return script_.at(at_++); }
  [[nodiscard]] std::size_t used() const { return at_; }

 private:
  std::vector<std::uint64_t> script_;
  std::size_t at_ = 0;
};

TEST(SeededRandom, IsXoshiro256StarStar) {
  const auto random = make_seeded_random(42);
  // Computed apart, in Python, from the authors' description; seeded through splitmix64.
  EXPECT_EQ(random->next(), 0x15780b2e0c2ec716U);
  EXPECT_EQ(random->next(), 0x6104d9866d113a7eU);
  EXPECT_EQ(random->next(), 0xae17533239e499a1U);
}

TEST(SeededRandom, SeedsDifferAndRepeat) {
  EXPECT_EQ(make_seeded_random(1)->next(), make_seeded_random(1)->next());
  EXPECT_NE(make_seeded_random(1)->next(), make_seeded_random(2)->next());
  EXPECT_NE(make_seeded_random(0)->next(), 0U);
}

TEST(SystemRandom, DoesNotRepeatAcrossRefillsOrInstances) {
  std::set<std::uint64_t> seen;
  const auto one = make_system_random();
  const auto two = make_system_random();
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(seen.insert(one->next()).second);
    EXPECT_TRUE(seen.insert(two->next()).second);
  }
}

TEST(Random, BelowStaysBelowAndReachesAll) {
  const auto random = make_seeded_random(7);
  std::array<int, 6> counts{};
  for (int i = 0; i < 6000; ++i) {
    const std::uint64_t value = random->below(6);
    ASSERT_LT(value, 6U);
    ++counts[value];
  }
  for (const int count : counts) {
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1150);
  }
  EXPECT_EQ(random->below(1), 0U);
}

TEST(Random, BelowRejectsWhatWouldBeUneven) {
  // With bound 3, 2^64 mod 3 is 1: of the low halves only 0 is rejected, and 0 * 3 gives it.
  ScriptedRandom random({0, 0, ~std::uint64_t{0}});
  EXPECT_EQ(random.below(3), 2U);
  EXPECT_EQ(random.used(), 3U);
}

TEST(Random, UnitIsHalfOpen) {
  ScriptedRandom ends({0, ~std::uint64_t{0}});
  EXPECT_EQ(ends.unit(), 0.0);
  const double highest = ends.unit();
  EXPECT_LT(highest, 1.0);
  EXPECT_GT(highest, 0.999999);
}

}  // namespace
}  // namespace larder
