#include "agent/jobs/store/job_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "agent/jobs/job_manager.h"
#include "agent/jobs/rules/job_limits.h"
#include "agent/jobs/store/job_columns.h"
#include "agent/jobs/store/job_values.h"
#include "agent/jobs/store/upload_values.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::agent {
namespace {

// Gives every member that has a column another value than its default, a different one each time.
struct Fill {
  int next = 1;
  void operator()(const char*, std::string& value) { value = "text " + std::to_string(next++); }
  void operator()(const char*, bool& value) { value = !value; }
  void operator()(const char*, unsigned& value) { value = static_cast<unsigned>(next++); }
  void operator()(const char*, std::uint64_t& value) { value = UINT64_MAX - static_cast<std::uint64_t>(next++); }
  void operator()(const char*, Duration& value) { value = std::chrono::seconds(next++); }
  void operator()(const char*, WallTime& value) { value = from_unix_ns(1'700'000'000'000'000'000 + next++); }
  void operator()(const char*, std::optional<WallTime>& value) { (*this)("", value.emplace()); }
  void operator()(const char*, std::optional<Duration>& value) { (*this)("", value.emplace()); }
  void operator()(const char*, std::optional<std::uint64_t>& value) { (*this)("", value.emplace()); }
  void operator()(const char*, std::optional<Digest>& value) { value.emplace().fill(std::byte(next++)); }
  void operator()(const char*, std::optional<Error>& value) {
    value =
        Error{ErrorCode::tls_failed, "do " + std::to_string(next++), "detail\nof two lines", std::chrono::seconds(3)};
  }
  void operator()(const char*, std::optional<cache::Version>& value) {
    value = cache::Version{"http://host/" + std::to_string(next++), 5, "\"e\"", "date"};
  }
  void operator()(const char*, std::optional<UploadOptions>& value) {
    value = UploadOptions{origin::ProtocolWish::bits, "report-" + std::to_string(next++), true, true, true};
  }
  void operator()(const char*, std::optional<UploadFacts>& value) {
    origin::UploadProgress progress;
    progress.url = "https://host/up/" + std::to_string(next++);
    progress.offset = 7;
    value = UploadFacts{"a = b", "key", {1, 2, 3, -4, 5}, true, true, origin::UploadDialect::put, progress, true, true};
  }
  void operator()(const char*, std::vector<origin::Header>& value) { value = {{"A", "b"}, {"C", "d: e"}}; }
  void operator()(const char*, std::vector<ByteRange>& value) { value = {{1, 2}, {9, UINT64_MAX}, {UINT64_MAX, 7}}; }
  void operator()(const char*, std::vector<Mirror>& value) {
    value = {{"http://m/" + std::to_string(next++), "user", "pass word"}, {"http://n/", "", ""}};
  }
  void operator()(const char*, JobState& value) { value = JobState::transient_error; }
  void operator()(const char*, FileState& value) { value = FileState::failed; }
  void operator()(const char*, Priority& value) { value = Priority::low; }
  void operator()(const char*, origin::Privacy& value) { value = origin::Privacy::callers_proxy; }
  void operator()(const char*, origin::ConnectOptions::Http& value) { value = origin::ConnectOptions::Http::http2; }
};

// Every column as text, to compare jobs and files whole.
struct Show {
  std::string text;
  template <class T>
  void operator()(const char* name, const std::optional<T>& value) {
    if (value) return (*this)(name, *value);
    text += std::string(name) + "=none\n";
  }
  template <class T>
  void operator()(const char* name, const T& value) {
    text += std::string(name) + "=" + show(value) + "\n";
  }
  static std::string show(const std::string& value) { return value; }
  static std::string show(const Digest& value) { return to_hex(value); }
  static std::string show(const Error& value) {
    return value.text() + std::to_string(value.retry_after ? value.retry_after->count() : -1);
  }
  static std::string show(const cache::Version& v) {
    return v.url + v.etag + v.last_modified + std::to_string(*v.size);
  }
  static std::string show(const UploadOptions& value) { return encode_upload_options(value); }
  static std::string show(const UploadFacts& value) { return encode_upload(value); }
  static std::string show(WallTime value) { return std::to_string(to_unix_ns(value)); }
  static std::string show(Duration value) { return std::to_string(value.count()); }
  static std::string show(const std::vector<ByteRange>& ranges) {
    std::string all;
    for (const auto& range : ranges) all += std::to_string(range.offset) + "+" + std::to_string(range.length) + " ";
    return all;
  }
  static std::string show(const std::vector<Mirror>& mirrors) { return encode_mirrors(mirrors); }
  static std::string show(const std::vector<origin::Header>& headers) {
    std::string all;
    for (const auto& [name, value] : headers) all += name + "|" + value + "|";
    return all;
  }
  template <class Number>
  static std::string show(Number value) {
    return std::to_string(static_cast<long long>(value));
  }
};

std::string shown(const Job& job) {
  Show show;
  visit_job_identity(job, show);
  visit_job_mutable(job, show);
  for (const File& file : job.files) {
    show.text += file.id + " " + std::to_string(file.index) + "\n";
    visit_file_identity(file, show);
    visit_file_mutable(file, show);
  }
  return job.id + "\n" + show.text;
}

File filled_file(const std::string& job_id, unsigned index) {
  File file;
  file.index = index;
  file.id = job_id + "." + std::to_string(index);
  Fill fill;
  fill.next = static_cast<int>(100 + 50 * index);
  visit_file_identity(file, fill);
  visit_file_mutable(file, fill);
  return file;
}

Job filled_job(const std::string& id, unsigned files) {
  Job job;
  job.id = id;
  Fill fill;
  visit_job_identity(job, fill);
  visit_job_mutable(job, fill);
  for (unsigned i = 0; i < files; ++i) job.files.push_back(filled_file(id, i));
  return job;
}

class JobStoreTest : public testing::Test {
 protected:
  void SetUp() override { open(); }

  void open(std::size_t steps = job_schema().size()) {
    database_.reset();
    auto opened = cache::Database::open(directory_ / "larder.db", job_schema().first(steps), loop_);
    ASSERT_TRUE(opened) << opened.error().text();
    database_ = std::move(*opened);
    store_ = std::make_unique<JobStore>(*database_);
  }
  template <class Call>
  Status wait(Call call) {
    std::optional<Status> answer;
    call([&](Status status) { answer = std::move(status); });
    EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
    return answer.value_or(fail(ErrorCode::internal, "wait", "no answer"));
  }
  Status insert(const Job& job) {
    return wait([&](JobStore::Done done) { store_->insert(job, std::move(done)); });
  }
  Status save(JobStore::Changes changes) {
    return wait([&](JobStore::Done done) {
      store_->save(std::make_shared<JobStore::Changes>(std::move(changes)), std::move(done));
    });
  }
  Result<JobStore::Loaded> load() {
    std::optional<Result<JobStore::Loaded>> answer;
    store_->load([&](Result<JobStore::Loaded> loaded) { answer = std::move(loaded); });
    EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
    return std::move(*answer);
  }
  Status sql(const std::string& text) {
    return wait([&](JobStore::Done done) {
      database_->write(
          "test",
          [text](SQLite::Database& db) -> Status {
            db.exec(text);
            return {};
          },
          std::move(done));
    });
  }

  test::TempDirectory directory_;
  test::VirtualLoop loop_;
  std::unique_ptr<cache::Database> database_;
  std::unique_ptr<JobStore> store_;
};

TEST_F(JobStoreTest, every_member_survives) {
  const Job job = filled_job("00000000000000aa", 3);
  ASSERT_TRUE(insert(job));
  open();
  const auto loaded = load();
  ASSERT_TRUE(loaded) << loaded.error().text();
  ASSERT_EQ(loaded->jobs.size(), 1U);
  EXPECT_EQ(shown(loaded->jobs[0]), shown(job));
  EXPECT_EQ(loaded->jobs[0].options.connect.password, job.options.connect.password);
}

TEST_F(JobStoreTest, members_without_a_value_survive) {
  Job job;
  job.id = "00000000000000ab";
  job.files.resize(1);
  job.files[0].id = job.id + ".0";
  ASSERT_TRUE(insert(job));
  const auto loaded = load();
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(shown(loaded->jobs.at(0)), shown(job));
}

TEST_F(JobStoreTest, changes_are_written_together) {
  Job job = filled_job("00000000000000ac", 2);
  Job other = filled_job("00000000000000ad", 1);
  Job third = filled_job("00000000000000ae", 1);
  for (const Job& each : {job, other, third}) ASSERT_TRUE(insert(each));
  job.state = JobState::transferring;
  job.options.name = "another";
  job.error.reset();
  job.files[1].state = FileState::transferred;
  job.files[1].spec.url = "http://new/";
  job.files[1].figures = {1, 2, 3, 4};
  JobStore::Changes changes;
  changes.jobs.push_back(job);
  changes.jobs.back().files.clear();
  changes.files.emplace_back(job.id, job.files[1]);
  changes.removed.push_back(other.id);
  Counters counters{{1, 2, 3, 4}, 5, 6, 7, 8};
  changes.counters = counters;
  ASSERT_TRUE(save(std::move(changes)));
  open();
  const auto loaded = load();
  ASSERT_TRUE(loaded) << loaded.error().text();
  ASSERT_EQ(loaded->jobs.size(), 2U);
  EXPECT_EQ(shown(loaded->jobs[0]), shown(job));
  EXPECT_EQ(shown(loaded->jobs[1]), shown(third));
  EXPECT_TRUE(loaded->counters == counters);
}

TEST_F(JobStoreTest, rows_that_are_gone_stay_gone) {
  const Job job = filled_job("00000000000000af", 1);
  JobStore::Changes changes;
  changes.jobs.push_back(job);
  changes.files.emplace_back(job.id, job.files[0]);
  ASSERT_TRUE(save(std::move(changes)));
  ASSERT_TRUE(wait([&](JobStore::Done done) { store_->insert_files(job.id, job.files, std::move(done)); }));
  EXPECT_TRUE(load()->jobs.empty());
}

TEST_F(JobStoreTest, more_files_can_be_added) {
  Job job = filled_job("00000000000000b0", 2);
  ASSERT_TRUE(insert(job));
  const std::vector<File> more = {filled_file(job.id, 2), filled_file(job.id, 3)};
  ASSERT_TRUE(wait([&](JobStore::Done done) { store_->insert_files(job.id, more, std::move(done)); }));
  job.files.insert(job.files.end(), more.begin(), more.end());
  EXPECT_EQ(shown(load()->jobs.at(0)), shown(job));
}

TEST_F(JobStoreTest, a_row_that_is_not_understood_is_an_error_and_nothing_is_lost) {
  ASSERT_TRUE(insert(filled_job("00000000000000b1", 1)));
  ASSERT_TRUE(sql("UPDATE jobs SET state = 'dreaming'"));
  const auto loaded = load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::database_error);
  EXPECT_THAT(loaded.error().detail, testing::HasSubstr("column state"));
  ASSERT_TRUE(sql("UPDATE jobs SET state = 'queued'"));
  ASSERT_TRUE(sql("UPDATE files SET idx = 7"));
  EXPECT_FALSE(load());
  ASSERT_TRUE(sql("UPDATE files SET idx = 0, job = 'zz'"));
  EXPECT_FALSE(load());
}

class JobSecretsTest : public JobStoreTest {
 protected:
  // In the files as they are now, while the agent runs.
  static bool kept(const test::TempDirectory& directory) {
    return std::any_of(kFiles.begin(), kFiles.end(), [&](const char* name) {
      return test::read_file(directory / name).find("MARKER") != std::string::npos;
    });
  }
  bool gone(const test::TempDirectory& directory, cache::Database& database) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (kept(directory) && std::chrono::steady_clock::now() < end) {
      bool answered = false;
      database.peek<bool>(
          "wait", [](SQLite::Database&) -> Result<bool> { return true; },
          [&](const Result<bool>&) { answered = true; });
      EXPECT_TRUE(loop_.wait_for([&] { return answered; }));
    }
    return !kept(directory);
  }
  Job secret_job(const std::string& id) {
    Job job = filled_job(id, 2);
    auto& connect = job.options.connect;
    connect.headers = {{"Authorization", "Bearer MARKER-header"}};
    connect.password = "MARKER-password";
    connect.proxy_password = "MARKER-proxy";
    connect.client_key = std::string(20'000, 'k') + "MARKER-key";  // of several pages
    job.files[0].spec.password = "MARKER-of-url";
    job.files[1].spec.url = "https://host/f?sig=MARKER-signed";
    return job;
  }
  Status change(const Job& job) {
    JobStore::Changes changes;
    changes.jobs.push_back(job);
    for (const File& file : job.files) changes.files.emplace_back(job.id, file);
    return save(std::move(changes));
  }
  static constexpr std::array kFiles = {"larder.db", "larder.db-wal", "larder.db-shm"};
};

TEST_F(JobSecretsTest, of_a_job_that_is_gone_leave_the_files_while_the_agent_runs) {
  Job job = secret_job("00000000000000c1");
  const Job other = filled_job("00000000000000c2", 1);
  ASSERT_TRUE(insert(job));
  ASSERT_TRUE(insert(other));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(change(job));  // each leaves pages of its own in the log
  EXPECT_TRUE(kept(directory_));
  JobStore::Changes changes;
  changes.removed.push_back(job.id);
  ASSERT_TRUE(save(std::move(changes)));
  EXPECT_TRUE(gone(directory_, *database_));
  EXPECT_EQ(shown(load()->jobs.at(0)), shown(other));
}

TEST_F(JobSecretsTest, that_another_url_replaced_leave_the_files) {
  Job job = secret_job("00000000000000c3");
  job.options.connect = {};
  ASSERT_TRUE(insert(job));
  EXPECT_TRUE(kept(directory_));
  job.files[0].spec.password.clear();
  job.files[1].spec.url = "https://host/f";
  JobStore::Changes changes;
  for (const File& file : job.files) changes.files.emplace_back(job.id, file);
  changes.secrets_overwritten = true;
  ASSERT_TRUE(save(std::move(changes)));
  EXPECT_TRUE(gone(directory_, *database_));
}

TEST_F(JobSecretsTest, that_a_killed_run_had_no_time_for_leave_the_files_at_the_next_start) {
  const Job job = secret_job("00000000000000c4");
  ASSERT_TRUE(insert(job));
  JobStore::Changes changes;
  changes.removed.push_back(job.id);
  ASSERT_TRUE(save(std::move(changes)));
  // As after kill -9: the files as they are at this moment, opened by another run.
  const test::TempDirectory later;
  for (const char* name : {"larder.db", "larder.db-wal"})
    test::write_file(later / name, test::read_file(directory_ / name));
  ASSERT_NE(test::read_file(later / "larder.db-wal").find("MARKER"), std::string::npos);
  auto opened = cache::Database::open(later / "larder.db", job_schema(), loop_);
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_TRUE(gone(later, **opened));
}

class OlderJobStoreTest : public JobStoreTest {
 protected:
  void SetUp() override { open(2); }  // the schema of a version that kept a file's name
};

TEST_F(OlderJobStoreTest, a_name_of_a_file_stays_what_it_was) {
  ASSERT_TRUE(
      sql("INSERT INTO jobs (id, owner, created, minisign_public_key, minisign_signature, hook, app, headers, user, "
          "password, proxy, proxy_user, proxy_password, ca_file, client_certificate, client_key, "
          "client_key_password, http, max_file_size, parallel_ranges, use_cache, store, redirect_loopback, name, "
          "priority, state, notify_command) VALUES ('00000000000000b3', 1000, 0, '', '', '', 0, '', '', '', '', '', "
          "'', '/old/ca.pem', '', '', '', 0, 0, 1, 1, 1, 0, 'n', 'normal', 'suspended', '')"));
  open();
  const auto loaded = load();
  ASSERT_TRUE(loaded) << loaded.error().text();
  ASSERT_EQ(loaded->jobs.size(), 1U);
  EXPECT_TRUE(names_ca_file(loaded->jobs[0].options.connect));
}

TEST_F(JobStoreTest, secrets_are_for_the_agent_alone) {
  ASSERT_TRUE(insert(filled_job("00000000000000b2", 1)));
  for (const char* name : {"larder.db", "larder.db-wal"}) {
    struct stat facts {};
    ASSERT_EQ(stat((directory_ / name).c_str(), &facts), 0) << name;
    EXPECT_EQ(facts.st_mode & 0777, 0600U) << name;
  }
}

}  // namespace
}  // namespace larder::agent
