// A job of a thousand files has to flow: no step may look at all of them, and few transactions carry many changes.
#include <fmt/format.h>

#include <chrono>

#include "tests/unit/jobs/manager_fixture.h"

namespace larder::agent {
namespace {

TEST_F(ManagerTest, a_thousand_files_flow) {
  keep_events_ = false;
  const std::string id = must_create({}, 1000).id;
  EXPECT_EQ(transfers_.active(), 8U);
  for (unsigned i = 0; i < 1000; ++i) finish(id, i, 10240);
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_EQ(manager_->totals().bytes.origin, 10240U * 1000);
  EXPECT_EQ(transfers_.all.size(), 1000U);
  restart();
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_EQ(job(id).files.size(), 1000U);
  must(complete(id));
  EXPECT_EQ(rows("files"), 0U);
  EXPECT_TRUE(cache_did("valid c999"));
}

TEST_F(ManagerTest, ten_thousand_files_cost_each_what_a_thousand_do) {
  keep_events_ = false;
  settings_.max_files_per_job = 20000;
  manager_->apply(settings_);
  const auto time_for = [&](unsigned files, double& seconds) {
    const std::string id = must_create({}, files).id;
    const auto start = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < files; ++i) {
      FakeTransfers::Started& next = transfers_.all.back();
      ASSERT_TRUE(next.running);
      next.running = false;
      TransferResult result;
      result.content.id = "c";
      result.content.size = 1;
      result.figures.origin = 1;
      const auto events = next.events;
      events->on_done(std::move(result));
    }
    const auto elapsed = std::chrono::steady_clock::now() - start;
    EXPECT_EQ(state(id), JobState::transferred);
    must(cancel(id));
    transfers_.all.clear();
    seconds = std::chrono::duration<double>(elapsed).count() / files;
  };
  settings_.max_active_files_per_job = 1;
  manager_->apply(settings_);
  double small = 0;
  double large = 0;
  time_for(1000, small);
  time_for(10000, large);
  EXPECT_LT(large, small * 4 + 50e-6) << "seconds for a file";
}

}  // namespace
}  // namespace larder::agent
