#include "base/runtime/callback_token.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/virtual_loop.h"

namespace larder {
namespace {

TEST(CallbackToken, TellsOnTheLoopThatNoAnswerCanCome) {
  test::VirtualLoop loop;
  int lost = 0;
  auto token = std::make_shared<CallbackToken>(loop, [&lost] { ++lost; });
  Task callback = [token] { token->mark_answered(); };
  token.reset();
  callback = nullptr;  // destroyed uncalled
  EXPECT_EQ(lost, 0) << "not from within";
  loop.run_ready();
  EXPECT_EQ(lost, 1);
}

TEST(CallbackToken, SaysNothingWhereTheAnswerCame) {
  test::VirtualLoop loop;
  int lost = 0;
  auto token = std::make_shared<CallbackToken>(loop, [&lost] { ++lost; });
  Task callback = [token] { token->mark_answered(); };
  token.reset();
  callback();
  callback = nullptr;
  loop.run_ready();
  EXPECT_EQ(lost, 0);
}

}  // namespace
}  // namespace larder
