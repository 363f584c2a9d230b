#include "tests/support/virtual_loop.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace larder::test {
namespace {

using namespace std::chrono_literals;

TEST(VirtualLoop, TimePassesOnlyWhenTold) {
  VirtualLoop loop;
  const SteadyTime start = loop.now();
  const WallTime wall = loop.wall();
  bool fired = false;
  loop.after(10s, [&] { fired = true; });
  loop.run_ready();
  EXPECT_EQ(loop.now(), start);
  loop.advance(9s);
  EXPECT_FALSE(fired);
  loop.advance(1s);
  EXPECT_TRUE(fired);
  EXPECT_EQ(loop.now() - start, 10s);
  EXPECT_EQ(loop.wall() - wall, 10s);
}

TEST(VirtualLoop, TimersSeeTheirOwnTimeAndKeepTheirOrder) {
  VirtualLoop loop;
  const SteadyTime start = loop.now();
  std::vector<std::pair<int, Duration>> seen;
  const auto note = [&](int which) { seen.emplace_back(which, loop.now() - start); };
  loop.after(2s, [&] { note(2); });
  loop.after(1s, [&] {
    note(1);
    loop.after(500ms, [&] { note(3); });
    loop.post([&] { note(4); });
  });
  loop.after(1s, [&] { note(5); });
  loop.advance(1min);
  const std::vector<std::pair<int, Duration>> expected = {{1, 1s}, {4, 1s}, {5, 1s}, {3, 1500ms}, {2, 2s}};
  EXPECT_EQ(seen, expected);
}

TEST(VirtualLoop, CancelledTimersDoNotFire) {
  VirtualLoop loop;
  int fired = 0;
  TimerId second = 0;
  loop.after(1s, [&] {
    ++fired;
    loop.cancel(second);
  });
  second = loop.after(1s, [&] { fired += 10; });
  loop.cancel(0);
  loop.advance(2s);
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(loop.timers(), 0U);
}

TEST(VirtualLoop, RunUntilStopsWhereItHolds) {
  VirtualLoop loop;
  const SteadyTime start = loop.now();
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    loop.after(1s, [&] { tick(); });
  };
  tick();
  EXPECT_TRUE(loop.run_until([&] { return ticks == 4; }));
  EXPECT_EQ(loop.now() - start, 3s);
  EXPECT_FALSE(loop.run_until([&] { return ticks == 100; }, 5s));
  EXPECT_EQ(ticks, 9);
}

TEST(VirtualLoop, RunUntilEndsWhenNothingIsLeft) {
  VirtualLoop loop;
  EXPECT_FALSE(loop.run_until([] { return false; }));
}

TEST(VirtualLoop, WaitsForOtherThreadsInRealTime) {
  VirtualLoop loop;
  bool done = false;
  std::thread other([&] { loop.post([&] { done = true; }); });
  EXPECT_TRUE(loop.wait_for([&] { return done; }));
  other.join();
  EXPECT_FALSE(loop.wait_for([] { return false; }, 1ms));
}

}  // namespace
}  // namespace larder::test
