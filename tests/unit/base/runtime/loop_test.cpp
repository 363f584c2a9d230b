#include "base/runtime/loop.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace larder {
namespace {

using namespace std::chrono_literals;

TEST(Loop, RunsPostedTasksInOrderOnItsThread) {
  Loop loop;
  std::vector<int> order;
  std::thread::id ran_on;
  std::thread poster([&] {
    for (int i = 0; i < 100; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.post([&] {
      ran_on = std::this_thread::get_id();
      loop.stop();
    });
  });
  loop.run();
  poster.join();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(Loop, AcceptsPostsFromManyThreads) {
  Loop loop;
  int count = 0;  // not atomic: all tasks run on one thread
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        loop.post([&] {
          if (++count == 4000) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& poster : posters) poster.join();
  EXPECT_EQ(count, 4000);
}

TEST(Loop, TimersFireInTheOrderOfTheirTimesAndNotBefore) {
  Loop loop;
  std::vector<int> order;
  const SteadyTime start = loop.now();
  SteadyTime last;
  loop.after(20ms, [&] {
    order.push_back(20);
    last = loop.now();
    loop.stop();
  });
  loop.after(1ms, [&] { order.push_back(1); });
  loop.after(10ms, [&] { order.push_back(10); });
  loop.run();
  EXPECT_EQ(order, (std::vector{1, 10, 20}));
  EXPECT_GE(last - start, 20ms);
}

TEST(Loop, ACancelledTimerNeverFiresEvenWhenDue) {
  Loop loop;
  TimerId victim = 0;
  bool fired = false;
  // Both are due in the same turn; the first cancels the second.
  loop.after(0ms, [&] { loop.cancel(victim); });
  victim = loop.after(0ms, [&] { fired = true; });
  EXPECT_NE(victim, 0U);
  loop.after(5ms, [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(fired);
}

TEST(Loop, UnknownAndExpiredTimersAreIgnored) {
  Loop loop;
  TimerId own = 0;
  own = loop.after(0ms, [&] {
    loop.cancel(own);
    loop.cancel(0);
    loop.cancel(12345);
    loop.stop();
  });
  loop.run();
  loop.cancel(own);
}

TEST(Loop, ATaskMayMakeTimersAndPosts) {
  Loop loop;
  std::vector<int> order;
  loop.post([&] {
    order.push_back(1);
    loop.post([&] { order.push_back(2); });
    loop.after(1ms, [&] {
      order.push_back(3);
      loop.stop();
    });
  });
  loop.run();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(Loop, WhatIsLeftIsDestroyedNotRun) {
  auto posted = std::make_shared<int>();
  auto timed = std::make_shared<int>();
  bool ran = false;
  {
    Loop loop;
    loop.stop();
    loop.run();
    loop.post([posted, &ran] { ran = true; });
    loop.after(0ms, [timed, &ran] { ran = true; });
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(posted.use_count(), 1);
  EXPECT_EQ(timed.use_count(), 1);
}

// Owners cancel their timers in their destructors, and such an owner may be held by a task.
TEST(Loop, DestructorsOfTasksMayCancelTimers) {
  struct Owner {
    Loop& loop;
    TimerId id;
    ~Owner() { loop.cancel(id); }
  };
  auto loop = std::make_unique<Loop>();
  const TimerId first = loop->after(1h, [] {});
  const TimerId second = loop->after(1h, [owner = std::make_unique<Owner>(Owner{*loop, first})] {});
  loop->post([owner = std::make_unique<Owner>(Owner{*loop, second})] {});
  const TimerId third = loop->after(1h, [owner = std::make_unique<Owner>(Owner{*loop, second})] {});
  loop->cancel(third);
  loop.reset();
}

TEST(Loop, WallIsTheSystemsClock) {
  Loop loop;
  const auto difference = loop.wall() - WallTime(std::chrono::system_clock::now());
  EXPECT_LT(difference < Duration::zero() ? -difference : difference, 10s);
}

}  // namespace
}  // namespace larder
