#include "base/runtime/alive.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/unique_function.h"

namespace larder {
namespace {

TEST(Alive, CallsAsLongAsItsOwnerIsThere) {
  std::optional<Alive> alive(std::in_place);
  int calls = 0;
  auto guarded = alive->guard([&calls] { ++calls; });
  guarded();
  guarded();
  EXPECT_EQ(calls, 2);
  alive.reset();
  guarded();
  EXPECT_EQ(calls, 2);
}

TEST(Alive, HandsOnWhatItIsCalledWith) {
  const Alive alive;
  std::string got;
  UniqueFunction<void(std::unique_ptr<int>, const std::string&)> guarded =
      alive.guard([&got](std::unique_ptr<int> number, const std::string& text) {
        got = text + std::to_string(*number);  // moved in, although it cannot be copied
      });
  guarded(std::make_unique<int>(7), "seven ");
  EXPECT_EQ(got, "seven 7");
}

TEST(Alive, WhatWasCapturedEndsWithTheCallback) {
  std::optional<Alive> alive(std::in_place);
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> seen = held;
  Task guarded = alive->guard([held = std::move(held)] {});
  alive.reset();
  guarded();
  EXPECT_FALSE(seen.expired());
  guarded = nullptr;
  EXPECT_TRUE(seen.expired());
}

TEST(Alive, DoesNothingAfterItsEnd) {
  Alive alive;
  int calls = 0;
  const auto watch = alive.watch();
  auto before = alive.guard([&calls] { ++calls; });
  EXPECT_FALSE(watch.expired());
  alive.end_guards();
  auto after = alive.guard([&calls] { ++calls; });
  before();
  after();
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(watch.expired());
}

TEST(Alive, AnOwnerMayEndWhileItsCallbackRuns) {
  struct Owner {
    int value = 3;
    Alive alive{};
  };
  auto owner = std::make_unique<Owner>();
  int seen = 0;
  auto guarded = owner->alive.guard([&owner, &seen] {
    seen = owner->value;
    owner.reset();
  });
  guarded();
  guarded();
  EXPECT_EQ(seen, 3);
}

}  // namespace
}  // namespace larder
