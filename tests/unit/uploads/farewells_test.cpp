#include "agent/uploads/farewells.h"

#include <gtest/gtest.h>

#include <deque>

#include "base/io/log.h"
#include "tests/support/virtual_loop.h"

namespace larder::agent {
namespace {

class Servers final : public origin::Uploads {
 public:
  origin::UploadId start(origin::UploadJob, std::shared_ptr<origin::UploadEvents>) override { return 0; }
  void stop(origin::UploadId) override {}
  void set_rate(origin::UploadId, std::uint64_t) override {}
  void cancel(origin::UploadJob job, UniqueFunction<void(bool)> done) override {
    asked.push_back(job.plan.key);
    answers.push_back(std::move(done));
  }
  void answer(bool nothing_left) {
    auto done = std::move(answers.front());
    answers.pop_front();
    done(nothing_left);
  }
  std::vector<std::string> asked;
  std::deque<UniqueFunction<void(bool)>> answers;
};

origin::UploadJob job(const std::string& key) {
  origin::UploadJob job;
  job.plan.key = key;
  return job;
}

class FarewellsTest : public testing::Test {
 protected:
  void SetUp() override { log::set_level(log::Level::off); }
  larder::test::VirtualLoop loop_;
  Servers servers_;
  Farewells farewells_{servers_, loop_.runtime()};
};

TEST_F(FarewellsTest, a_server_is_told_at_once_and_once) {
  farewells_.tell(job("a"));
  EXPECT_EQ(servers_.asked, std::vector<std::string>{"a"});
  servers_.answer(true);
  EXPECT_EQ(farewells_.waiting(), 0U);
  loop_.advance(std::chrono::hours(48));
  EXPECT_EQ(servers_.asked.size(), 1U);
}

TEST_F(FarewellsTest, a_server_that_is_away_is_told_again_for_a_day_with_growing_waits) {
  farewells_.tell(job("a"));
  Duration waited{};
  while (!servers_.answers.empty()) {
    servers_.answer(false);
    for (int i = 0; i < 240 && servers_.answers.empty() && farewells_.waiting() > 0; ++i) {
      loop_.advance(std::chrono::seconds(15));
      waited += std::chrono::seconds(15);
    }
  }
  EXPECT_EQ(farewells_.waiting(), 0U);
  EXPECT_GT(waited, std::chrono::hours(22));
  EXPECT_LE(waited, Farewells::kLongest + Farewells::kLongestWait);
  EXPECT_LT(servers_.asked.size(), 40U);
}

TEST_F(FarewellsTest, beyond_the_bound_the_oldest_is_forgotten) {
  for (std::size_t i = 0; i <= Farewells::kMax; ++i) farewells_.tell(job(std::to_string(i)));
  EXPECT_EQ(farewells_.waiting(), Farewells::kMax);
  servers_.answer(false);  // of the one that is forgotten: no effect
  EXPECT_EQ(farewells_.waiting(), Farewells::kMax);
}

}  // namespace
}  // namespace larder::agent
