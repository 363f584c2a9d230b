// Transient errors, back-off, and the limits of time.
#include <fmt/format.h>

#include "tests/unit/jobs/manager_fixture.h"

namespace larder::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

Duration until_retry(const Job& job, const test::VirtualLoop& loop) {
  return *job.retry_at - loop.wall();
}

TEST_F(ManagerTest, a_transient_error_waits_5_s_and_tries_again) {
  const std::string id = must_create({}, 1).id;
  fail_transfer(id, 0, ErrorCode::connection_lost);
  EXPECT_EQ(state(id), JobState::transient_error);
  EXPECT_EQ(job(id).error->code, ErrorCode::connection_lost);
  EXPECT_EQ(file(id).error->code, ErrorCode::connection_lost);
  EXPECT_EQ(file(id).state, FileState::waiting);
  ASSERT_TRUE(job(id).retry_at);
  EXPECT_GE(until_retry(job(id), loop_), seconds(5));
  EXPECT_LE(until_retry(job(id), loop_), seconds(7));
  loop_.advance(std::chrono::milliseconds(4900));
  EXPECT_EQ(state(id), JobState::transient_error);
  loop_.advance(seconds(2));
  EXPECT_EQ(state(id), JobState::connecting);
  EXPECT_FALSE(job(id).retry_at);
  EXPECT_FALSE(job(id).error);
  finish(id);
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_FALSE(file(id).error);
}

TEST_F(ManagerTest, the_delay_doubles_up_to_ten_minutes_and_starts_anew_after_progress) {
  const std::string id = must_create({}, 1).id;
  Duration least = seconds(5);
  for (int attempt = 0; attempt < 10; ++attempt) {
    fail_transfer(id, 0, ErrorCode::timed_out);
    const Duration delay = until_retry(job(id), loop_);
    EXPECT_GE(delay, least) << attempt;
    EXPECT_LE(delay, minutes(10)) << attempt;
    least = std::min<Duration>(least * 2, minutes(8));
    loop_.advance(delay);
  }
  progress(id, 0, 50);
  fail_transfer(id, 0, ErrorCode::timed_out);
  EXPECT_LE(until_retry(job(id), loop_), seconds(7));
}

TEST_F(ManagerTest, the_same_bytes_again_are_no_progress) {
  const std::string id = must_create({}, 1).id;
  for (int attempt = 0; attempt < 4; ++attempt) {
    progress(id, 0, 50);
    fail_transfer(id, 0, ErrorCode::connection_lost);
    loop_.advance(until_retry(job(id), loop_));
  }
  EXPECT_EQ(job(id).retries, 4U);
}

TEST_F(ManagerTest, retry_after_is_obeyed) {
  const std::string id = must_create({}, 1).id;
  fail_transfer(id, 0, ErrorCode::http_transient, seconds(3600));
  EXPECT_GE(until_retry(job(id), loop_), seconds(3600));
  loop_.advance(seconds(3599));
  EXPECT_EQ(state(id), JobState::transient_error);
}

TEST_F(ManagerTest, the_first_delay_is_the_jobs) {
  JobOptions options;
  options.retry_delay = minutes(2);
  const std::string id = must_create(options, 1).id;
  fail_transfer(id, 0, ErrorCode::connection_lost);
  EXPECT_GE(until_retry(job(id), loop_), minutes(2));
}

TEST_F(ManagerTest, other_files_go_on_while_one_waits) {
  settings_.max_active_files_per_job = 2;
  manager_->apply(settings_);
  const std::string id = must_create({}, 4).id;
  fail_transfer(id, 0, ErrorCode::http_transient);
  EXPECT_EQ(state(id), JobState::connecting);
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(id, 1), file_id(id, 2)));
  finish(id, 1);
  finish(id, 2);
  finish(id, 3);
  EXPECT_EQ(state(id), JobState::transient_error);
  EXPECT_EQ(transfers_.active(), 0U);
  loop_.advance(seconds(10));
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(id, 0)));
  finish(id, 0);
  EXPECT_EQ(state(id), JobState::transferred);
}

TEST_F(ManagerTest, a_dead_origin_is_not_asked_for_every_file) {
  settings_.max_active_files_per_job = 3;
  manager_->apply(settings_);
  const std::string id = must_create({}, 100).id;
  for (unsigned i = 0; i < 3; ++i) fail_transfer(id, i, ErrorCode::connect_failed);
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(id, 3), file_id(id, 4))) << "nothing new after the third";
  fail_transfer(id, 3, ErrorCode::connect_failed);
  fail_transfer(id, 4, ErrorCode::connect_failed);
  EXPECT_EQ(state(id), JobState::transient_error);
  EXPECT_EQ(transfers_.all.size(), 5U);
  loop_.advance(seconds(10));
  EXPECT_EQ(transfers_.active(), 3U);
}

TEST_F(ManagerTest, no_progress_for_its_time_out_is_an_error) {
  JobOptions options;
  options.no_progress_timeout = minutes(3);
  const std::string id = must_create(options, 1).id;
  for (int attempt = 0; attempt < 20 && state(id) != JobState::error; ++attempt) {
    fail_transfer(id, 0, ErrorCode::connection_lost);
    if (state(id) == JobState::transient_error)
      loop_.advance(std::max(until_retry(job(id), loop_), Duration(seconds(1))));
    if (state(id) == JobState::transient_error) loop_.advance(minutes(3));
  }
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_EQ(job(id).error->code, ErrorCode::no_progress);
  EXPECT_THAT(job(id).error->detail, HasSubstr("as the test wants"));
}

TEST_F(ManagerTest, a_retry_later_than_the_time_out_is_not_awaited) {
  JobOptions options;
  options.no_progress_timeout = minutes(1);
  const std::string id = must_create(options, 1).id;
  fail_transfer(id, 0, ErrorCode::http_transient, seconds(7200));
  loop_.advance(seconds(61));
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_EQ(job(id).error->code, ErrorCode::no_progress);
}

TEST_F(ManagerTest, without_retries_every_error_is_fatal) {
  JobOptions options;
  options.no_progress_timeout = Duration::zero();
  const std::string id = must_create(options, 1).id;
  fail_transfer(id, 0, ErrorCode::connection_lost);
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_EQ(job(id).error->code, ErrorCode::connection_lost);
}

TEST_F(ManagerTest, resume_and_a_returned_network_do_not_wait) {
  const std::string id = must_create({}, 1).id;
  fail_transfer(id, 0, ErrorCode::connection_lost);
  must(resume(id));
  EXPECT_EQ(state(id), JobState::connecting);
  fail_transfer(id, 0, ErrorCode::network_unreachable);
  const std::string suspended = must_create({}, 1, false).id;
  manager_->network_returned();
  settle();
  EXPECT_EQ(state(id), JobState::connecting);
  EXPECT_EQ(state(suspended), JobState::suspended);
}

TEST_F(ManagerTest, maximum_time_counts_connecting_and_transferring_only) {
  JobOptions options;
  options.maximum_time = hours(2);
  const std::string id = must_create(options, 1).id;
  progress(id, 0, 10);
  loop_.advance(hours(1));
  EXPECT_EQ(job(id).active_time, hours(1));
  fail_transfer(id, 0, ErrorCode::http_transient, seconds(3600));
  loop_.advance(minutes(55));
  EXPECT_EQ(state(id), JobState::transient_error);
  manager_->network_returned();
  settle();
  loop_.advance(minutes(59));
  EXPECT_EQ(state(id), JobState::connecting);
  loop_.advance(minutes(2));
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_EQ(job(id).error->code, ErrorCode::maximum_time);
  EXPECT_EQ(transfers_.active(), 0U);
  must(resume(id));
  EXPECT_LT(job(id).active_time, seconds(1)) << "resume starts it anew";
  EXPECT_EQ(state(id), JobState::connecting);
}

TEST_F(ManagerTest, a_job_that_nothing_happens_to_is_cancelled) {
  const std::string idle = must_create({}, 1, false).id;
  const std::string busy = must_create({}, 1).id;
  for (int day = 0; day < 89; ++day) loop_.advance(hours(24));
  progress(busy, 0, 10);
  EXPECT_EQ(state(idle), JobState::suspended);
  loop_.advance(hours(25));
  EXPECT_FALSE(manager_->find_job(kAlice, idle)) << "cancelled, and forgotten since";
  EXPECT_TRUE(manager_->find_job(kAlice, busy));
  EXPECT_EQ(rows("jobs"), 1U);
}

TEST_F(ManagerTest, a_set_clock_moves_no_retry) {
  const std::string id = must_create({}, 1).id;
  fail_transfer(id, 0, ErrorCode::connection_lost);
  loop_.set_wall(loop_.wall() + hours(1000));
  EXPECT_EQ(state(id), JobState::transient_error);
  loop_.advance(seconds(7));
  EXPECT_EQ(state(id), JobState::connecting);
}

}  // namespace
}  // namespace larder::agent
