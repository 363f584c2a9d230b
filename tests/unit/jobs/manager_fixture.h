// A JobManager with a real database and everything else in the hands of the test: transfers run when it says so.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/jobs/job_manager.h"
#include "agent/uploads/source_shelf.h"
#include "base/runtime/worker_pool.h"
#include "cache/cache.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::agent {

// Transfers that do nothing of their own.
class FakeTransfers final : public Transfers {
 public:
  struct Started {
    TransferId id = 0;
    TransferRequest request;
    std::shared_ptr<TransferEvents> events;
    bool running = true;
    std::uint64_t rate = 0;
  };

  TransferId start(TransferRequest request, std::shared_ptr<TransferEvents> events) override;
  void stop(TransferId id) override;
  void set_rate(TransferId id, std::uint64_t bytes_per_second) override;
  void judged_bad(cache::Version version, const cache::ContentId& content, const cache::ContentId& fresh,
                  UniqueFunction<void()> done) override {
    judged.push_back({std::move(version), content, fresh});
    done();
  }
  std::size_t active() const override;

  Started* running(const std::string& file_id);  // null where none is
  std::vector<std::string> running_files() const;

  std::deque<Started> all;
  struct Judged {
    cache::Version version;
    cache::ContentId content, fresh;
  };
  std::vector<Judged> judged;  // bad
};

class FakeJudge final : public Judge {
 public:
  struct Asked {
    VerdictPolicy policy;
    Facts facts;
    UniqueFunction<void(Result<Judgement>)> done;
  };
  void judge(VerdictPolicy policy, Facts facts, std::shared_ptr<cache::ContentLease> content,
             UniqueFunction<void(Result<Judgement>)> done) override;
  void set_hooks(std::vector<Hook>) override {}
  bool has_hook(const std::string&) const override { return true; }

  std::deque<Asked> asked;
};

// Uploads that do nothing of their own.
class FakeUploads final : public origin::Uploads {
 public:
  struct Started {
    origin::UploadId id = 0;
    origin::UploadJob job;
    std::shared_ptr<origin::UploadEvents> events;
    bool running = true;
    std::uint64_t rate = 0;
  };

  origin::UploadId start(origin::UploadJob job, std::shared_ptr<origin::UploadEvents> events) override;
  void stop(origin::UploadId id) override;
  void set_rate(origin::UploadId id, std::uint64_t bytes_per_second) override;
  void cancel(origin::UploadJob job, UniqueFunction<void(bool)> done) override {
    cancelled.push_back({std::move(job), std::move(done)});
  }
  Started* running(const std::string& key);  // null where none is

  std::deque<Started> all;
  struct Cancelled {
    origin::UploadJob job;
    UniqueFunction<void(bool)> done;
  };
  std::deque<Cancelled> cancelled;
};

// Says yes to everything and notes it: "drop c1", "release c1 job.0".
class FakeCache final : public cache::Cache {
 public:
  explicit FakeCache(Executor& loop) : loop_(loop) {}
  std::vector<std::string> log;
  std::map<std::string, Error> open_errors;  // by content
  std::optional<Error> drop_error;
  std::optional<Error> private_error;                           // of go_on_privately
  std::optional<Error> aside_error;                             // of set_aside
  std::map<std::string, std::vector<cache::ContentInfo>> held;  // by holder
  Digest digest{};
  std::optional<cache::CacheFigures> disk;          // what figures() tells
  std::map<std::string, cache::ContentInfo> infos;  // what get() tells

  void find_version(const cache::Version&, cache::Done<std::optional<cache::ContentInfo>> done) override { none(done); }
  void find_by_sha256(const Digest&, cache::Done<std::optional<cache::ContentInfo>> done) override { none(done); }
  void find_newest(const std::string&, cache::Done<std::optional<cache::ContentInfo>> done) override { none(done); }
  void get(const cache::ContentId& id, cache::Done<cache::ContentInfo> done) override {
    const auto found = infos.find(id);
    if (found == infos.end()) return refuse(done);
    answer<cache::ContentInfo>(done, found->second);
  }
  void find_known(const std::string& url, const std::string& holder, cache::Done<Known> done) override;
  void create(Create, cache::Done<std::unique_ptr<cache::ContentWriter>> done) override { refuse(done); }
  void resume(const cache::ContentId&, cache::Done<std::unique_ptr<cache::ContentWriter>> done) override {
    refuse(done);
  }
  void open(const cache::ContentId& id, cache::Done<std::shared_ptr<cache::ContentLease>> done) override;
  void open_partial(const cache::ContentId& id, cache::Done<std::shared_ptr<cache::ContentLease>> done) override;
  void compute_sha256(const cache::ContentId& id, cache::Done<Digest> done) override;
  void get_for(const cache::ContentId& id, std::uint32_t, cache::Done<cache::ContentInfo> done) override {
    get(id, std::move(done));
  }
  void hold(const cache::ContentId& id, const cache::Holder& holder, cache::Done<void> done) override {
    note("hold " + id + " " + holder.id, done);
  }
  void release(const cache::ContentId& id, const std::string& holder, cache::Done<void> done) override {
    note("release " + id + " " + holder, done);
  }
  void release_all_but(std::vector<std::string> alive, cache::Done<void> done) override;
  void mark_validated(const cache::ContentId& id, cache::Done<void> done) override { note("valid " + id, done); }
  void share_by_digest(const cache::ContentId& id, cache::Done<void> done) override { note("by_digest " + id, done); }
  void drop(const cache::ContentId& id, cache::Done<void> done) override;
  void set_aside(const cache::ContentId& id, const cache::Version& version, cache::Done<void> done) override {
    log.push_back("set_aside " + id + " " + version.url);
    answer<void>(done, aside_error ? Status(tl::unexpected<Error>(*aside_error)) : Status{});
  }
  void set_aside_own(const cache::ContentId& id, const std::string& holder, cache::Done<void> done) override {
    note("aside_own " + id + " " + holder, done);
  }
  void go_on_privately(const cache::ContentId& id, const std::string& holder, const cache::Version& version,
                       cache::Done<void> done) override;
  void set_attestations(const cache::ContentId& id, Vouching, cache::Done<void> done) override {
    note("set_attestations " + id, done);
  }
  void pin(const cache::ContentId& id, bool pinned, cache::Done<void> done) override {
    note(std::string(pinned ? "pin " : "unpin ") + id, done);
  }
  void remove(const cache::ContentId&, cache::Done<void> done) override { refuse(done); }
  void remove_url(const std::string&, cache::Done<std::uint64_t> done) override { refuse(done); }
  void clear(cache::Done<std::uint64_t> done) override { refuse(done); }
  void list(cache::ListQuery, cache::Done<std::vector<cache::ContentInfo>> done) override { refuse(done); }
  void segments(const cache::ContentId&, cache::Done<std::vector<cache::SegmentInfo>> done) override { refuse(done); }
  void leaves(const cache::ContentId&, SegmentIndex, std::uint64_t, cache::Done<std::vector<Digest>> done) override {
    refuse(done);
  }
  void offerable(const cache::ContentId&, std::size_t, cache::Done<std::vector<Offerable>> done) override {
    refuse(done);
  }
  void observe(std::function<void(const cache::ContentId&)>) override {}
  void figures(cache::Done<cache::CacheFigures> done) override {
    if (!disk) return refuse(done);
    answer<cache::CacheFigures>(done, *disk);
  }
  void apply(const cache::CacheSettings&) override {}
  void start_maintenance() override {}

 private:
  template <class T>
  void answer(cache::Done<T>& done, Result<T> result) {
    loop_.post([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
  }
  void note(std::string text, cache::Done<void>& done) {
    log.push_back(std::move(text));
    answer<void>(done, Status{});
  }
  void none(cache::Done<std::optional<cache::ContentInfo>>& done) {
    answer<std::optional<cache::ContentInfo>>(done, std::optional<cache::ContentInfo>());
  }
  template <class T>
  void refuse(cache::Done<T>& done) {
    answer<T>(done, fail(ErrorCode::internal, "test", "not expected of the cache"));
  }
  Executor& loop_;
};

class FakeOrigin final : public origin::Origin {
 public:
  struct Probe {
    origin::Target target;
    UniqueFunction<void(Result<origin::Edition>)> done;
    bool cancelled = false;
  };
  origin::FetchId probe(const origin::Target& target, UniqueFunction<void(Result<origin::Edition>)> done) override {
    probes.push_back({target, std::move(done)});
    return probes.size();
  }
  origin::FetchId fetch(const origin::Fetch&, std::shared_ptr<origin::FetchEvents>) override { return 0; }
  void cancel(origin::FetchId id) override { probes.at(id - 1).cancelled = true; }
  void consumed(origin::FetchId, std::size_t) override {}
  void set_rate(origin::FetchId, std::uint64_t) override {}
  std::deque<Probe> probes;
};

class FakeNotifier final : public Notifier {
 public:
  void notify(Notification what, UniqueFunction<void()> done) override {
    told.push_back(what);
    dones.push_back(std::move(done));
  }
  void forget(const std::string& job_id) override { forgotten.push_back(job_id); }
  std::vector<std::string> command_names() const override { return {"mail"}; }
  std::vector<Notification> told;
  std::deque<UniqueFunction<void()>> dones;
  std::vector<std::string> forgotten;
};

constexpr Caller kAlice{1000, false};
constexpr Caller kBob{1001, false};
constexpr Caller kRoot{0, true};

class ManagerTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  void start_manager();
  void restart();       // in an orderly way
  void kill_manager();  // without a word

  // Makes the call, waits for its answer (virtual time stands still).
  Result<Job> call(const std::function<void(JobService::JobDone)>& make);
  Result<Job> create(Caller who, JobOptions options, std::vector<FileSpec> files, bool start = true);
  Job must_create(JobOptions options, unsigned files, bool start = true);  // of Alice, http://host/0, 1, …
  Job must(Result<Job> result);
  Result<Job> suspend(const std::string& id);
  Result<Job> resume(const std::string& id);
  Result<Job> cancel(const std::string& id);
  Result<Job> complete(const std::string& id);
  Result<Job> verdict(const std::string& id, unsigned file, bool valid, const std::string& reason = "");
  Result<Job> retarget(const std::string& id, unsigned file, const std::string& url);

  const Job& job(const std::string& id);  // fails the test where it is not there
  JobState state(const std::string& id) { return job(id).state; }
  const File& file(const std::string& id, unsigned index = 0) { return job(id).files.at(index); }
  std::size_t rows(const std::string& table);  // in the database, once all is written

  static std::string file_id(const std::string& job_id, unsigned index = 0);
  void progress(const std::string& job_id, unsigned index, std::uint64_t bytes, const std::string& content = "c");
  // Ends the transfer: `size` bytes, of which `cached` came from the cache.
  void finish(const std::string& job_id, unsigned index = 0, std::uint64_t size = 100, std::uint64_t cached = 0,
              const std::string& content = "", const std::function<void(TransferResult&)>& change = {});
  void fail_transfer(const std::string& job_id, unsigned index, ErrorCode code,
                     std::optional<std::chrono::seconds> retry_after = std::nullopt);
  void judge(Verdict verdict, ErrorCode code = ErrorCode::validation_failed);  // answers the oldest question
  void settle() { loop_.run_ready(); }
  [[nodiscard]] bool cache_did(const std::string& what) const;
  [[nodiscard]] bool cache_began(const std::string& what) const;  // some entry of its log begins so

  test::TempDirectory directory_;
  test::VirtualLoop loop_;
  JobSettings settings_;
  FakeTransfers transfers_;
  FakeJudge judge_;
  FakeCache cache_{loop_};
  FakeOrigin origin_;
  FakeNotifier notifier_;
  std::unique_ptr<cache::Database> database_;
  FakeUploads uploads_;
  WorkerPool disk_{"disk", 1, 64};
  std::unique_ptr<SourceShelf> shelf_;
  std::unique_ptr<JobManager> manager_;
  std::vector<std::string> events_;  // "job.state <id> <state>", "file.state <id>.<index> <state>"
  bool keep_events_ = true;
};

}  // namespace larder::agent
