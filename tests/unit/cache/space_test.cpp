// The accounts of space, and which contents stay and go.
#include "cache/space.h"

#include <gtest/gtest.h>

#include "base/text/units.h"
#include "cache/record/retention.h"
#include "cache/write/sync_choice.h"

namespace larder::cache {
namespace {

using std::chrono::hours;

TEST(SpaceLimits, DefaultsFollowTheFileSystem) {
  EXPECT_EQ(limits_in_force(0, 0, 100 * kGiB).max_size, 20 * kGiB);
  EXPECT_EQ(limits_in_force(0, 0, 100 * kGiB).keep_free, 10 * kGiB);
  EXPECT_EQ(limits_in_force(0, 0, 10000 * kGiB).max_size, 64 * kGiB);
  EXPECT_EQ(limits_in_force(3 * kGiB, 5, 100 * kGiB).max_size, 3 * kGiB);
  EXPECT_EQ(limits_in_force(3 * kGiB, 5, 100 * kGiB).keep_free, 5u);
}

SpaceLedger ledger_of(std::uint64_t max_size, std::uint64_t keep_free, std::uint64_t available, std::uint64_t held,
                      std::uint64_t evictable) {
  SpaceLedger ledger;
  ledger.set_limits({max_size, keep_free});
  ledger.measured_disk({1000 * kGiB, available});
  ledger.measured_index(held, evictable);
  return ledger;
}

struct ReserveCase {
  std::uint64_t max_size, keep_free, available, held, evictable, size;
  bool bounded;
  bool has, can_have;
  std::uint64_t overdrawn;
};

TEST(SpaceLedger, DecidesByTheTable) {
  const ReserveCase cases[] = {
      {100, 10, 1000, 0, 0, 100, true, true, true, 0},     // exactly fits
      {100, 10, 1000, 0, 0, 101, true, false, false, 1},   // larger than the cache
      {100, 10, 1000, 60, 60, 50, true, false, true, 10},  // evicting makes room
      {100, 10, 1000, 60, 5, 50, true, false, false, 10},  // not enough can go
      {100, 10, 50, 0, 0, 40, true, true, true, 0},        // leaves keep_free exactly
      {100, 10, 50, 0, 0, 41, true, false, false, 1},      // would not
      {100, 10, 50, 30, 30, 41, true, false, true, 1},     // evicting frees the disk too
      {100, 10, 50, 0, 0, 50, false, true, true, 10},      // unbounded: to the real end of the disk
      {100, 10, 50, 0, 0, 51, false, false, false, 11},    // not beyond
      {100, 10, 50, 20, 20, 70, false, false, true, 30},   // the cache gives way
      {100, 10, 1000, 0, 0, 500, false, true, true, 0},    // does not count as the cache's
  };
  for (const ReserveCase& one : cases) {
    SpaceLedger ledger = ledger_of(one.max_size, one.keep_free, one.available, one.held, one.evictable);
    ledger.reserve("x", one.size, 0, one.bounded);
    const std::string what = std::to_string(one.size) + " of " + std::to_string(one.available);
    EXPECT_EQ(ledger.has("x"), one.has) << what;
    EXPECT_EQ(ledger.can_have("x"), one.can_have) << what;
    EXPECT_EQ(ledger.overdrawn(), one.overdrawn) << what;
    ledger.release("x");
    EXPECT_EQ(ledger.overdrawn(), 0u) << what;
  }
}

TEST(SpaceLedger, ReservationsShrinkAsTheyAreUsed) {
  SpaceLedger ledger = ledger_of(100, 0, 1000, 0, 0);
  ledger.reserve("x", 100, 0, true);
  EXPECT_EQ(ledger.room(), 0u);
  ledger.wrote("x", 40);
  ledger.committed("x", 40);
  EXPECT_EQ(ledger.room(), 0u) << "what is committed is held";
  ledger.wrote("x", 20);
  ledger.release("x");
  EXPECT_EQ(ledger.room(), 60u) << "only what is committed stays";
  EXPECT_EQ(ledger.disk().available, 940u);
  ledger.removed(40, true, true);
  EXPECT_EQ(ledger.room(), 100u);
}

TEST(SpaceLedger, TwoThatComeTogetherDoNotCountOnTheSameRoom) {
  SpaceLedger ledger = ledger_of(100, 0, 1000, 0, 0);
  ledger.reserve("x", 60, 0, true);
  ledger.reserve("y", 60, 0, true);
  EXPECT_FALSE(ledger.has("y"));
  EXPECT_EQ(ledger.overdrawn(), 20u);
}

TEST(SpaceLedger, GrowthAndUnbinding) {
  SpaceLedger ledger = ledger_of(100, 0, 1000, 0, 0);
  ledger.reserve("x", 0, 0, true);
  EXPECT_TRUE(ledger.grow("x", 90));
  EXPECT_FALSE(ledger.grow("x", 80));
  EXPECT_TRUE(ledger.has("x"));
  EXPECT_TRUE(ledger.grow("x", 150));
  EXPECT_FALSE(ledger.has("x"));
  ledger.unbind("x");
  EXPECT_TRUE(ledger.has("x"));
  EXPECT_FALSE(ledger.bounded("x"));
  EXPECT_EQ(ledger.room(), 100u);
}

TEST(SpaceLedger, ExplainsWithExactNumbers) {
  SpaceLedger ledger = ledger_of(2 * kGiB, 0, 1000 * kGiB, kGiB, kGiB / 4);
  ledger.reserve("x", 5 * kGiB, 0, true);
  EXPECT_EQ(ledger.explain("x"),
            "needs 5.00 GiB, 1.25 GiB may be used: the cache may have 2.00 GiB in all (cache.max_size) and holds "
            "1.00 GiB, of which 256.00 MiB can go");
  SpaceLedger disk = ledger_of(20 * kGiB, 10 * kGiB, 11 * kGiB, 0, 0);
  disk.reserve("x", 5 * kGiB, 0, true);
  EXPECT_EQ(disk.explain("x"),
            "needs 5.00 GiB, 1.00 GiB may be used: the file system has 11.00 GiB available and 10.00 GiB stay free "
            "(cache.keep_free)");
  SpaceLedger end = ledger_of(20 * kGiB, 10 * kGiB, 3 * kGiB, 0, 0);
  end.reserve("other", kGiB, 0, false);
  end.reserve("x", 5 * kGiB, 0, false);
  EXPECT_EQ(end.explain("x"),
            "needs 5.00 GiB, 2.00 GiB may be used: the file system has 3.00 GiB available, running jobs need 1.00 GiB "
            "of it");
}

TEST(SyncChoice, TakesWhatIsCheaperAndTriesAgain) {
  using std::chrono::milliseconds;
  SyncChoice choice;
  EXPECT_FALSE(choice.sync_all(1)) << "one large file";
  EXPECT_TRUE(choice.sync_all(8)) << "many small ones";
  for (int i = 0; i < 20; ++i) choice.took_all(milliseconds(900));  // another program fills the disk
  EXPECT_FALSE(choice.sync_all(8));
  EXPECT_TRUE(choice.sync_all(1000));
  int batches = 0;
  while (!choice.sync_all(8)) {
    choice.took_single(8, milliseconds(40));
    ASSERT_LT(++batches, 500);
  }
  EXPECT_GT(batches, 50) << "not after each batch";
}

TEST(Retention, KeepsOnlyWholeShareableContentsThatFit) {
  EXPECT_TRUE(keeps_unheld(ContentState::complete, true, true));
  EXPECT_FALSE(keeps_unheld(ContentState::complete, true, false));
  EXPECT_FALSE(keeps_unheld(ContentState::complete, false, true));
  EXPECT_FALSE(keeps_unheld(ContentState::partial, true, true));
  EXPECT_FALSE(keeps_unheld(ContentState::set_aside, true, true));
}

struct VictimCase {
  std::vector<std::uint64_t> sizes;  // oldest first; named a, b, c …
  std::uint64_t needed;
  std::string victims;
};

TEST(Retention, ChoosesVictimsByLastUseAndSize) {
  const VictimCase cases[] = {
      {{10, 10, 10}, 10, "a"},
      {{10, 10, 10}, 11, "ab"},
      {{1, 1, 100, 5}, 50, "c"},  // the small old ones are spared: the large one is needed anyway
      {{30, 1, 30}, 60, "ac"},
      {{30, 1, 30}, 61, "abc"},
      {{5, 5}, 100, "ab"},  // all there is
      {{0, 7}, 3, "b"},     // frees nothing
      {{}, 10, ""},
      {{10}, 0, ""},
  };
  for (const VictimCase& one : cases) {
    std::vector<EvictionCandidate> candidates;
    for (std::size_t i = 0; i < one.sizes.size(); ++i) {
      candidates.push_back({std::string(1, static_cast<char>('a' + i)), one.sizes[i]});
    }
    std::string victims;
    for (const EvictionCandidate& victim : choose_victims(candidates, one.needed)) victims += victim.id;
    EXPECT_EQ(victims, one.victims) << "needed " << one.needed;
  }
}

TEST(Retention, AgeLimitDoesNotWrap) {
  const WallTime now{hours(24 * 365 * 50)};
  EXPECT_EQ(age_limit(now, hours(24)), now - hours(24));
  EXPECT_EQ(age_limit(WallTime{hours(1)}, hours(2)), WallTime{});
}

TEST(SpaceLedger, KeepFreeBindsJobsToo) {
  EXPECT_EQ(limits_in_force(0, 0, 160 * kMiB).keep_free_of_jobs, 16 * kMiB);
  EXPECT_EQ(limits_in_force(0, 0, 100 * kGiB).keep_free_of_jobs, kGiB) << "a tenth would refuse much that fits";
  EXPECT_EQ(limits_in_force(0, 5 * kGiB, 100 * kGiB).keep_free_of_jobs, 5 * kGiB) << "as it was told";
  SpaceLedger ledger;
  ledger.set_limits({10 * kMiB, 16 * kMiB, 16 * kMiB});
  ledger.measured_disk({160 * kMiB, 50 * kMiB});
  ledger.measured_index(0, 0);
  ledger.reserve("x", 34 * kMiB, 0, false);
  EXPECT_TRUE(ledger.has("x"));
  ledger.reserve("x", 35 * kMiB, 0, false);
  EXPECT_FALSE(ledger.can_have("x"));
  EXPECT_NE(ledger.explain("x").find("needs 35.00 MiB, 34.00 MiB may be used"), std::string::npos)
      << ledger.explain("x");
  EXPECT_NE(ledger.explain("x").find("16.00 MiB stay free (cache.keep_free)"), std::string::npos)
      << ledger.explain("x");
}

// A reader keeps what was evicted: the file system has not got it back, whatever the accounts say.
TEST(SpaceLedger, NothingMoreIsEvictedForBytesThatReadersKeep) {
  SpaceLedger ledger;
  ledger.set_limits({kGiB, 10 * kMiB, 10 * kMiB});
  ledger.measured_disk({kGiB, 10 * kMiB});
  ledger.measured_index(100 * kMiB, 100 * kMiB);
  ledger.reserve("x", 8 * kMiB, 0, true);
  EXPECT_EQ(ledger.overdrawn(), 8 * kMiB);
  ledger.removed(8 * kMiB, true, true);
  EXPECT_EQ(ledger.overdrawn(), 0u);
  EXPECT_TRUE(ledger.has("x"));
  ledger.measured_disk({kGiB, 10 * kMiB});
  EXPECT_EQ(ledger.unlinked(), 8 * kMiB);
  EXPECT_FALSE(ledger.has("x")) << "there is no room";
  EXPECT_EQ(ledger.overdrawn(), 0u) << "and more would go in vain";
  EXPECT_NE(ledger.explain("x").find("8.00 MiB of removed contents are still open"), std::string::npos)
      << ledger.explain("x");
  ledger.measured_disk({kGiB, 18 * kMiB});  // the reader has closed it
  EXPECT_EQ(ledger.unlinked(), 0u);
  EXPECT_TRUE(ledger.has("x"));
}

TEST(SpaceLedger, TheUsersOwnDataIsNoRemovedContent) {
  SpaceLedger ledger;
  ledger.set_limits({kGiB, 10 * kMiB, 10 * kMiB});
  ledger.measured_disk({kGiB, 50 * kMiB});
  ledger.measured_index(100 * kMiB, 100 * kMiB);
  ledger.measured_disk({kGiB, 4 * kMiB});
  EXPECT_EQ(ledger.unlinked(), 0u);
  EXPECT_EQ(ledger.overdrawn(), 6 * kMiB) << "the cache gives way to it";
}

}  // namespace
}  // namespace larder::cache
