// From created to acknowledged, scheduling, failures.
#include <fmt/format.h>

#include "agent/jobs/job_book.h"
#include "tests/support/certificate_text.h"
#include "tests/unit/jobs/manager_fixture.h"

namespace larder::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

TEST_F(ManagerTest, a_job_goes_from_suspended_to_acknowledged) {
  const std::string id = must_create({}, 1, false).id;
  EXPECT_EQ(id.size(), 16U);
  EXPECT_EQ(state(id), JobState::suspended);
  EXPECT_EQ(transfers_.active(), 0U);
  EXPECT_EQ(must(resume(id)).id, id);
  EXPECT_EQ(state(id), JobState::connecting);
  progress(id, 0, 40);
  EXPECT_EQ(state(id), JobState::transferring);
  EXPECT_EQ(file(id).state, FileState::active);
  EXPECT_EQ(file(id).bytes, 40U);
  EXPECT_EQ(file(id).content, "c");
  finish(id);
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_EQ(file(id).state, FileState::transferred);
  EXPECT_EQ(file(id).figures.origin, 100U);
  EXPECT_EQ(file(id).verdict, "");
  EXPECT_TRUE(job(id).finished);
  EXPECT_FALSE(cache_did("valid c0"));
  const Job done = must(complete(id));
  EXPECT_EQ(done.state, JobState::acknowledged);
  EXPECT_EQ(done.files[0].verdict, "valid");
  EXPECT_THAT(cache_.log, IsSupersetOf({std::string("valid c0"), "release c0 " + file_id(id)}));
  EXPECT_EQ(rows("jobs") + rows("files"), 0U);
}

TEST_F(ManagerTest, events_tell_each_step_in_order) {
  const std::string id = must_create({}, 1).id;
  progress(id, 0, 40);
  finish(id);
  must(complete(id));
  const std::vector<std::string> expected = {
      "job.created " + id + " queued",        "job.state " + id + " connecting",
      "file.state " + id + ".0 active",       "job.state " + id + " transferring",
      "job.progress " + id + " transferring", "file.state " + id + ".0 transferred",
      "job.state " + id + " transferred",     "job.removed " + id + " acknowledged"};
  EXPECT_EQ(events_, expected);
}

TEST_F(ManagerTest, progress_is_told_only_so_often_and_never_forgotten) {
  for (const bool many : {false, true}) {
    const std::string id = must_create({}, many ? 2 : 1).id;
    const Duration interval = many ? JobBook::kProgressIntervalOfMany : JobBook::kProgressInterval;
    events_.clear();
    for (std::uint64_t i = 1; i <= 40; ++i) {
      progress(id, 0, i);
      loop_.advance(std::chrono::milliseconds(25));
    }
    const auto told = std::count(events_.begin(), events_.end(), "job.progress " + id + " transferring");
    EXPECT_GE(told, std::chrono::seconds(1) / interval);
    EXPECT_LE(told, std::chrono::seconds(1) / interval + 1);
    events_.clear();
    progress(id, 0, 50);
    loop_.advance(interval);
    EXPECT_THAT(events_, ElementsAre("job.progress " + id + " transferring"));
    must(cancel(id));
  }
}

TEST_F(ManagerTest, a_final_job_is_found_by_id_for_ten_minutes_and_not_listed) {
  const std::string id = must_create({}, 1).id;
  must(cancel(id));
  EXPECT_THAT(manager_->list(kAlice), IsEmpty());
  EXPECT_EQ(state(id), JobState::cancelled);
  loop_.advance(minutes(9));
  EXPECT_TRUE(manager_->find_job(kAlice, id));
  loop_.advance(minutes(2));
  EXPECT_FALSE(manager_->find_job(kAlice, id));
}

TEST_F(ManagerTest, nothing_can_be_done_with_a_final_job) {
  const std::string id = must_create({}, 1).id;
  must(cancel(id));
  for (const auto& result :
       {suspend(id), resume(id), cancel(id), complete(id), verdict(id, 0, true), retarget(id, 0, "http://host/b")}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid_state);
  }
}

TEST_F(ManagerTest, the_request_carries_what_the_job_says) {
  settings_.proxy = "http://proxy:3128";
  settings_.ca_certificates = test::kAuthority;
  settings_.connect_timeout = seconds(7);
  settings_.stall_timeout = seconds(8);
  manager_->apply(settings_);
  JobOptions options;
  options.max_rate = 1000;
  options.max_file_size = 5000;
  options.parallel_ranges = 3;
  options.store = false;
  options.connect.headers = {{"X-A", "b"}};
  FileSpec spec;
  spec.url = "http://host/a";
  spec.ranges = {{10, 5}};
  spec.sha256 = Digest{};
  const std::string id = must(create(kAlice, options, {spec})).id;
  const auto* started = transfers_.running(file_id(id));
  ASSERT_NE(started, nullptr);
  const TransferRequest& request = started->request;
  EXPECT_EQ(request.target.url.canonical(), "http://host/a");
  EXPECT_EQ(request.target.options->headers, options.connect.headers);
  EXPECT_EQ(request.target.options->proxy, "http://proxy:3128");
  EXPECT_EQ(request.target.options->ca_certificates, test::kAuthority);
  EXPECT_EQ(request.target.options->connect_timeout, seconds(7));
  EXPECT_EQ(request.target.options->stall_timeout, seconds(8));
  EXPECT_EQ(request.ranges, spec.ranges);
  EXPECT_EQ(request.sha256, spec.sha256);
  EXPECT_TRUE(request.want_sha256);
  EXPECT_FALSE(request.store);
  EXPECT_FALSE(request.origin_alone);
  EXPECT_EQ(request.max_rate, 1000U);
  EXPECT_EQ(request.max_size, 5000U);
  EXPECT_EQ(request.parallel_ranges, 3U);
}

TEST_F(ManagerTest, user_info_of_a_url_is_for_its_file_alone) {
  std::vector<FileSpec> specs(2);
  specs[0].url = "http://user:secret@host/a";
  specs[1].url = "http://other/b";
  const Job made = must(create(kAlice, {}, specs));
  EXPECT_EQ(made.files[0].spec.url, "http://host/a");
  const auto* first = transfers_.running(file_id(made.id, 0));
  const auto* second = transfers_.running(file_id(made.id, 1));
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_EQ(first->request.target.options->user, "user");
  EXPECT_EQ(first->request.target.options->password, "secret");
  EXPECT_EQ(second->request.target.options->user, "");
  EXPECT_EQ(second->request.target.options->password, "");
}

TEST_F(ManagerTest, without_the_cache_the_origin_is_asked_alone) {
  JobOptions options;
  options.use_cache = false;
  const std::string id = must_create(options, 1).id;
  EXPECT_TRUE(transfers_.running(file_id(id))->request.origin_alone);
  EXPECT_TRUE(transfers_.running(file_id(id))->request.no_cache);
}

TEST_F(ManagerTest, files_run_in_order_and_only_so_many_at_once) {
  settings_.max_active_files_per_job = 2;
  manager_->apply(settings_);
  const std::string id = must_create({}, 4).id;
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(id, 0), file_id(id, 1)));
  finish(id, 1);
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(id, 0), file_id(id, 2)));
  finish(id, 0);
  finish(id, 2);
  finish(id, 3);
  EXPECT_EQ(state(id), JobState::transferred);
}

TEST_F(ManagerTest, the_rate_of_a_job_is_shared_by_its_files) {
  JobOptions options;
  options.max_rate = 900;
  const std::string id = must_create(options, 3).id;
  for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(transfers_.running(file_id(id, i))->rate, 300U);
  finish(id, 0);
  EXPECT_EQ(transfers_.running(file_id(id, 1))->rate, 450U);
  JobChange change;
  change.max_rate = 0;
  must(call([&](JobService::JobDone done) { manager_->change(kAlice, id, change, std::move(done)); }));
  EXPECT_EQ(transfers_.running(file_id(id, 1))->rate, 0U);
}

TEST_F(ManagerTest, a_higher_job_pre_empts_and_the_lower_goes_on_after_it) {
  settings_.max_active_jobs = 1;
  manager_->apply(settings_);
  JobOptions low;
  low.priority = Priority::low;
  const std::string low_id = must_create(low, 2).id;
  progress(low_id, 0, 10);
  EXPECT_EQ(state(low_id), JobState::transferring);
  JobOptions high;
  high.priority = Priority::high;
  const std::string high_id = must_create(high, 1).id;
  EXPECT_EQ(state(low_id), JobState::queued);
  EXPECT_EQ(file(low_id).state, FileState::waiting);
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(high_id)));
  finish(high_id);
  EXPECT_EQ(state(high_id), JobState::transferred);
  EXPECT_EQ(state(low_id), JobState::connecting);
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(low_id, 0), file_id(low_id, 1)));
}

TEST_F(ManagerTest, a_change_of_priority_takes_effect_at_once) {
  settings_.max_active_jobs = 1;
  manager_->apply(settings_);
  const std::string first = must_create({}, 1).id;
  const std::string second = must_create({}, 1).id;
  EXPECT_EQ(state(second), JobState::queued);
  JobChange change;
  change.priority = Priority::high;
  must(call([&](JobService::JobDone done) { manager_->change(kAlice, second, change, std::move(done)); }));
  EXPECT_EQ(state(first), JobState::queued);
  EXPECT_EQ(state(second), JobState::connecting);
  change.priority = Priority::foreground;
  must(call([&](JobService::JobDone done) { manager_->change(kAlice, first, change, std::move(done)); }));
  EXPECT_EQ(state(first), JobState::connecting);
  EXPECT_EQ(state(second), JobState::connecting);
}

TEST_F(ManagerTest, equal_jobs_take_turns) {
  settings_.max_active_jobs = 1;
  manager_->apply(settings_);
  const std::string first = must_create({}, 1).id;
  const std::string second = must_create({}, 1).id;
  loop_.advance(minutes(5));
  EXPECT_EQ(state(first), JobState::queued);
  EXPECT_EQ(state(second), JobState::connecting);
  loop_.advance(minutes(5));
  EXPECT_EQ(state(first), JobState::connecting);
}

TEST_F(ManagerTest, a_fatal_error_of_one_file_lets_the_others_finish_first) {
  const std::string id = must_create({}, 3).id;
  finish(id, 0);
  progress(id, 2, 30, "partial");
  fail_transfer(id, 1, ErrorCode::http_fatal);
  EXPECT_EQ(state(id), JobState::transferring);
  EXPECT_EQ(file(id, 1).state, FileState::failed);
  EXPECT_EQ(file(id, 1).error->code, ErrorCode::http_fatal);
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(id, 2)));
  finish(id, 2);
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_EQ(job(id).error->code, ErrorCode::http_fatal);
  EXPECT_EQ(job(id).error_count, 1U);
  const Job resumed = must(resume(id));
  EXPECT_FALSE(resumed.error);
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(id, 1)));
  finish(id, 1);
  EXPECT_EQ(state(id), JobState::transferred);
}

TEST_F(ManagerTest, a_fatal_error_does_not_wait_for_files_that_wait_for_a_retry) {
  const std::string id = must_create({}, 3).id;
  finish(id, 0);
  progress(id, 2, 30, "partial");
  fail_transfer(id, 1, ErrorCode::http_fatal);
  fail_transfer(id, 2, ErrorCode::connection_lost);
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_EQ(job(id).error->code, ErrorCode::http_fatal);
  EXPECT_EQ(file(id, 2).state, FileState::waiting);
  EXPECT_EQ(transfers_.active(), 0U);
  must(resume(id));
  EXPECT_THAT(transfers_.running_files(), ElementsAre(file_id(id, 1), file_id(id, 2)));
  EXPECT_FALSE(cache_did("drop partial"));
  finish(id, 1);
  finish(id, 2);
  EXPECT_EQ(state(id), JobState::transferred);
}

TEST_F(ManagerTest, suspend_stops_and_is_idempotent) {
  const std::string id = must_create({}, 2).id;
  progress(id, 0, 10);
  must(suspend(id));
  must(suspend(id));
  EXPECT_EQ(state(id), JobState::suspended);
  EXPECT_EQ(transfers_.active(), 0U);
  must(resume(id));
  must(resume(id));
  EXPECT_EQ(state(id), JobState::connecting);
  EXPECT_EQ(transfers_.active(), 2U);
}

TEST_F(ManagerTest, late_answers_of_a_stopped_transfer_change_nothing) {
  const std::string id = must_create({}, 1).id;
  const auto events = transfers_.running(file_id(id))->events;
  must(suspend(id));
  events->on_connected();
  events->on_progress(TransferProgress{});
  events->on_done(tl::unexpected<Error>(Error{ErrorCode::http_fatal, "late", "late"}));
  settle();
  EXPECT_EQ(state(id), JobState::suspended);
  EXPECT_EQ(file(id).state, FileState::waiting);
}

TEST_F(ManagerTest, complete_of_an_unfinished_job_keeps_what_is_finished) {
  const std::string id = must_create({}, 3).id;
  finish(id, 0);
  progress(id, 1, 10, "partial");
  cache::ContentInfo unseen;
  unseen.id = "unseen";
  cache_.held[file_id(id, 2)] = {unseen};
  const Job done = must(complete(id));
  EXPECT_EQ(done.state, JobState::acknowledged);
  EXPECT_TRUE(cache_did("valid c0"));
  EXPECT_FALSE(cache_did("valid partial"));
  EXPECT_THAT(cache_.log, IsSupersetOf({"release c0 " + file_id(id, 0), "release partial " + file_id(id, 1),
                                        "release unseen " + file_id(id, 2)}));
  EXPECT_EQ(transfers_.active(), 0U);
}

TEST_F(ManagerTest, cancel_keeps_nothing) {
  const std::string id = must_create({}, 2).id;
  finish(id, 0);
  progress(id, 1, 10, "partial");
  EXPECT_EQ(must(cancel(id)).state, JobState::cancelled);
  EXPECT_FALSE(cache_did("valid c0"));
  EXPECT_THAT(cache_.log, IsSupersetOf({"release c0 " + file_id(id, 0), "release partial " + file_id(id, 1)}));
  EXPECT_EQ(transfers_.active(), 0U);
  EXPECT_EQ(rows("jobs") + rows("files"), 0U);
}

TEST_F(ManagerTest, complete_and_cancel_work_in_every_state) {
  const std::map<JobState, std::function<std::string()>> make = {
      {JobState::suspended, [&] { return must_create({}, 1, false).id; }},
      {JobState::queued,
       [&] {
         settings_.max_active_jobs = 0;
         manager_->apply(settings_);
         return must_create({}, 1).id;
       }},
      {JobState::connecting, [&] { return must_create({}, 1).id; }},
      {JobState::transferring,
       [&] {
         const std::string id = must_create({}, 1).id;
         progress(id, 0, 10);
         return id;
       }},
      {JobState::validating,
       [&] {
         JobOptions options;
         options.verdict.app = true;
         const std::string id = must_create(options, 1).id;
         finish(id);
         judge(Verdict::wait_for_app);
         return id;
       }},
      {JobState::transferred,
       [&] {
         const std::string id = must_create({}, 1).id;
         finish(id);
         return id;
       }},
      {JobState::transient_error,
       [&] {
         const std::string id = must_create({}, 1).id;
         fail_transfer(id, 0, ErrorCode::connection_lost);
         return id;
       }},
      {JobState::error,
       [&] {
         const std::string id = must_create({}, 1).id;
         fail_transfer(id, 0, ErrorCode::http_fatal);
         return id;
       }},
  };
  for (const auto& [wanted, made] : make) {
    for (const bool completes : {true, false}) {
      const std::string id = made();
      ASSERT_EQ(state(id), wanted);
      must(completes ? complete(id) : cancel(id));
      EXPECT_EQ(state(id), completes ? JobState::acknowledged : JobState::cancelled) << job_state_name(wanted);
      EXPECT_EQ(transfers_.active(), 0U);
      settings_.max_active_jobs = 8;
      manager_->apply(settings_);
      loop_.advance(minutes(1));
      EXPECT_EQ(state(id), completes ? JobState::acknowledged : JobState::cancelled) << job_state_name(wanted);
    }
  }
  EXPECT_EQ(rows("jobs") + rows("files"), 0U);
}

TEST_F(ManagerTest, figures_add_up_over_jobs_that_come_and_go) {
  const std::string first = must_create({}, 2).id;
  finish(first, 0, 100, 100);
  finish(first, 1, 50, 0);
  const std::string second = must_create({}, 1).id;
  progress(second, 0, 30);
  Totals totals = manager_->totals();
  EXPECT_EQ(totals.bytes.cache, 100U);
  EXPECT_EQ(totals.bytes.origin, 80U);
  EXPECT_EQ(totals.files_transferred, 2U);
  EXPECT_EQ(totals.cache_hits, 1U);
  EXPECT_EQ(totals.active_transfers, 1U);
  EXPECT_EQ(totals.jobs[JobState::transferred], 1U);
  must(complete(first));
  must(cancel(second));
  restart();
  totals = manager_->totals();
  EXPECT_EQ(totals.bytes.cache, 100U);
  EXPECT_EQ(totals.bytes.origin, 80U);
  EXPECT_EQ(totals.files_transferred, 2U);
  EXPECT_EQ(totals.cache_hits, 1U);
  EXPECT_TRUE(totals.jobs.empty());
}

TEST_F(ManagerTest, waste_of_several_attempts_is_added_up) {
  const std::string id = must_create({}, 1).id;
  const auto with_waste = [](std::uint64_t wasted) {
    TransferProgress now;
    now.bytes = 1;
    now.figures.wasted = wasted;
    return now;
  };
  transfers_.running(file_id(id))->events->on_progress(with_waste(10));
  must(suspend(id));
  must(resume(id));
  transfers_.running(file_id(id))->events->on_progress(with_waste(3));
  EXPECT_EQ(file(id).figures.wasted, 13U);
  finish(id, 0, 100, 0, "", [](TransferResult& result) { result.figures.wasted = 5; });
  EXPECT_EQ(file(id).figures.wasted, 15U);
}

TEST_F(ManagerTest, notifies_on_transferred_and_error_until_it_is_done) {
  JobOptions options;
  options.name = "my job";
  options.notify_command = "mail";
  const std::string id = must_create(options, 1).id;
  fail_transfer(id, 0, ErrorCode::http_fatal);
  ASSERT_EQ(notifier_.told.size(), 1U);
  EXPECT_EQ(notifier_.told[0].state, "error");
  EXPECT_EQ(notifier_.told[0].error_code, "http_fatal");
  EXPECT_EQ(notifier_.told[0].job_name, "my job");
  EXPECT_EQ(notifier_.told[0].owner, kAlice.uid);
  must(resume(id));
  EXPECT_THAT(notifier_.forgotten, Contains(id));
  finish(id);
  ASSERT_EQ(notifier_.told.size(), 2U);
  EXPECT_EQ(notifier_.told[1].state, "transferred");
  EXPECT_EQ(notifier_.told[1].error_code, "");
  restart();
  ASSERT_EQ(notifier_.told.size(), 3U) << "it had not succeeded yet";
  notifier_.dones.back()();
  restart();
  EXPECT_EQ(notifier_.told.size(), 3U);
}

TEST_F(ManagerTest, a_notify_command_set_afterwards_still_runs) {
  const std::string id = must_create({}, 1).id;
  finish(id);
  EXPECT_THAT(notifier_.told, IsEmpty());
  JobChange change;
  change.notify_command = "mail";
  must(call([&](JobService::JobDone done) { manager_->change(kAlice, id, change, std::move(done)); }));
  EXPECT_EQ(notifier_.told.size(), 1U);
}

}  // namespace
}  // namespace larder::agent
