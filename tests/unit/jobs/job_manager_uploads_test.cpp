// Jobs that upload: creation and repeats, states, steps that are durable, restarts, what is refused. The requests are a
// fake's (FakeUploads); sources are real files.
#include <fcntl.h>

#include <fstream>

#include "manager_fixture.h"

namespace larder::agent {
namespace {

class UploadJobsTest : public ManagerTest {
 protected:
  UniqueFd open_source(const std::string& name, const std::string& text = "", int flags = O_RDONLY) {
    const std::string path = directory_ / name;
    if (!text.empty()) std::ofstream(path) << text;
    return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC));
  }
  struct Made {
    Result<Job> job = fail(ErrorCode::internal, "wait", "no answer");
    bool was_there = false;
  };
  Made put(std::vector<std::string> names, UploadOptions wanted = {}, Caller who = {1000}) {
    std::vector<UploadSpec> files;
    for (const std::string& name : names) {
      UploadSpec file;
      file.file.url = "https://upload.test/in/" + name;
      file.name = name;
      file.source = open_source(name);
      files.push_back(std::move(file));
    }
    return put_files(std::move(files), std::move(wanted), who);
  }
  Made put_files(std::vector<UploadSpec> files, UploadOptions wanted = {}, Caller who = {1000}) {
    JobOptions options;
    options.upload = std::move(wanted);
    std::optional<Made> made;
    manager_->create_upload(who, std::move(options), std::move(files), true, [&](Result<Job> job, bool was_there) {
      made = Made{std::move(job), was_there};
    });
    EXPECT_TRUE(loop_.wait_for([&] { return made.has_value(); }));
    return std::move(*made);
  }
  // Waits for the start of an upload: its source is opened on the pool.
  FakeUploads::Started& begun(const std::string& key) {
    EXPECT_TRUE(loop_.wait_for([&] { return uploads_.running(key) != nullptr; })) << key;
    return *uploads_.running(key);
  }
  const Job& job(const std::string& id) { return **manager_->find_job({0, true}, id); }
  // A step of the upload; true once it is durable.
  bool step(FakeUploads::Started& upload, const origin::UploadProgress& progress,
            origin::UploadDialect dialect = origin::UploadDialect::tus) {
    bool stored = false;
    upload.events->on_step(progress, dialect, [&] { stored = true; });
    EXPECT_FALSE(stored) << "told to be durable before it was written";
    return loop_.wait_for([&] { return stored; });
  }
  void finish_upload(FakeUploads::Started& upload, bool confirmed = true) {
    origin::UploadResult result;
    result.status = 201;
    result.confirmed = confirmed;
    upload.running = false;
    upload.events->on_done(result);
    settle();
  }
  ErrorCode refusal(const std::function<void(JobService::JobDone)>& call) {
    std::optional<Result<Job>> answer;
    call([&](Result<Job> job) { answer = std::move(job); });
    EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
    return *answer ? ErrorCode::internal : answer->error().code;
  }
};

TEST_F(UploadJobsTest, an_upload_goes_through_its_states) {
  static_cast<void>(open_source("a", "hello"));
  const Made made = put({"a"});
  ASSERT_TRUE(made.job) << made.job.error().text();
  EXPECT_FALSE(made.was_there);
  const std::string id = made.job->id;
  auto& upload = begun(id + ".0");
  EXPECT_EQ(upload.job.plan.size, 5U);
  EXPECT_EQ(upload.job.plan.name, "a");
  EXPECT_FALSE(upload.job.plan.key_repeated);
  EXPECT_EQ(job(id).state, JobState::connecting);
  upload.events->on_connected();
  EXPECT_EQ(job(id).state, JobState::transferring);
  upload.events->on_progress({2, 1, 3, false});
  EXPECT_EQ(job(id).files[0].bytes, 3U);
  upload.events->on_progress({2, 3, 5, true});
  settle();
  EXPECT_EQ(job(id).state, JobState::validating) << "the server settles it";
  finish_upload(upload);
  EXPECT_EQ(job(id).state, JobState::transferred);
  EXPECT_TRUE(job(id).files[0].upload->confirmed);
  EXPECT_EQ(job(id).files[0].bytes, 5U);
}

TEST_F(UploadJobsTest, a_repeat_is_the_same_job_until_it_is_over) {
  static_cast<void>(open_source("a", "hello"));
  const std::string id = put({"a"}).job->id;
  const Made again = put({"a"});
  ASSERT_TRUE(again.job);
  EXPECT_TRUE(again.was_there);
  EXPECT_EQ(again.job->id, id);
  EXPECT_NE(put({"a"}, {}, {1001}).job->id, id) << "another user's";
  static_cast<void>(open_source("a", "hello, changed"));
  EXPECT_NE(put({"a"}).job->id, id) << "another content";
}

TEST_F(UploadJobsTest, two_at_once_are_one) {
  static_cast<void>(open_source("a", "hello"));
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    std::vector<UploadSpec> files(1);
    files[0].file.url = "https://upload.test/in/a";
    files[0].name = "a";
    files[0].source = open_source("a");
    JobOptions options;
    options.upload.emplace();
    manager_->create_upload({1000}, std::move(options), std::move(files), true,
                            [&](Result<Job> job, bool) { ids.push_back(job ? job->id : job.error().text()); });
  }
  ASSERT_TRUE(loop_.wait_for([&] { return ids.size() == 3; }));
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[0], ids[2]);
}

TEST_F(UploadJobsTest, a_transaction_names_the_upload) {
  static_cast<void>(open_source("a", "hello"));
  UploadOptions wanted;
  wanted.transaction = "report-7";
  const Made made = put({"a"}, wanted);
  ASSERT_TRUE(made.job);
  EXPECT_TRUE(begun("report-7").job.plan.key_repeated);
  EXPECT_TRUE(put({"a"}, wanted).was_there);
  static_cast<void>(open_source("a", "another file"));
  const Made other = put({"a"}, wanted);
  ASSERT_FALSE(other.job);
  EXPECT_EQ(other.job.error().code, ErrorCode::already_exists);
  EXPECT_FALSE(put({"a"}).was_there) << "without it, it is another upload";
  static_cast<void>(open_source("b", "b"));
  ASSERT_TRUE(put({"a", "b"}, wanted).job);
  EXPECT_EQ(begun("report-7.1").job.plan.name, "b");
}

TEST_F(UploadJobsTest, a_step_is_durable_before_it_is_carried_out) {
  static_cast<void>(open_source("a", "hello"));
  const std::string id = put({"a"}).job->id;
  origin::UploadProgress progress;
  progress.url = "https://upload.test/up/1";
  progress.last_byte_sent = true;
  ASSERT_TRUE(step(begun(id + ".0"), progress));
  kill_manager();
  start_manager();
  const File& file = job(id).files[0];
  ASSERT_TRUE(file.upload);
  EXPECT_EQ(file.upload->progress, progress);
  EXPECT_TRUE(file.upload->began);
  EXPECT_EQ(file.upload->dialect, origin::UploadDialect::tus);
}

TEST_F(UploadJobsTest, after_a_restart_it_waits_for_its_source_and_the_same_command_gives_it) {
  static_cast<void>(open_source("a", "hello"));
  const std::string id = put({"a"}).job->id;
  origin::UploadProgress progress;
  progress.url = "https://upload.test/up/1";
  progress.offset = 2;
  ASSERT_TRUE(step(begun(id + ".0"), progress));
  uploads_.all.back().running = false;
  kill_manager();
  start_manager();
  EXPECT_EQ(job(id).state, JobState::suspended);
  EXPECT_NE(job(id).files[0].note.find("repeat the command"), std::string::npos);
  EXPECT_EQ(refusal([&](auto done) { manager_->resume({1000}, id, std::move(done)); }), ErrorCode::invalid_state);
  const Made again = put({"a"});
  ASSERT_TRUE(again.job);
  EXPECT_TRUE(again.was_there);
  EXPECT_EQ(again.job->id, id);
  EXPECT_EQ(begun(id + ".0").job.progress, progress) << "it goes on where it stood";
}

TEST_F(UploadJobsTest, a_spooled_source_outlives_a_restart) {
  static_cast<void>(open_source("a", "hello"));
  UploadOptions wanted;
  wanted.spool = true;
  const std::string id = put({"a"}, wanted).job->id;
  begun(id + ".0").running = false;
  settle();
  ASSERT_TRUE(job(id).files[0].upload->snapshot);
  static_cast<void>(open_source("a", "changed since"));
  loop_.advance(std::chrono::seconds(1));
  ASSERT_TRUE(loop_.wait_for([&] { return job(id).state == JobState::connecting; }));
  std::optional<Status> stopped;
  manager_->stop([&](Status status) { stopped = std::move(status); });
  ASSERT_TRUE(loop_.wait_for([&] { return stopped.has_value(); }));
  kill_manager();
  start_manager();
  auto& upload = begun(id + ".0");
  std::array<std::byte, 16> bytes{};
  const auto got = upload.job.source->read(0, bytes);
  ASSERT_TRUE(got);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), *got), "hello");
}

TEST_F(UploadJobsTest, a_failure_that_may_pass_is_retried_also_while_the_server_settles) {
  static_cast<void>(open_source("a", "hello"));
  const std::string id = put({"a"}).job->id;
  for (const bool sent_all : {false, true}) {
    auto& upload = begun(id + ".0");
    upload.events->on_connected();
    if (sent_all) upload.events->on_progress({0, 5, 5, true});
    settle();
    upload.running = false;
    upload.events->on_done(fail(ErrorCode::connection_lost, "upload", "cut"));
    settle();
    EXPECT_EQ(job(id).state, JobState::transient_error) << sent_all;
    loop_.advance(std::chrono::seconds(60));
  }
  finish_upload(begun(id + ".0"));
  EXPECT_EQ(job(id).state, JobState::transferred);
}

TEST_F(UploadJobsTest, a_final_error_leaves_the_other_file_unharmed) {
  static_cast<void>(open_source("a", "hello"));
  static_cast<void>(open_source("b", "world"));
  const std::string id = put({"a", "b"}).job->id;
  auto& first = begun(id + ".0");
  auto& second = begun(id + ".1");
  first.running = false;
  first.events->on_done(fail(ErrorCode::source_changed, "upload a", "its size"));
  settle();
  EXPECT_TRUE(second.running);
  finish_upload(second);
  EXPECT_EQ(job(id).state, JobState::error);
  EXPECT_EQ(job(id).error->code, ErrorCode::source_changed);
  EXPECT_EQ(job(id).files[1].state, FileState::transferred);
}

TEST_F(UploadJobsTest, suspend_stops_also_what_the_server_settles) {
  static_cast<void>(open_source("a", "hello"));
  const std::string id = put({"a"}).job->id;
  auto& upload = begun(id + ".0");
  upload.events->on_connected();
  upload.events->on_progress({0, 5, 5, true});
  settle();
  ASSERT_EQ(job(id).state, JobState::validating);
  std::optional<Result<Job>> done;
  manager_->suspend({1000}, id, [&](Result<Job> answer) { done = std::move(answer); });
  ASSERT_TRUE(loop_.wait_for([&] { return done.has_value(); }));
  EXPECT_FALSE(upload.running);
  EXPECT_EQ(job(id).files[0].state, FileState::waiting);
}

TEST_F(UploadJobsTest, what_belongs_to_downloads_is_refused) {
  static_cast<void>(open_source("a", "hello"));
  const std::string id = put({"a"}).job->id;
  const Caller who{1000};
  auto& m = *manager_;
  EXPECT_EQ(refusal([&](auto done) { m.verdict(who, id, 0, true, "", std::move(done)); }), ErrorCode::invalid_state);
  EXPECT_EQ(refusal([&](auto done) { m.retarget(who, id, 0, "https://b.test/", std::move(done)); }),
            ErrorCode::invalid_state);
  EXPECT_EQ(refusal([&](auto done) { m.add_files(who, id, {}, std::move(done)); }), ErrorCode::invalid_state);
  EXPECT_EQ(refusal([&](auto done) { m.complete(who, id, std::move(done)); }), ErrorCode::invalid_state);
  finish_upload(begun(id + ".0"));
  std::optional<Result<Job>> completed;
  m.complete(who, id, [&](Result<Job> answer) { completed = std::move(answer); });
  ASSERT_TRUE(loop_.wait_for([&] { return completed.has_value(); }));
  ASSERT_TRUE(*completed) << completed->error().text();
  EXPECT_EQ((*completed)->state, JobState::acknowledged);
}

TEST_F(UploadJobsTest, only_regular_files_opened_for_reading_alone_are_taken) {
  static_cast<void>(open_source("a", "hello"));
  const auto refused = [&](UniqueFd source) {
    std::vector<UploadSpec> files(1);
    files[0].file.url = "https://upload.test/in/a";
    files[0].source = std::move(source);
    const Made made = put_files(std::move(files));
    return !made.job && made.job.error().code == ErrorCode::invalid_argument;
  };
  EXPECT_TRUE(refused(open_source("a", "", O_RDWR)));
  EXPECT_TRUE(refused(open_source("a", "", O_WRONLY)));
  EXPECT_TRUE(refused(open_source("a", "", O_PATH)));
  EXPECT_TRUE(refused(UniqueFd(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC))));
  EXPECT_TRUE(refused(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
  EXPECT_TRUE(refused(UniqueFd()));
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd other(ends[1]);
  EXPECT_TRUE(refused(UniqueFd(ends[0])));
}

TEST_F(UploadJobsTest, a_cancelled_upload_is_told_to_the_server_until_it_answers) {
  static_cast<void>(open_source("a", "hello"));
  const std::string id = put({"a"}).job->id;
  origin::UploadProgress progress;
  progress.url = "https://upload.test/up/1";
  ASSERT_TRUE(step(begun(id + ".0"), progress));
  std::optional<Result<Job>> done;
  manager_->cancel({1000}, id, [&](Result<Job> answer) { done = std::move(answer); });
  ASSERT_TRUE(loop_.wait_for([&] { return done.has_value(); }));
  ASSERT_EQ(uploads_.cancelled.size(), 1U);
  EXPECT_EQ(uploads_.cancelled[0].job.progress.url, progress.url);
  EXPECT_EQ(uploads_.cancelled[0].job.source, nullptr);
  uploads_.cancelled[0].done(false);
  loop_.advance(std::chrono::minutes(1));
  ASSERT_EQ(uploads_.cancelled.size(), 2U) << "asked again";
  uploads_.cancelled[1].done(true);
  loop_.advance(std::chrono::hours(30));
  EXPECT_EQ(uploads_.cancelled.size(), 2U);
}

TEST_F(UploadJobsTest, rate_and_priority_reach_what_runs) {
  static_cast<void>(open_source("a", "hello"));
  const std::string id = put({"a"}).job->id;
  auto& upload = begun(id + ".0");
  JobChange change;
  change.max_rate = 5000;
  std::optional<Result<Job>> done;
  manager_->change({1000}, id, change, [&](Result<Job> answer) { done = std::move(answer); });
  ASSERT_TRUE(loop_.wait_for([&] { return done.has_value(); }));
  EXPECT_EQ(upload.rate, 5000U);
}

}  // namespace
}  // namespace larder::agent
