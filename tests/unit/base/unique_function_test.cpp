#include "base/unique_function.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace larder {
namespace {

TEST(UniqueFunction, HoldsWhatCannotBeCopied) {
  auto value = std::make_unique<int>(7);
  UniqueFunction<int(int)> add = [value = std::move(value)](int more) { return *value + more; };
  EXPECT_EQ(add(3), 10);
  UniqueFunction<int(int)> moved = std::move(add);
  EXPECT_FALSE(add);
  EXPECT_EQ(moved(4), 11);
}

TEST(UniqueFunction, PassesMoveOnlyArgumentsAndReferences) {
  UniqueFunction<std::size_t(std::unique_ptr<std::string>, int&)> function = [](std::unique_ptr<std::string> text,
                                                                                int& calls) {
    ++calls;
    return text->size();
  };
  int calls = 0;
  EXPECT_EQ(function(std::make_unique<std::string>("four"), calls), 4U);
  EXPECT_EQ(calls, 1);
}

TEST(UniqueFunction, EmptyIsFalse) {
  EXPECT_FALSE(Task());
  EXPECT_FALSE(Task(nullptr));
  EXPECT_TRUE(Task([] {}));
}

TEST(UniqueFunction, DestroysWhatItHoldsOnce) {
  auto watched = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = watched;
  {
    Task task = [watched = std::move(watched)] {};
    Task other = std::move(task);
    EXPECT_EQ(watch.use_count(), 1);
    other = nullptr;
    EXPECT_TRUE(watch.expired());
  }
}

TEST(UniqueFunction, KeepsItsOwnState) {
  UniqueFunction<int()> count = [n = 0]() mutable { return ++n; };
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(count(), 2);
}

}  // namespace
}  // namespace larder
