#include "base/runtime/slow_calls.h"

#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

namespace larder {
namespace {

// Calls that last until the test lets go of them. A thread counts until it has returned, a moment after its call did.
class SlowCallsTest : public ::testing::Test {
 protected:
  ~SlowCallsTest() override { let_go(); }

  UniqueFunction<Task()> slow() {
    return [held = held_] {
      held.wait();
      return Task();
    };
  }
  static Task nothing() { return {}; }
  void let_go() {
    if (!std::exchange(gone_, true)) hold_.set_value();
  }
  static void wait_for_all(const SlowCalls& calls) {
    while (calls.in_flight() != 0) std::this_thread::yield();
  }

 private:
  std::promise<void> hold_;
  std::shared_future<void> held_ = hold_.get_future().share();
  bool gone_ = false;
};

TEST_F(SlowCallsTest, RunsEachOnAThreadOfItsOwn) {
  SlowCalls calls(2);
  auto first = std::make_shared<std::latch>(2);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(calls.start([first] {
      first->arrive_and_wait();
      return Task();
    })) << "each waits for the other";
  }
  wait_for_all(calls);
}

TEST_F(SlowCallsTest, RefusesBeyondItsBoundAndRecovers) {
  SlowCalls calls(2);
  ASSERT_TRUE(calls.start(slow()));
  ASSERT_TRUE(calls.start(slow()));
  EXPECT_FALSE(calls.start(slow()));
  EXPECT_EQ(calls.in_flight(), 2u);
  let_go();
  wait_for_all(calls);
  EXPECT_TRUE(calls.start(nothing));
  wait_for_all(calls);
}

TEST_F(SlowCallsTest, TheProcessHasABoundThatOutlivesTheirOwners) {
  std::vector<std::unique_ptr<SlowCalls>> owners;
  std::size_t started = 0;
  for (std::size_t i = 0; i < SlowCalls::kMostOfAll + 4; ++i) {
    owners.push_back(std::make_unique<SlowCalls>(1));
    if (owners.back()->start(slow())) ++started;
  }
  EXPECT_EQ(started, SlowCalls::kMostOfAll);
  auto last = std::move(owners.front());
  owners.clear();  // none is waited for, and their threads still count
  SlowCalls another(1);
  EXPECT_FALSE(another.start(slow()));
  EXPECT_EQ(another.in_flight(), 0u) << "a refused call takes no place";
  let_go();
  wait_for_all(*last);
  while (!another.start(nothing)) std::this_thread::yield();
  wait_for_all(another);
}

TEST_F(SlowCallsTest, WhoeverHearsTheAnswerMayStartTheNext) {
  SlowCalls calls(1);
  const auto started = std::make_shared<std::promise<bool>>();
  ASSERT_TRUE(
      calls.start([&calls, started] { return Task([&calls, started] { started->set_value(calls.start(nothing)); }); }));
  EXPECT_TRUE(started->get_future().get());
  wait_for_all(calls);
}

TEST_F(SlowCallsTest, WhatACallHoldsIsGoneBeforeItsPlaceIsFree) {
  SlowCalls calls(1);
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  ASSERT_TRUE(calls.start([held = std::move(held)] { return Task(); }));
  wait_for_all(calls);
  EXPECT_TRUE(watch.expired());
}

TEST_F(SlowCallsTest, AnOwnerThatEndsWaitsForNobody) {
  auto finished = std::make_shared<std::promise<void>>();
  auto done = finished->get_future();
  {
    SlowCalls calls(1);
    ASSERT_TRUE(calls.start([call = slow(), finished]() mutable {
      call();
      return Task([finished] { finished->set_value(); });
    }));
  }
  let_go();
  done.wait();
}

}  // namespace
}  // namespace larder
