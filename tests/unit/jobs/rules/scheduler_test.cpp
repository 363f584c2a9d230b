#include "agent/jobs/rules/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr SteadyTime kStart{std::chrono::hours(1)};

TEST(scheduler, runs_every_foreground_job_beside_the_slots) {
  Scheduler scheduler(1);
  for (const char* id : {"f1", "f2", "f3"}) scheduler.add(id, Priority::foreground, kStart);
  scheduler.add("n1", Priority::normal, kStart);
  scheduler.add("n2", Priority::normal, kStart);
  const auto decision = scheduler.decide(kStart);
  EXPECT_THAT(decision.give, ElementsAre("f1", "f2", "f3", "n1"));
  EXPECT_THAT(decision.take, IsEmpty());
  EXPECT_FALSE(scheduler.has_slot("n2"));
}

TEST(scheduler, higher_levels_come_first_and_lower_ones_take_what_is_left) {
  Scheduler scheduler(3);
  scheduler.add("low", Priority::low, kStart);
  scheduler.add("normal", Priority::normal, kStart);
  scheduler.add("high", Priority::high, kStart);
  EXPECT_THAT(scheduler.decide(kStart).give, ElementsAre("high", "normal", "low"));
  EXPECT_THAT(scheduler.decide(kStart).give, IsEmpty());
}

TEST(scheduler, a_higher_job_pre_empts_the_youngest_of_the_lowest) {
  Scheduler scheduler(2);
  scheduler.add("low1", Priority::low, kStart);
  scheduler.add("low2", Priority::low, kStart);
  static_cast<void>(scheduler.decide(kStart));
  scheduler.add("high", Priority::high, kStart + seconds(1));
  const auto decision = scheduler.decide(kStart + seconds(1));
  EXPECT_THAT(decision.give, ElementsAre("high"));
  EXPECT_THAT(decision.take, ElementsAre("low2"));
  scheduler.remove("high");
  EXPECT_THAT(scheduler.decide(kStart + seconds(2)).give, ElementsAre("low2"));
}

TEST(scheduler, no_slot_for_a_lower_level_while_a_higher_one_waits) {
  Scheduler scheduler(2);
  for (const char* id : {"n1", "n2", "n3"}) scheduler.add(id, Priority::normal, kStart);
  scheduler.add("low", Priority::low, kStart);
  EXPECT_THAT(scheduler.decide(kStart).give, ElementsAre("n1", "n2"));
  scheduler.remove("n1");
  EXPECT_THAT(scheduler.decide(kStart).give, ElementsAre("n3"));
  scheduler.remove("n2");
  EXPECT_THAT(scheduler.decide(kStart).give, ElementsAre("low"));
}

TEST(scheduler, goes_round_with_a_time_slice) {
  Scheduler scheduler(1);
  for (const char* id : {"a", "b", "c"}) scheduler.add(id, Priority::normal, kStart);
  EXPECT_THAT(scheduler.decide(kStart).give, ElementsAre("a"));
  EXPECT_EQ(scheduler.next_change(), kStart + minutes(5));
  EXPECT_THAT(scheduler.decide(kStart + minutes(5) - seconds(1)).take, IsEmpty());
  std::vector<std::string> order;
  for (int turn = 1; turn <= 4; ++turn) {
    const auto decision = scheduler.decide(kStart + turn * minutes(5));
    ASSERT_EQ(decision.give.size(), 1U);
    ASSERT_EQ(decision.take.size(), 1U);
    order.push_back(decision.give.front());
  }
  EXPECT_THAT(order, ElementsAre("b", "c", "a", "b"));
}

TEST(scheduler, the_slice_begins_when_somebody_waits) {
  Scheduler scheduler(1);
  scheduler.add("a", Priority::normal, kStart);
  static_cast<void>(scheduler.decide(kStart));
  EXPECT_FALSE(scheduler.next_change());
  const SteadyTime later = kStart + std::chrono::hours(3);
  scheduler.add("b", Priority::normal, later);
  EXPECT_THAT(scheduler.decide(later).take, IsEmpty());
  EXPECT_EQ(scheduler.next_change(), later + minutes(5));
}

TEST(scheduler, one_newcomer_does_not_push_out_everybody) {
  Scheduler scheduler(3);
  for (const char* id : {"a", "b", "c"}) scheduler.add(id, Priority::normal, kStart);
  static_cast<void>(scheduler.decide(kStart));
  scheduler.add("d", Priority::normal, kStart + minutes(20));
  const auto decision = scheduler.decide(kStart + minutes(25));
  EXPECT_THAT(decision.take, ElementsAre("a"));
  EXPECT_THAT(decision.give, ElementsAre("d"));
  EXPECT_THAT(scheduler.decide(kStart + minutes(25)).take, IsEmpty());
  EXPECT_THAT(scheduler.decide(kStart + minutes(30)).take, ElementsAre("b"));
}

TEST(scheduler, priorities_change_at_once) {
  Scheduler scheduler(1);
  scheduler.add("a", Priority::normal, kStart);
  scheduler.add("b", Priority::normal, kStart);
  static_cast<void>(scheduler.decide(kStart));
  scheduler.set_priority("b", Priority::high, kStart);
  auto decision = scheduler.decide(kStart);
  EXPECT_THAT(decision.give, ElementsAre("b"));
  EXPECT_THAT(decision.take, ElementsAre("a"));
  scheduler.set_priority("a", Priority::foreground, kStart);
  decision = scheduler.decide(kStart);
  EXPECT_THAT(decision.give, ElementsAre("a"));
  EXPECT_THAT(decision.take, IsEmpty());
}

TEST(scheduler, fewer_slots_take_from_those_who_have_them) {
  Scheduler scheduler(3);
  for (const char* id : {"a", "b", "c"}) scheduler.add(id, Priority::normal, kStart);
  static_cast<void>(scheduler.decide(kStart));
  scheduler.set_slots(1);
  EXPECT_THAT(scheduler.decide(kStart).take, ElementsAre("b", "c"));
  scheduler.set_slots(3);
  EXPECT_THAT(scheduler.decide(kStart).give, ElementsAre("b", "c"));
}

TEST(scheduler, who_runs_comes_before_those_who_wait_at_its_new_priority) {
  Scheduler scheduler(1);
  scheduler.add("runs", Priority::low, kStart);
  static_cast<void>(scheduler.decide(kStart));
  scheduler.add("waits", Priority::normal, kStart);
  scheduler.set_priority("runs", Priority::normal, kStart);
  const auto decision = scheduler.decide(kStart);
  EXPECT_THAT(decision.take, IsEmpty());
  EXPECT_THAT(decision.give, IsEmpty());
  EXPECT_TRUE(scheduler.has_slot("runs"));
}

TEST(scheduler, who_runs_goes_behind_those_who_run_at_its_new_priority) {
  Scheduler scheduler(2);
  scheduler.add("first", Priority::normal, kStart);
  scheduler.add("second", Priority::low, kStart);
  static_cast<void>(scheduler.decide(kStart));
  scheduler.set_priority("second", Priority::normal, kStart);
  scheduler.set_slots(1);
  EXPECT_THAT(scheduler.decide(kStart).take, ElementsAre("second"));
}

TEST(scheduler, unknown_ids_are_ignored) {
  Scheduler scheduler(1);
  scheduler.remove("nobody");
  scheduler.set_priority("nobody", Priority::high, kStart);
  EXPECT_FALSE(scheduler.has_slot("nobody"));
  scheduler.add("a", Priority::low, kStart);
  scheduler.add("a", Priority::high, kStart);
  EXPECT_THAT(scheduler.decide(kStart).give, ElementsAre("a"));
}

// ---- several users

constexpr Owner kAlice = 1, kBob = 2, kCarol = 3;

std::size_t running(const Scheduler& scheduler, const std::string& prefix, int count) {
  std::size_t running = 0;
  for (int i = 0; i < count; ++i) running += scheduler.has_slot(prefix + std::to_string(i)) ? 1U : 0U;
  return running;
}

TEST(scheduler_of_users, high_jobs_of_one_are_not_before_low_ones_of_another) {
  Scheduler scheduler(8);
  for (int i = 0; i < 20; ++i) scheduler.add("b" + std::to_string(i), Priority::high, kStart, kBob);
  EXPECT_EQ(scheduler.decide(kStart).give.size(), 8U) << "nothing is kept back while nobody else wants it";
  scheduler.add("a0", Priority::low, kStart + seconds(1), kAlice);
  const auto decision = scheduler.decide(kStart + seconds(1));
  EXPECT_THAT(decision.give, ElementsAre("a0"));
  EXPECT_THAT(decision.take, ElementsAre("b7")) << "the youngest";
}

TEST(scheduler_of_users, slots_are_dealt_one_by_one) {
  Scheduler scheduler(8);
  for (int i = 0; i < 20; ++i) scheduler.add("b" + std::to_string(i), Priority::high, kStart, kBob);
  for (int i = 0; i < 20; ++i) scheduler.add("a" + std::to_string(i), Priority::low, kStart, kAlice);
  scheduler.add("c0", Priority::normal, kStart, kCarol);
  static_cast<void>(scheduler.decide(kStart));
  EXPECT_EQ(running(scheduler, "c", 1), 1U);
  EXPECT_EQ(running(scheduler, "a", 20) + running(scheduler, "b", 20), 7U);
  EXPECT_GE(running(scheduler, "a", 20), 3U) << "what one does not want is shared by the others";
  EXPECT_GE(running(scheduler, "b", 20), 3U);
}

TEST(scheduler_of_users, priorities_are_relative_to_ones_own) {
  Scheduler scheduler(2);
  scheduler.add("b0", Priority::low, kStart, kBob);
  scheduler.add("b1", Priority::high, kStart, kBob);
  scheduler.add("a0", Priority::low, kStart, kAlice);
  static_cast<void>(scheduler.decide(kStart));
  EXPECT_TRUE(scheduler.has_slot("b1"));
  EXPECT_TRUE(scheduler.has_slot("a0"));
  EXPECT_FALSE(scheduler.has_slot("b0"));
}

TEST(scheduler_of_users, more_users_than_slots_take_turns) {
  Scheduler scheduler(2);
  for (Owner owner = 0; owner < 5; ++owner) scheduler.add("j" + std::to_string(owner), Priority::normal, kStart, owner);
  std::map<std::string, int> slices;
  SteadyTime now = kStart;
  for (int turn = 0; turn < 10; ++turn) {
    static_cast<void>(scheduler.decide(now));
    for (Owner owner = 0; owner < 5; ++owner) {
      const std::string id = "j" + std::to_string(owner);
      if (scheduler.has_slot(id)) ++slices[id];
    }
    ASSERT_TRUE(scheduler.next_change());
    EXPECT_EQ(*scheduler.next_change(), now + Scheduler::kTimeSlice);
    now = *scheduler.next_change();
  }
  for (Owner owner = 0; owner < 5; ++owner) EXPECT_EQ(slices["j" + std::to_string(owner)], 4) << owner;
}

TEST(scheduler_of_users, what_does_not_divide_evenly_is_had_in_turn) {
  Scheduler scheduler(3);
  for (int i = 0; i < 4; ++i) scheduler.add("b" + std::to_string(i), Priority::normal, kStart, kBob);
  for (int i = 0; i < 4; ++i) scheduler.add("a" + std::to_string(i), Priority::normal, kStart, kAlice);
  SteadyTime now = kStart;
  for (const std::size_t bobs : {2U, 1U, 2U}) {
    static_cast<void>(scheduler.decide(now));
    EXPECT_EQ(running(scheduler, "b", 4), bobs);
    EXPECT_EQ(running(scheduler, "a", 4), 3 - bobs);
    now += Scheduler::kTimeSlice;
  }
}

// The jobs that wait are of a lower level than those that run: within the levels nothing changes.
TEST(scheduler_of_users, an_even_deal_lasts) {
  Scheduler scheduler(2);
  for (const Owner owner : {kAlice, kBob}) {
    scheduler.add("high" + std::to_string(owner), Priority::high, kStart, owner);
    scheduler.add("low" + std::to_string(owner), Priority::low, kStart, owner);
  }
  EXPECT_EQ(scheduler.decide(kStart).give.size(), 2U);
  EXPECT_FALSE(scheduler.next_change());
}

TEST(scheduler_of_users, a_deal_is_even_where_whoever_has_less_wants_no_more) {
  Scheduler scheduler(4);
  scheduler.add("a", Priority::high, kStart, kAlice);
  for (int i = 0; i < 3; ++i) scheduler.add("b" + std::to_string(i), Priority::high, kStart, kBob);
  scheduler.add("low", Priority::low, kStart, kBob);
  EXPECT_EQ(scheduler.decide(kStart).give.size(), 4U);
  EXPECT_FALSE(scheduler.next_change());
}

TEST(scheduler_of_users, without_slots_nobody_has_more_than_others) {
  Scheduler scheduler(0);
  scheduler.add("a", Priority::normal, kStart, kAlice);
  EXPECT_THAT(scheduler.decide(kStart).give, IsEmpty());
  EXPECT_FALSE(scheduler.next_change());
}

TEST(scheduler_of_users, who_has_gone_leaves_the_slots_to_the_others) {
  Scheduler scheduler(4);
  for (int i = 0; i < 4; ++i) scheduler.add("b" + std::to_string(i), Priority::normal, kStart, kBob);
  for (int i = 0; i < 4; ++i) scheduler.add("a" + std::to_string(i), Priority::normal, kStart, kAlice);
  static_cast<void>(scheduler.decide(kStart));
  EXPECT_EQ(running(scheduler, "b", 4), 2U);
  for (int i = 0; i < 4; ++i) scheduler.remove("a" + std::to_string(i));
  static_cast<void>(scheduler.decide(kStart));
  EXPECT_EQ(running(scheduler, "b", 4), 4U);
  EXPECT_FALSE(scheduler.next_change());
}

}  // namespace
}  // namespace larder::agent
