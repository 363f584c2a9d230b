#include "inbox/service/turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/support/virtual_loop.h"

namespace larder::inbox {
namespace {

class TurnsTest : public testing::Test {
 protected:
  using Given = std::shared_ptr<std::optional<Outcome<Turn>>>;
  Given ask(bool appends, const std::string& id = "a") {
    auto given = std::make_shared<std::optional<Outcome<Turn>>>();
    turns_->ask(id, appends, [given](Outcome<Turn> turn) { given->emplace(std::move(turn)); });
    EXPECT_FALSE(*given) << "not within the call";
    loop_.run_ready();
    return given;
  }
  static bool has(const Given& given) { return *given && (*given)->has_value(); }
  void end(const Given& given) {
    (**given)->end();
    loop_.run_ready();
  }

  test::VirtualLoop loop_;
  std::unique_ptr<Turns> turns_ = std::make_unique<Turns>(loop_);
};

TEST_F(TurnsTest, OneAtATimeForEachUpload) {
  const auto first = ask(false), second = ask(false), third = ask(false), other = ask(false, "b");
  EXPECT_TRUE(has(first));
  EXPECT_TRUE(has(other));
  EXPECT_FALSE(*second);
  end(first);
  EXPECT_TRUE(has(second));
  EXPECT_FALSE(*third);
  EXPECT_EQ(turns_->busy(), 2U);
  second->reset();  // destroyed
  loop_.run_ready();
  EXPECT_TRUE(has(third));
  end(third);
  end(other);
  EXPECT_EQ(turns_->busy(), 0U);
}

TEST_F(TurnsTest, TheNewestIsWanted) {
  const auto append = ask(true);
  int stopped = 0;
  (**append)->on_wanted([&] { ++stopped; });
  const auto look = ask(false);
  EXPECT_EQ(stopped, 1);
  const auto more = ask(false);
  EXPECT_EQ(stopped, 1) << "once";
  end(append);
  EXPECT_TRUE(has(look));
  int again = 0;
  (**look)->on_wanted([&] { ++again; });
  loop_.run_ready();
  EXPECT_EQ(again, 1) << "one waits already";
  EXPECT_FALSE(*more);
}

TEST_F(TurnsTest, AnAppendThatWaitsGivesWay) {
  const auto first = ask(true), second = ask(true), look = ask(false), third = ask(true);
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->error().problem, Problem::superseded);
  end(first);
  EXPECT_TRUE(has(look)) << "a request that only asks keeps its place";
  EXPECT_FALSE(*third);
}

TEST_F(TurnsTest, AtMostSoManyWait) {
  const auto first = ask(false);
  std::vector<Given> waiting;
  for (std::size_t i = 0; i < Turns::kMaxWaiting; ++i) waiting.push_back(ask(false));
  const auto refused = ask(false);
  ASSERT_TRUE(*refused);
  EXPECT_EQ((*refused)->error().problem, Problem::busy);
  EXPECT_TRUE((*refused)->error().retry_after);
}

TEST_F(TurnsTest, ATurnMayOutliveItsTurns) {
  const auto first = ask(false), second = ask(false);
  turns_.reset();
  end(first);
  EXPECT_FALSE(*second);
}

}  // namespace
}  // namespace larder::inbox
