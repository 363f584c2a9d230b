// That the swarm listens where it should, seen to again and again.
#include "agent/lan/listen_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "tests/support/virtual_loop.h"

namespace larder::agent {
namespace {

class ListenWatchTest : public ::testing::Test {
 protected:
  using Endpoints = std::vector<peer::Endpoint>;
  void missing(Endpoints now) {
    const std::lock_guard lock(mutex_);
    missing_ = std::move(now);
  }
  // Lets what was asked of the worker be done, and its answer be heard.
  void settle() {
    bool arrived = false;
    ASSERT_TRUE(workers_.submit([&] { loop_.post([&] { arrived = true; }); }));
    ASSERT_TRUE(loop_.wait_for([&] { return arrived; }));
  }
  void pass(Duration time) {
    loop_.advance(time);
    settle();
  }
  const Endpoints kHere = {*peer::parse_endpoint("10.0.0.2:7476")};
  std::mutex mutex_;
  Endpoints missing_;  // guarded by mutex_
  unsigned mended_ = 0;
  test::VirtualLoop loop_;
  WorkerPool workers_{"test", 1, 8};
  ListenWatch watch_{loop_.runtime(), workers_,
                     [this] {
                       const std::lock_guard lock(mutex_);
                       return missing_;
                     },
                     [this] { ++mended_; }};
};

TEST_F(ListenWatchTest, WhatIsMissingIsMendedAndNotTold) {
  watch_.check_listening();
  settle();
  EXPECT_EQ(mended_, 0U);
  missing(kHere);
  watch_.check_listening();  // the network has changed
  settle();
  EXPECT_EQ(mended_, 1U);
  missing({});
  pass(ListenWatch::kSoon);
  EXPECT_EQ(mended_, 1U);
  EXPECT_EQ(watch_.trouble(), "");
}

TEST_F(ListenWatchTest, WhatStaysMissingIsToldUntilItIsThere) {
  missing(kHere);
  watch_.check_listening();
  settle();
  for (unsigned i = 0; i < 2 * ListenWatch::kTries; ++i) pass(ListenWatch::kInterval);
  EXPECT_GT(mended_, ListenWatch::kTries) << "it goes on trying";
  EXPECT_EQ(watch_.trouble(), "the swarm does not listen on TCP 7476 of 10.0.0.2");
  missing({});
  pass(ListenWatch::kInterval);
  EXPECT_EQ(watch_.trouble(), "");
}

TEST_F(ListenWatchTest, ItLooksByItselfToo) {
  watch_.check_listening();
  settle();
  missing(kHere);
  pass(ListenWatch::kInterval);
  EXPECT_EQ(mended_, 1U) << "an interface that went up without a word";
}

}  // namespace
}  // namespace larder::agent
