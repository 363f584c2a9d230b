#include "base/runtime/worker_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <future>
#include <latch>
#include <string>

namespace larder {
namespace {

TEST(WorkerPool, RunsWhatIsSubmitted) {
  std::atomic<int> count{0};
  {
    WorkerPool pool("test", 3, 1000);
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(pool.submit([&] { ++count; }));
  }
  EXPECT_EQ(count, 500);
}

TEST(WorkerPool, RefusesBeyondItsBoundAndRecovers) {
  std::latch started(1);
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<int> ran{0};
  WorkerPool pool("test", 1, 2);
  ASSERT_TRUE(pool.submit([&] {
    started.count_down();
    released.wait();
  }));
  started.wait();  // the one thread is busy: what follows waits
  EXPECT_TRUE(pool.submit([&] { ++ran; }));
  EXPECT_TRUE(pool.submit([&] { ++ran; }));
  EXPECT_EQ(pool.waiting(), 2U);
  EXPECT_FALSE(pool.submit([&] { ran += 100; }));
  EXPECT_EQ(pool.waiting(), 2U);
  release.set_value();
  std::promise<void> last;
  while (!pool.submit([&] { last.set_value(); })) std::this_thread::yield();
  last.get_future().wait();
  EXPECT_EQ(ran, 2);
}

TEST(WorkerPool, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  {
    WorkerPool pool("test", 1, 1000);
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(pool.submit([&order, i] { order.push_back(i); }));
  }
  ASSERT_EQ(order.size(), 200U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(WorkerPool, ReallyWorksInParallel) {
  std::latch both(2);
  std::atomic<int> met{0};
  {
    WorkerPool pool("test", 2, 10);
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(pool.submit([&] {
        both.arrive_and_wait();  // deadlocks, and so times out, with one thread
        ++met;
      }));
    }
  }
  EXPECT_EQ(met, 2);
}

TEST(WorkerPool, TheEndRunsWhatQueuedTasksStillSubmit) {
  std::atomic<int> count{0};
  {
    WorkerPool pool("test", 1, 10);
    ASSERT_TRUE(pool.submit([&] {
      ++count;
      EXPECT_TRUE(pool.submit([&] { ++count; }));
    }));
  }
  EXPECT_EQ(count, 2);
}

TEST(WorkerPool, ThreadsCarryTheNameAsFarAsItFits) {
  std::promise<std::string> name;
  WorkerPool pool("larder-very-long-name", 1, 1);
  ASSERT_TRUE(pool.submit([&] {
    char text[32] = {};
    pthread_getname_np(pthread_self(), text, sizeof text);
    name.set_value(text);
  }));
  EXPECT_EQ(name.get_future().get(), "larder-very-lon");
}

}  // namespace
}  // namespace larder
