// What callers may do: limits, ownership, additions, changes, new URLs.
#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include "tests/unit/jobs/manager_fixture.h"

namespace larder::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

FileSpec url(const std::string& text) {
  FileSpec spec;
  spec.url = text;
  return spec;
}

TEST_F(ManagerTest, anothers_job_does_not_exist) {
  const std::string id = must_create({}, 1).id;
  using Call = std::function<void(Caller, JobService::JobDone)>;
  const std::vector<Call> calls = {
      [&](Caller who, JobService::JobDone done) { manager_->suspend(who, id, std::move(done)); },
      [&](Caller who, JobService::JobDone done) { manager_->resume(who, id, std::move(done)); },
      [&](Caller who, JobService::JobDone done) { manager_->change(who, id, {}, std::move(done)); },
      [&](Caller who, JobService::JobDone done) { manager_->add_files(who, id, {url("http://h/x")}, std::move(done)); },
      [&](Caller who, JobService::JobDone done) { manager_->verdict(who, id, 0, true, "", std::move(done)); },
      [&](Caller who, JobService::JobDone done) { manager_->retarget(who, id, 0, "http://h/y", std::move(done)); },
      [&](Caller who, JobService::JobDone done) { manager_->complete(who, id, std::move(done)); },
      [&](Caller who, JobService::JobDone done) { manager_->cancel(who, id, std::move(done)); },
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto result = call([&](JobService::JobDone done) { calls[i](kBob, std::move(done)); });
    ASSERT_FALSE(result) << i;
    EXPECT_EQ(result.error().code, ErrorCode::not_found) << i;
  }
  EXPECT_FALSE(manager_->find_job(kBob, id));
  EXPECT_THAT(manager_->list(kBob), IsEmpty());
  EXPECT_THAT(manager_->list(kAlice), SizeIs(1));
  EXPECT_THAT(manager_->list(kRoot), SizeIs(1));
  EXPECT_EQ(must(call([&](JobService::JobDone done) { calls[0](kRoot, std::move(done)); })).state, JobState::suspended);
  EXPECT_EQ(job(id).owner, kAlice.uid);
}

TEST_F(ManagerTest, an_unknown_job_is_answered_the_same_as_anothers) {
  const std::string id = must_create({}, 1).id;
  const auto anothers = manager_->find_job(kBob, id);
  const auto unknown = manager_->find_job(kBob, "0123456789abcdef");
  ASSERT_FALSE(anothers);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(anothers.error().detail, "there is no job " + id);
  EXPECT_EQ(unknown.error().detail, "there is no job 0123456789abcdef");
}

TEST_F(ManagerTest, numbers_are_limited_except_for_admins) {
  settings_.max_jobs = 3;
  settings_.max_jobs_per_user = 2;
  settings_.max_files_per_job = 2;
  manager_->apply(settings_);
  EXPECT_FALSE(create(kAlice, {}, {url("http://h/1"), url("http://h/2"), url("http://h/3")}));
  const std::string first = must_create({}, 1).id;
  must_create({}, 1);
  const auto third = create(kAlice, {}, {url("http://h/1")});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::limit_exceeded);
  must(create(kBob, {}, {url("http://h/1")}));
  const auto over_all = create(kBob, {}, {url("http://h/1")});
  ASSERT_FALSE(over_all);
  EXPECT_EQ(over_all.error().code, ErrorCode::limit_exceeded);
  must(create(kRoot, {}, {url("http://h/1"), url("http://h/2"), url("http://h/3")}));
  settings_.max_jobs = 4;
  manager_->apply(settings_);
  EXPECT_FALSE(create(kAlice, {}, {url("http://h/1")})) << "she has two";
  must(cancel(first));
  must(create(kAlice, {}, {url("http://h/1")}));
}

TEST_F(ManagerTest, jobs_on_their_way_into_the_database_count) {
  settings_.max_jobs_per_user = 2;
  manager_->apply(settings_);
  int made = 0;
  int refused = 0;
  for (int i = 0; i < 5; ++i) {
    manager_->create(kAlice, {}, {url("http://h/1")}, true,
                     [&](const Result<Job>& result) { result ? ++made : ++refused; });
  }
  ASSERT_TRUE(loop_.wait_for([&] { return made + refused == 5; }));
  EXPECT_EQ(made, 2);
}

TEST_F(ManagerTest, what_is_wrong_is_said_and_nothing_is_made) {
  JobOptions with_hook;
  with_hook.verdict.hook = "nothere";
  const auto unknown_hook = create(kAlice, with_hook, {url("http://h/1")});
  ASSERT_FALSE(unknown_hook);
  EXPECT_THAT(unknown_hook.error().detail, HasSubstr("scan"));
  EXPECT_FALSE(create(kAlice, {}, {url("http://h/1"), url("file:///etc/passwd")}));
  EXPECT_FALSE(create(kAlice, {}, {}, true)) << "nothing to start";
  EXPECT_THAT(manager_->list(kRoot), IsEmpty());
  EXPECT_EQ(rows("jobs"), 0U);
}

TEST_F(ManagerTest, a_job_without_files_waits_for_some) {
  const std::string id = must(create(kAlice, {}, {}, false)).id;
  const auto resumed = resume(id);
  ASSERT_FALSE(resumed);
  EXPECT_EQ(resumed.error().code, ErrorCode::invalid_state);
  EXPECT_THAT(resumed.error().detail, HasSubstr("has no files"));
  EXPECT_EQ(state(id), JobState::suspended);
  const Job added = must(
      call([&](JobService::JobDone done) { manager_->add_files(kAlice, id, {url("http://h/1")}, std::move(done)); }));
  EXPECT_EQ(added.files.size(), 1U);
  must(resume(id));
  EXPECT_EQ(state(id), JobState::connecting);
}

TEST_F(ManagerTest, files_added_at_once_keep_their_order_and_survive) {
  const std::string id = must_create({}, 1).id;
  int answered = 0;
  for (int i = 0; i < 10; ++i) {
    manager_->add_files(kAlice, id, {url(fmt::format("http://h/a{}", i)), url(fmt::format("http://h/b{}", i))},
                        [&](const Result<Job>& result) {
                          EXPECT_TRUE(result);
                          ++answered;
                        });
  }
  ASSERT_TRUE(loop_.wait_for([&] { return answered == 10; }));
  kill_manager();
  start_manager();
  ASSERT_EQ(job(id).files.size(), 21U);
  for (unsigned i = 0; i < 10; ++i) {
    EXPECT_EQ(file(id, 1 + 2 * i).spec.url, fmt::format("http://h/a{}", i));
    EXPECT_EQ(file(id, 2 + 2 * i).spec.url, fmt::format("http://h/b{}", i));
    EXPECT_EQ(file(id, 2 + 2 * i).id, file_id(id, 2 + 2 * i));
  }
}

TEST_F(ManagerTest, files_join_a_job_in_any_state) {
  const auto add = [&](const std::string& id) {
    return call(
        [&](JobService::JobDone done) { manager_->add_files(kAlice, id, {url("http://h/more")}, std::move(done)); });
  };
  const std::string running = must_create({}, 1).id;
  must(add(running));
  EXPECT_EQ(transfers_.active(), 2U);
  finish(running, 0);
  finish(running, 1);
  EXPECT_EQ(state(running), JobState::transferred);
  EXPECT_EQ(must(add(running)).state, JobState::suspended) << "as BITS: the owner resumes it";
  must(resume(running));
  finish(running, 2);
  EXPECT_EQ(state(running), JobState::transferred);

  JobOptions options;
  options.verdict.app = true;
  const std::string validating = must_create(options, 1).id;
  finish(validating, 0);
  judge(Verdict::wait_for_app);
  must(add(validating));
  EXPECT_EQ(state(validating), JobState::connecting);
  must(verdict(validating, 0, true));
  finish(validating, 1);
  judge(Verdict::wait_for_app);
  EXPECT_EQ(state(validating), JobState::validating);
}

TEST_F(ManagerTest, files_added_to_a_job_that_ends_meanwhile_leave_nothing) {
  const std::string id = must_create({}, 1).id;
  std::optional<Result<Job>> added;
  std::optional<Result<Job>> cancelled;
  manager_->add_files(kAlice, id, {url("http://h/more")}, [&](Result<Job> result) { added = std::move(result); });
  manager_->cancel(kAlice, id, [&](Result<Job> result) { cancelled = std::move(result); });
  ASSERT_TRUE(loop_.wait_for([&] { return added && cancelled; }));
  EXPECT_FALSE(*added);
  EXPECT_TRUE(*cancelled);
  EXPECT_EQ(rows("jobs") + rows("files"), 0U);
}

TEST_F(ManagerTest, changes_are_checked_and_kept) {
  const std::string id = must_create({}, 1, false).id;
  const auto change = [&](const std::function<void(JobChange&)>& set) {
    JobChange wanted;
    set(wanted);
    return call([&](JobService::JobDone done) { manager_->change(kAlice, id, wanted, std::move(done)); });
  };
  must(change([](JobChange& c) {
    c.name = "new";
    c.priority = Priority::low;
    c.max_rate = 77;
    c.retry_delay = seconds(9);
    c.no_progress_timeout = minutes(1);
    c.maximum_time = minutes(2);
    c.notify_command = "mail";
  }));
  EXPECT_FALSE(change([](JobChange& c) { c.name = "a\nb"; }));
  EXPECT_FALSE(change([](JobChange& c) { c.retry_delay = Duration::zero(); }));
  EXPECT_FALSE(change([](JobChange& c) { c.maximum_time = Duration::zero(); }));
  EXPECT_FALSE(change([](JobChange& c) { c.notify_command = "pigeon"; }));
  kill_manager();
  start_manager();
  const JobOptions& options = job(id).options;
  EXPECT_EQ(options.name, "new");
  EXPECT_EQ(options.priority, Priority::low);
  EXPECT_EQ(options.max_rate, 77U);
  EXPECT_EQ(options.retry_delay, seconds(9));
  EXPECT_EQ(options.no_progress_timeout, minutes(1));
  EXPECT_EQ(options.maximum_time, minutes(2));
  EXPECT_EQ(options.notify_command, "mail");
}

TEST_F(ManagerTest, a_new_url_of_the_same_edition_goes_on_where_it_was) {
  const std::string id = must_create({}, 1).id;
  progress(id, 0, 60, "partial");
  EXPECT_FALSE(retarget(id, 0, "http://mirror/0")) << "suspend first";
  must(suspend(id));
  must(retarget(id, 0, "http://user:pw@mirror/0"));
  EXPECT_EQ(file(id).spec.url, "http://mirror/0");
  restart();
  must(resume(id));
  ASSERT_EQ(origin_.probes.size(), 1U);
  EXPECT_EQ(origin_.probes[0].target.url.canonical(), "http://mirror/0");
  EXPECT_EQ(origin_.probes[0].target.options->password, "pw");
  EXPECT_EQ(transfers_.active(), 0U);
  origin::Edition edition;
  edition.version = {"http://mirror/0", 100, "\"e\"", ""};
  origin_.probes[0].done(edition);
  settle();
  EXPECT_TRUE(cache_did("private partial " + file_id(id) + " http://mirror/0"))
      << "bytes of two URLs are nobody else's";
  ASSERT_NE(transfers_.running(file_id(id)), nullptr);
  EXPECT_EQ(transfers_.running(file_id(id))->request.target.url.canonical(), "http://mirror/0");
  EXPECT_EQ(file(id).figures.wasted, 0U);
  must(suspend(id));
  must(resume(id));
  EXPECT_EQ(origin_.probes.size(), 1U) << "asked once";
}

TEST_F(ManagerTest, a_new_url_begins_afresh_where_others_need_what_is_there) {
  const std::string id = must_create({}, 1).id;
  progress(id, 0, 60, "partial");
  must(suspend(id));
  must(retarget(id, 0, "http://mirror/0"));
  cache_.private_error = Error{ErrorCode::busy, "go on", "others need it as it is"};
  must(resume(id));
  origin::Edition edition;
  edition.version = {"http://mirror/0", 100, "\"e\"", ""};
  origin_.probes.at(0).done(edition);
  settle();
  EXPECT_TRUE(cache_did("release partial " + file_id(id)));
  ASSERT_NE(transfers_.running(file_id(id)), nullptr);
  EXPECT_EQ(file(id).content, "");
  EXPECT_EQ(file(id).figures.wasted, 60U);
}

TEST_F(ManagerTest, a_url_that_comes_back_before_anything_came_of_another_goes_on_as_it_was) {
  const std::string id = must_create({}, 1).id;
  progress(id, 0, 60, "partial");
  const cache::Version before = *file(id).version;
  must(suspend(id));
  must(retarget(id, 0, "http://mirror/0"));
  must(retarget(id, 0, "http://host/0"));
  must(resume(id));
  origin::Edition edition;
  edition.version = before;
  origin_.probes.at(0).done(edition);
  settle();
  EXPECT_FALSE(cache_began("private partial"));
  EXPECT_EQ(file(id).content, "partial");
}

TEST_F(ManagerTest, a_new_url_of_another_edition_starts_that_file_afresh) {
  const std::string id = must_create({}, 1).id;
  progress(id, 0, 60, "partial");
  must(suspend(id));
  must(retarget(id, 0, "http://mirror/0"));
  must(resume(id));
  origin::Edition edition;
  edition.version = {"http://mirror/0", 100, "\"other\"", ""};
  origin_.probes.at(0).done(edition);
  settle();
  EXPECT_TRUE(cache_did("release partial " + file_id(id)));
  ASSERT_NE(transfers_.running(file_id(id)), nullptr);
  EXPECT_EQ(file(id).figures.wasted, 60U);
  EXPECT_EQ(file(id).content, "");
}

TEST_F(ManagerTest, a_new_url_that_cannot_be_asked_is_retried_like_any_other) {
  const std::string id = must_create({}, 1).id;
  progress(id, 0, 60, "partial");
  must(suspend(id));
  must(retarget(id, 0, "http://mirror/0"));
  must(resume(id));
  origin_.probes.at(0).done(fail(ErrorCode::connect_failed, "probe", "no"));
  settle();
  EXPECT_EQ(state(id), JobState::transient_error);
  loop_.advance(seconds(10));
  EXPECT_EQ(origin_.probes.size(), 2U) << "still to be asked";
  must(suspend(id));
  EXPECT_TRUE(origin_.probes[1].cancelled);
}

TEST_F(ManagerTest, a_new_url_cures_a_fatal_error) {
  const std::string id = must_create({}, 2).id;
  finish(id, 0);
  fail_transfer(id, 1, ErrorCode::http_fatal);
  EXPECT_FALSE(retarget(id, 0, "http://mirror/0")) << "that one is finished";
  EXPECT_FALSE(retarget(id, 1, "gopher://mirror/1"));
  EXPECT_EQ(file(id, 1).spec.url, "http://host/1");
  must(retarget(id, 1, "http://mirror/1"));
  must(resume(id));
  EXPECT_THAT(origin_.probes, IsEmpty()) << "nothing was there to go on with";
  ASSERT_NE(transfers_.running(file_id(id, 1)), nullptr);
  EXPECT_EQ(transfers_.running(file_id(id, 1))->request.target.url.canonical(), "http://mirror/1");
}

TEST_F(ManagerTest, the_list_is_newest_first) {
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(must_create({}, 1).id);
    loop_.advance(seconds(1));
  }
  std::vector<std::string> listed;
  for (const Job* each : manager_->list(kAlice)) listed.push_back(each->id);
  EXPECT_THAT(listed, ElementsAre(ids[2], ids[1], ids[0]));
}

TEST_F(ManagerTest, a_database_that_fails_is_told_and_caught_up_with) {
  const std::string id = must_create({}, 1, false).id;
  const auto run = [&](const std::string& sql) {
    bool done = false;
    database_->write(
        "test",
        [sql](SQLite::Database& db) -> Status {
          db.exec(sql);
          return {};
        },
        [&](const Status& status) {
          EXPECT_TRUE(status);
          done = true;
        });
    ASSERT_TRUE(loop_.wait_for([&] { return done; }));
  };
  run("ALTER TABLE jobs RENAME TO hidden");
  JobChange change;
  change.name = "new";
  const auto changed = call([&](JobService::JobDone done) { manager_->change(kAlice, id, change, std::move(done)); });
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::database_error);
  EXPECT_FALSE(create(kAlice, {}, {url("http://h/1")}));
  EXPECT_THAT(manager_->list(kAlice), SizeIs(1));
  run("ALTER TABLE hidden RENAME TO jobs");
  loop_.advance(seconds(6));
  static_cast<void>(rows("jobs"));
  kill_manager();
  start_manager();
  EXPECT_EQ(job(id).options.name, "new");
}

}  // namespace
}  // namespace larder::agent
