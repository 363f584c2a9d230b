// Jobs come back after a restart as they were, in every state.
#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

#include "tests/unit/jobs/manager_fixture.h"

namespace larder::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

TEST_F(ManagerTest, what_was_answered_survives_a_crash) {
  JobOptions options;
  options.name = "kept";
  options.connect.password = "secret";
  const std::string suspended = must_create(options, 2, false).id;
  const std::string started = must_create({}, 1).id;
  kill_manager();
  start_manager();
  EXPECT_EQ(state(suspended), JobState::suspended);
  EXPECT_EQ(job(suspended).options.name, "kept");
  EXPECT_EQ(job(suspended).options.connect.password, "secret");
  EXPECT_EQ(job(suspended).files.size(), 2U);
  EXPECT_EQ(state(started), JobState::connecting);
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(started)));
}

// An earlier version kept the name of a file that the agent opened for whoever named it.
TEST_F(ManagerTest, a_job_that_names_a_file_of_authorities_ends_in_words_and_opens_nothing) {
  const std::string id = must_create({}, 2).id, other = must_create({}, 1).id;
  std::optional<Status> written;
  database_->write(
      "test",
      [id](SQLite::Database& db) -> Status {
        db.exec("UPDATE jobs SET ca_certificates = '/home/alice/fifo' WHERE id = '" + id + "'");
        return {};
      },
      [&](Status status) { written = std::move(status); });
  ASSERT_TRUE(loop_.wait_for([&] { return written.has_value(); }));
  kill_manager();
  start_manager();
  settle();
  EXPECT_EQ(state(id), JobState::error);
  ASSERT_TRUE(job(id).error);
  EXPECT_EQ(job(id).error->code, ErrorCode::invalid_argument);
  EXPECT_THAT(job(id).error->text(), testing::HasSubstr("make it again"));
  EXPECT_THAT(job(id).error->text(), testing::Not(testing::HasSubstr("/home/alice")));
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(other)));
}

TEST_F(ManagerTest, a_running_job_goes_on_after_restart) {
  const std::string id = must_create({}, 3).id;
  finish(id, 0);
  progress(id, 1, 60, "partial");
  restart();
  EXPECT_EQ(state(id), JobState::connecting);
  EXPECT_EQ(file(id, 0).state, FileState::transferred);
  EXPECT_EQ(file(id, 1).content, "partial");
  EXPECT_EQ(file(id, 1).bytes, 60U);
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(id, 1), file_id(id, 2)));
  EXPECT_TRUE(cache_did(fmt::format("alive {0}.0 {0}.1 {0}.2", id)));
}

TEST_F(ManagerTest, the_end_of_all_files_is_noticed_after_restart) {
  const std::string id = must_create({}, 1).id;
  finish(id);
  restart();
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_TRUE(job(id).finished);
  must(complete(id));
  EXPECT_TRUE(cache_did("valid c0"));
}

TEST_F(ManagerTest, what_is_validating_is_judged_again) {
  JobOptions options;
  options.verdict.app = true;
  const std::string id = must_create(options, 1).id;
  finish(id, 0, 100, 0, "", [](TransferResult& result) { result.origin_sha256 = Digest{std::byte(4)}; });
  judge(Verdict::wait_for_app);
  restart();
  EXPECT_EQ(state(id), JobState::validating);
  ASSERT_EQ(judge_.asked.size(), 1U);
  EXPECT_EQ(judge_.asked[0].facts.origin_sha256, Digest{std::byte(4)});
  judge(Verdict::wait_for_app);
  must(verdict(id, 0, true));
  EXPECT_EQ(state(id), JobState::transferred);
}

TEST_F(ManagerTest, a_retry_keeps_its_time) {
  const std::string id = must_create({}, 1).id;
  fail_transfer(id, 0, ErrorCode::http_transient, seconds(600));
  const WallTime retry_at = *job(id).retry_at;
  loop_.advance(seconds(100));
  restart();
  EXPECT_EQ(state(id), JobState::transient_error);
  EXPECT_EQ(job(id).retry_at, retry_at);
  EXPECT_EQ(job(id).error->code, ErrorCode::http_transient);
  loop_.advance(retry_at - loop_.wall() - seconds(1));
  EXPECT_EQ(state(id), JobState::transient_error);
  loop_.advance(seconds(2));
  EXPECT_EQ(state(id), JobState::connecting);
}

TEST_F(ManagerTest, a_retry_that_was_due_meanwhile_is_made_at_once) {
  const std::string id = must_create({}, 1).id;
  fail_transfer(id, 0, ErrorCode::connection_lost);
  std::optional<Status> stopped;
  manager_->stop([&](Status status) { stopped = status; });
  ASSERT_TRUE(loop_.wait_for([&] { return stopped.has_value(); }));
  kill_manager();
  loop_.advance(hours(1));
  start_manager();
  loop_.advance(Duration::zero());
  EXPECT_EQ(state(id), JobState::connecting);
}

TEST_F(ManagerTest, the_no_progress_time_goes_on_over_restarts) {
  JobOptions options;
  options.no_progress_timeout = minutes(30);
  const std::string id = must_create(options, 1).id;
  fail_transfer(id, 0, ErrorCode::http_transient, seconds(7200));
  loop_.advance(minutes(20));
  restart();
  loop_.advance(minutes(9));
  EXPECT_EQ(state(id), JobState::transient_error);
  loop_.advance(minutes(2));
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_EQ(job(id).error->code, ErrorCode::no_progress);
}

TEST_F(ManagerTest, errors_and_suspended_jobs_stay_as_they_are) {
  const std::string failed = must_create({}, 1).id;
  fail_transfer(failed, 0, ErrorCode::http_fatal);
  const std::string suspended = must_create({}, 1).id;
  must(suspend(suspended));
  restart();
  EXPECT_EQ(state(failed), JobState::error);
  EXPECT_EQ(job(failed).error->code, ErrorCode::http_fatal);
  EXPECT_EQ(file(failed).state, FileState::failed);
  EXPECT_EQ(state(suspended), JobState::suspended);
  EXPECT_EQ(transfers_.active(), 0U);
  must(resume(failed));
  EXPECT_EQ(state(failed), JobState::connecting);
}

TEST_F(ManagerTest, final_jobs_do_not_come_back) {
  const std::string completed = must_create({}, 1).id;
  finish(completed);
  must(complete(completed));
  const std::string cancelled = must_create({}, 1).id;
  must(cancel(cancelled));
  kill_manager();
  start_manager();
  EXPECT_FALSE(manager_->find_job(kRoot, completed));
  EXPECT_FALSE(manager_->find_job(kRoot, cancelled));
}

TEST_F(ManagerTest, active_time_survives) {
  const std::string id = must_create({}, 1).id;
  loop_.advance(minutes(10));
  restart();
  EXPECT_GE(job(id).active_time, minutes(10));
  EXPECT_LE(job(id).active_time, minutes(11));
}

TEST_F(ManagerTest, after_a_crash_times_are_at_most_a_minute_old) {
  const std::string id = must_create({}, 1).id;
  loop_.advance(minutes(10));
  static_cast<void>(rows("jobs"));
  kill_manager();
  start_manager();
  EXPECT_GE(job(id).active_time, minutes(8));
}

TEST_F(ManagerTest, jobs_get_their_slots_in_the_order_in_which_they_were_made) {
  settings_.max_active_jobs = 1;
  manager_->apply(settings_);
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(must_create({}, 1).id);
    loop_.advance(seconds(1));
  }
  restart();
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(ids[0])));
}

}  // namespace
}  // namespace larder::agent
