#include "tests/unit/jobs/manager_fixture.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>

#include "agent/jobs/store/job_store.h"
#include "base/io/log.h"

namespace larder::agent {
namespace {

class FakeLease final : public cache::ContentLease {
 public:
  int descriptor() const override { return -1; }
  larder::File& file() override { std::abort(); }  // no test reads
};

}  // namespace

TransferId FakeTransfers::start(TransferRequest request, std::shared_ptr<TransferEvents> events) {
  Started& started = all.emplace_back();
  started.id = all.size();
  started.rate = request.max_rate;
  started.request = std::move(request);
  started.events = std::move(events);
  return started.id;
}

void FakeTransfers::stop(TransferId id) {
  ASSERT_TRUE(all.at(id - 1).running) << "stopped twice";
  all.at(id - 1).running = false;
}

void FakeTransfers::set_rate(TransferId id, std::uint64_t rate) {
  ASSERT_TRUE(all.at(id - 1).running);
  all.at(id - 1).rate = rate;
}

std::size_t FakeTransfers::active() const {
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& each) { return each.running; }));
}

FakeTransfers::Started* FakeTransfers::running(const std::string& file_id) {
  const auto found = std::find_if(all.rbegin(), all.rend(),
                                  [&](const Started& each) { return each.running && each.request.file_id == file_id; });
  return found == all.rend() ? nullptr : &*found;
}

std::vector<std::string> FakeTransfers::running_files() const {
  std::vector<std::string> files;
  for (const Started& each : all) {
    if (each.running) files.push_back(each.request.file_id);
  }
  return files;
}

void FakeJudge::judge(VerdictPolicy policy, Facts facts, std::shared_ptr<cache::ContentLease> content,
                      UniqueFunction<void(Result<Judgement>)> done) {
  EXPECT_TRUE(content);
  asked.push_back({std::move(policy), std::move(facts), std::move(done)});
}

void FakeCache::find_known(const std::string& url, const std::string& holder, cache::Done<Known> done) {
  log.push_back("known " + url + " " + holder);
  answer<Known>(done, Known{false, held[holder]});
}

void FakeCache::open(const cache::ContentId& id, cache::Done<std::shared_ptr<cache::ContentLease>> done) {
  log.push_back("open " + id);
  if (const auto found = open_errors.find(id); found != open_errors.end()) {
    return answer<std::shared_ptr<cache::ContentLease>>(done, tl::unexpected<Error>(found->second));
  }
  answer<std::shared_ptr<cache::ContentLease>>(done, std::make_shared<FakeLease>());
}

void FakeCache::open_partial(const cache::ContentId& id, cache::Done<std::shared_ptr<cache::ContentLease>> done) {
  log.push_back("open_partial " + id);
  answer<std::shared_ptr<cache::ContentLease>>(done, std::make_shared<FakeLease>());
}

void FakeCache::compute_sha256(const cache::ContentId& id, cache::Done<Digest> done) {
  log.push_back("sha256 " + id);
  answer<Digest>(done, digest);
}

void FakeCache::release_all_but(std::vector<std::string> alive, cache::Done<void> done) {
  EXPECT_TRUE(std::is_sorted(alive.begin(), alive.end()));
  note(fmt::format("alive {}", fmt::join(alive, " ")), done);
}

void FakeCache::drop(const cache::ContentId& id, cache::Done<void> done) {
  log.push_back("drop " + id);
  answer<void>(done, drop_error ? Status(tl::unexpected<Error>(*drop_error)) : Status{});
}

void FakeCache::go_on_privately(const cache::ContentId& id, const std::string& holder, const cache::Version& version,
                                cache::Done<void> done) {
  log.push_back("private " + id + " " + holder + " " + version.url);
  answer<void>(done, private_error ? Status(tl::unexpected<Error>(*private_error)) : Status{});
}

origin::UploadId FakeUploads::start(origin::UploadJob job, std::shared_ptr<origin::UploadEvents> events) {
  all.push_back({all.size() + 1, std::move(job), std::move(events)});
  all.back().rate = all.back().job.max_rate;
  return all.size();
}

void FakeUploads::stop(origin::UploadId id) {
  all.at(id - 1).running = false;
}

void FakeUploads::set_rate(origin::UploadId id, std::uint64_t bytes_per_second) {
  all.at(id - 1).rate = bytes_per_second;
}

FakeUploads::Started* FakeUploads::running(const std::string& key) {
  for (Started& one : all) {
    if (one.running && one.job.plan.key == key) return &one;
  }
  return nullptr;
}

void ManagerTest::SetUp() {
  log::set_level(log::Level::off);
  settings_.hook_names = {"scan"};
  auto opened = cache::Database::open(directory_ / "larder.db", job_schema(), loop_);
  ASSERT_TRUE(opened) << opened.error().text();
  database_ = std::move(*opened);
  start_manager();
}

void ManagerTest::TearDown() {
  kill_manager();
}

void ManagerTest::start_manager() {
  shelf_ = std::make_unique<SourceShelf>(directory_ / "uploads", loop_.runtime(), disk_);
  manager_ = std::make_unique<JobManager>(settings_, transfers_, judge_, cache_, *database_, origin_, notifier_,
                                          JobManager::UploadParts{uploads_, *shelf_}, loop_.runtime());
  manager_->set_listener([this](const Event& event) {
    ASSERT_NE(event.job, nullptr);
    EXPECT_EQ(event.job_id, event.job->id);
    if (!keep_events_) return;
    std::string text = fmt::format("{} {}", event_kind_name(event.kind), event.job_id);
    if (event.file) {
      text += fmt::format(".{} {}", *event.file, file_state_name(event.job->files.at(*event.file).state));
    } else {
      text += fmt::format(" {}", job_state_name(event.job->state));
    }
    events_.push_back(std::move(text));
  });
  std::optional<Status> loaded;
  manager_->load([&](Status status) { loaded = std::move(status); });
  ASSERT_TRUE(loop_.wait_for([&] { return loaded.has_value(); }));
  ASSERT_TRUE(*loaded) << loaded->error().text();
  settle();
}

void ManagerTest::restart() {
  std::optional<Status> stopped;
  manager_->stop([&](Status status) { stopped = std::move(status); });
  ASSERT_TRUE(loop_.wait_for([&] { return stopped.has_value(); }));
  EXPECT_TRUE(*stopped);
  EXPECT_EQ(transfers_.active(), 0U);
  kill_manager();
  start_manager();
}

void ManagerTest::kill_manager() {
  manager_.reset();
  judge_.asked.clear();
  for (auto& each : transfers_.all) each.running = false;
}

Result<Job> ManagerTest::call(const std::function<void(JobService::JobDone)>& make) {
  std::optional<Result<Job>> answer;
  make([&](Result<Job> result) { answer = std::move(result); });
  EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
  settle();
  if (!answer) return fail(ErrorCode::internal, "wait", "no answer");
  return std::move(*answer);
}

Result<Job> ManagerTest::create(Caller who, JobOptions options, std::vector<FileSpec> files, bool start) {
  return call([&](JobService::JobDone done) {
    manager_->create(who, std::move(options), std::move(files), start, std::move(done));
  });
}

Job ManagerTest::must_create(JobOptions options, unsigned files, bool start) {
  std::vector<FileSpec> specs(files);
  for (unsigned i = 0; i < files; ++i) specs[i].url = fmt::format("http://host/{}", i);
  return must(create(kAlice, std::move(options), std::move(specs), start));
}

Job ManagerTest::must(Result<Job> result) {
  if (result) return std::move(*result);
  ADD_FAILURE() << result.error().text();
  return {};
}

Result<Job> ManagerTest::suspend(const std::string& id) {
  return call([&](JobService::JobDone done) { manager_->suspend(kAlice, id, std::move(done)); });
}
Result<Job> ManagerTest::resume(const std::string& id) {
  return call([&](JobService::JobDone done) { manager_->resume(kAlice, id, std::move(done)); });
}
Result<Job> ManagerTest::cancel(const std::string& id) {
  return call([&](JobService::JobDone done) { manager_->cancel(kAlice, id, std::move(done)); });
}
Result<Job> ManagerTest::complete(const std::string& id) {
  return call([&](JobService::JobDone done) { manager_->complete(kAlice, id, std::move(done)); });
}
Result<Job> ManagerTest::verdict(const std::string& id, unsigned index, bool valid, const std::string& reason) {
  return call([&](JobService::JobDone done) { manager_->verdict(kAlice, id, index, valid, reason, std::move(done)); });
}
Result<Job> ManagerTest::retarget(const std::string& id, unsigned index, const std::string& url) {
  return call([&](JobService::JobDone done) { manager_->retarget(kAlice, id, index, url, std::move(done)); });
}

const Job& ManagerTest::job(const std::string& id) {
  static const Job nothing;
  const auto found = manager_->find_job(kRoot, id);
  if (found) return **found;
  ADD_FAILURE() << found.error().text();
  return nothing;
}

std::size_t ManagerTest::rows(const std::string& table) {
  std::optional<std::size_t> count;
  // What is being written, and what waits to be written together after it.
  for (int round = 0; round < 3; ++round) {
    count.reset();
    loop_.advance(std::chrono::milliseconds(200));
    database_->read<std::size_t>(
        "count",
        [table](SQLite::Database& db) -> Result<std::size_t> {
          return static_cast<std::size_t>(db.execAndGet("SELECT count(*) FROM " + table).getInt());
        },
        [&](Result<std::size_t> result) { count = result.value_or(SIZE_MAX); });
    EXPECT_TRUE(loop_.wait_for([&] { return count.has_value(); }));
  }
  return count.value_or(SIZE_MAX);
}

std::string ManagerTest::file_id(const std::string& job_id, unsigned index) {
  return fmt::format("{}.{}", job_id, index);
}

void ManagerTest::progress(const std::string& job_id, unsigned index, std::uint64_t bytes, const std::string& content) {
  auto* transfer = transfers_.running(file_id(job_id, index));
  ASSERT_NE(transfer, nullptr);
  TransferProgress now;
  now.size = 100;
  now.bytes = bytes;
  now.contiguous = bytes;
  now.figures.origin = bytes;
  now.content = content;
  now.version = cache::Version{transfer->request.target.url.canonical(), 100, "\"e\"", ""};
  const auto events = transfer->events;
  events->on_connected();
  events->on_progress(now);
}

void ManagerTest::finish(const std::string& job_id, unsigned index, std::uint64_t size, std::uint64_t cached,
                         const std::string& content, const std::function<void(TransferResult&)>& change) {
  auto* transfer = transfers_.running(file_id(job_id, index));
  ASSERT_NE(transfer, nullptr) << "no transfer of file " << index;
  TransferResult result;
  result.content.id = content.empty() ? fmt::format("c{}", index) : content;
  result.content.state = cache::ContentState::complete;
  result.content.size = size;
  result.content.versions = {cache::Version{transfer->request.target.url.canonical(), size, "\"e\"", ""}};
  result.figures.cache = cached;
  result.figures.origin = size - cached;
  result.content.shareable = true;
  result.version = result.content.versions.front();
  result.effective_url = transfer->request.target.url.canonical();
  if (change) change(result);
  transfer->running = false;
  const auto events = transfer->events;
  events->on_connected();
  events->on_done(std::move(result));
  settle();
}

void ManagerTest::fail_transfer(const std::string& job_id, unsigned index, ErrorCode code,
                                std::optional<std::chrono::seconds> retry_after) {
  auto* transfer = transfers_.running(file_id(job_id, index));
  ASSERT_NE(transfer, nullptr) << "no transfer of file " << index;
  transfer->running = false;
  const auto events = transfer->events;
  events->on_done(tl::unexpected<Error>(Error{code, "fetch", "as the test wants", retry_after}));
  settle();
}

void ManagerTest::judge(Verdict verdict, ErrorCode code) {
  ASSERT_FALSE(judge_.asked.empty());
  auto asked = std::move(judge_.asked.front());
  judge_.asked.pop_front();
  Judgement judgement;
  judgement.verdict = verdict;
  if (verdict == Verdict::not_valid) judgement.reason = Error{code, "judge", "it smells"};
  asked.done(judgement);
  settle();
}

bool ManagerTest::cache_began(const std::string& what) const {
  return std::any_of(cache_.log.begin(), cache_.log.end(), [&what](const auto& one) { return one.starts_with(what); });
}

bool ManagerTest::cache_did(const std::string& what) const {
  return std::find(cache_.log.begin(), cache_.log.end(), what) != cache_.log.end();
}

}  // namespace larder::agent
