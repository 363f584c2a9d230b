#include "agent/daemon/watchdog.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <latch>
#include <thread>

#include "agent/daemon/thread_watch.h"
#include "base/process/signals.h"
#include "base/process/stop_guard.h"
#include "base/runtime/loop.h"
#include "base/runtime/worker_pool.h"
#include "tests/support/virtual_loop.h"

namespace larder::agent {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class WatchdogTest : public testing::Test {
 protected:
  // Goes on by `step` and tells what changed: "http stands", "http goes on".
  std::string after(Duration step) {
    now_ += step;
    std::string told;
    for (const Watchdog::Change& change : watchdog_.check_threads(now_))
      told += change.name + (change.stands ? " stands;" : " goes on;");
    return told;
  }
  Watchdog watchdog_;
  SteadyTime now_ = SteadyTime{} + hours(100);
};

TEST_F(WatchdogTest, AThreadThatAnswersNeverStands) {
  watchdog_.add("http", seconds(30));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(after(seconds(10)), "");
    const auto questions = watchdog_.ask();
    ASSERT_EQ(questions.size(), 1u);
    watchdog_.on_answer(questions[0]);
    EXPECT_TRUE(watchdog_.healthy());
  }
}

TEST_F(WatchdogTest, AThreadStandsAfterItsOwnBoundAndIsNamedOnce) {
  watchdog_.add("http", seconds(30));
  watchdog_.add("disk", seconds(60));
  EXPECT_EQ(after(seconds(0)), "");
  const auto questions = watchdog_.ask();
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_EQ(after(seconds(10)), "");
  EXPECT_TRUE(watchdog_.ask().empty()) << "one question at a time";
  EXPECT_EQ(after(seconds(10)), "");
  EXPECT_EQ(after(seconds(10)), "http stands;");
  EXPECT_FALSE(watchdog_.healthy());
  EXPECT_EQ(after(seconds(10)), "");
  watchdog_.on_answer(questions[0]);
  EXPECT_EQ(after(seconds(10)), "http goes on;");
  EXPECT_TRUE(watchdog_.healthy());
  EXPECT_EQ(after(seconds(10)), "disk stands;");
  EXPECT_EQ(watchdog_.ask().size(), 1u);
}

// Nobody could have answered while the machine slept or the process was stopped.
TEST_F(WatchdogTest, TimeInWhichNobodyLookedCountsForLittle) {
  watchdog_.add("http", seconds(60));
  EXPECT_EQ(after(seconds(0)), "");
  (void)watchdog_.ask();
  EXPECT_EQ(after(hours(8)), "");
  EXPECT_TRUE(watchdog_.healthy());
}

TEST_F(WatchdogTest, AFullQueueIsWaitingToo) {
  watchdog_.add("disk", seconds(30));
  EXPECT_EQ(after(seconds(0)), "");
  for (int i = 0; i < 3; ++i) {
    const auto questions = watchdog_.ask();
    ASSERT_EQ(questions.size(), 1u) << "asked again";
    watchdog_.on_refused(questions[0]);
    EXPECT_EQ(after(seconds(10)), i < 2 ? "" : "disk stands;");
  }
  const auto taken = watchdog_.ask();
  watchdog_.on_answer(taken.at(0));
  EXPECT_EQ(after(seconds(10)), "disk goes on;");
}

TEST_F(WatchdogTest, AnOldAnswerProvesNothing) {
  watchdog_.add("disk", seconds(30));
  EXPECT_EQ(after(seconds(0)), "");
  const auto first = watchdog_.ask();
  watchdog_.on_refused(first.at(0));
  (void)watchdog_.ask();
  watchdog_.on_answer(first.at(0));
  EXPECT_EQ(after(seconds(30)), "disk stands;");
}

class ThreadWatchTest : public testing::Test {
 protected:
  // A worker that is really there, and really stuck until the test lets go.
  void watch_pool(WorkerPool& pool) {
    watch_.add("disk", seconds(30), [&pool](UniqueFunction<void()> answer) { return pool.submit(std::move(answer)); });
  }
  test::VirtualLoop loop_;
  ThreadWatch watch_{loop_.runtime(), seconds(10)};
};

TEST_F(ThreadWatchTest, NoticesAStuckWorkerAndItsReturn) {
  std::latch let_go(1), stuck(1);
  WorkerPool pool("disk", 1, 8);
  watch_pool(pool);
  ASSERT_TRUE(pool.submit([&] {
    stuck.count_down();
    let_go.wait();
  }));
  stuck.wait();
  watch_.start();
  loop_.advance(seconds(25));
  EXPECT_TRUE(watch_.watchdog().healthy());
  loop_.advance(seconds(10));
  EXPECT_FALSE(watch_.watchdog().healthy());
  let_go.count_down();
  bool passed = false;
  ASSERT_TRUE(pool.submit([&] { loop_.post([&] { passed = true; }); }));
  ASSERT_TRUE(loop_.wait_for([&] { return passed; }));
  loop_.advance(seconds(10));
  EXPECT_TRUE(watch_.watchdog().healthy());
}

TEST_F(ThreadWatchTest, NoticesAStuckWorkerWhoseQueueIsFull) {
  std::latch let_go(1), stuck(1);
  WorkerPool pool("disk", 1, 1);
  watch_pool(pool);
  ASSERT_TRUE(pool.submit([&] {
    stuck.count_down();
    let_go.wait();
  }));
  stuck.wait();
  ASSERT_TRUE(pool.submit([] {}));
  watch_.start();
  loop_.advance(seconds(45));
  EXPECT_FALSE(watch_.watchdog().healthy());
  let_go.count_down();
}

TEST_F(ThreadWatchTest, AnAnswerThatIsThrownAwayCountsAsOne) {
  watch_.add("swarm", seconds(30), [](UniqueFunction<void()>) { return true; });
  watch_.start();
  loop_.advance(seconds(100));
  EXPECT_TRUE(watch_.watchdog().healthy());
}

// In a process of its own. What it says on standard error is compared too.
class StopGuardDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  [[noreturn]] static void stand_still() {
    for (;;) ::pause();
  }
};

TEST_F(StopGuardDeathTest, ASignalEndsAProcessWhoseLoopStands) {
  const auto stuck = [] {
    Loop loop;
    const StopGuard guard{milliseconds(200)};
    const Signals signals(
        loop, [] {}, [] {});
    std::thread([] { stand_still(); }).detach();
    ::kill(::getpid(), SIGTERM);
    stand_still();  // the loop never runs
  };
  EXPECT_EXIT(stuck(), testing::ExitedWithCode(StopGuard::kExitStatus), "the stop does not come to its end");
}

TEST_F(StopGuardDeathTest, AStandardErrorThatNobodyReadsKeepsNothing) {
  const auto stuck = [] {
    const StopGuard guard{milliseconds(200)};
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return;
    ::dup2(ends[1], STDERR_FILENO);
    // Full to the last byte.
    pollfd out{STDERR_FILENO, POLLOUT, 0};
    const std::array<char, 4096> bytes{};
    while (::poll(&out, 1, 0) == 1) (void)!::write(STDERR_FILENO, bytes.data(), bytes.size());
    StopGuard::begin();
    stand_still();
  };
  EXPECT_EXIT(stuck(), testing::ExitedWithCode(StopGuard::kExitStatus), "");
}

TEST_F(StopGuardDeathTest, AnOrderlyEndIsLeftAlone) {
  const auto orderly = [] {
    {
      Loop loop;
      const StopGuard guard{seconds(20)};
      const Signals signals(
          loop, [&] { loop.stop(); }, [] {});
      ::kill(::getpid(), SIGTERM);
      loop.run();
    }
    ::_exit(0);
  };
  EXPECT_EXIT(orderly(), testing::ExitedWithCode(0), "");
}

TEST_F(StopGuardDeathTest, WithoutAStopNothingEnds) {
  const auto idle = [] {
    {
      const StopGuard guard{milliseconds(0)};
      Loop loop;
      loop.after(milliseconds(50), [&] { loop.stop(); });
      loop.run();
    }
    ::_exit(0);
  };
  EXPECT_EXIT(idle(), testing::ExitedWithCode(0), "");
}

TEST_F(StopGuardDeathTest, SighupReloads) {
  const auto reloads = [] {
    Loop loop;
    const StopGuard guard{milliseconds(0)};
    const Signals signals(
        loop, [] {}, [] { ::_exit(3); });
    ::kill(::getpid(), SIGHUP);
    loop.run();
  };
  EXPECT_EXIT(reloads(), testing::ExitedWithCode(3), "");
}

}  // namespace
}  // namespace larder::agent
