// A whole inbox on a directory of its own, with a disk that can fail, bodies that a test writes piece by piece, and a
// restart.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "inbox/ledger/sqlite_ledger.h"
#include "inbox/service/uploads.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::inbox {

// A body whose pieces come when the test says so.
class ScriptedBody {
 public:
  explicit ScriptedBody(Executor& loop) : state_(std::make_shared<State>(loop)) {}
  // As a connection that goes: who waits for a piece holds the reader, which holds what waits.
  ~ScriptedBody() { drop(); }
  ScriptedBody(ScriptedBody&&) = default;
  ScriptedBody& operator=(ScriptedBody&&) = delete;

  ScriptedBody& piece(std::string_view text) {
    state_->events.emplace_back(copy_of(as_bytes(text)));
    state_->feed();
    return *this;
  }
  ScriptedBody& end() { return piece(""); }
  ScriptedBody& fail(ErrorCode code) {
    state_->events.emplace_back(larder::fail(code, "read the body", "as the test says"));
    state_->feed();
    return *this;
  }
  // The connection goes, and what waits for a piece is destroyed uncalled.
  void drop() {
    if (state_) const auto dying = std::exchange(state_->ready, nullptr);
  }

  [[nodiscard]] bool is_read() const { return static_cast<bool>(state_->ready); }
  [[nodiscard]] bool is_gone() const { return state_->reader_gone; }
  [[nodiscard]] std::size_t left() const { return state_->events.size(); }

  std::unique_ptr<BodyReader> reader() { return std::make_unique<Reader>(state_); }

 private:
  struct State : std::enable_shared_from_this<State> {
    explicit State(Executor& executor) : loop(executor) {}
    void feed() {
      if (!ready || events.empty()) return;
      loop.post([self = shared_from_this(), ready_now = std::exchange(ready, nullptr),
                 event = std::move(events.front())]() mutable { ready_now(std::move(event)); });
      events.pop_front();
    }
    Executor& loop;
    std::deque<Result<Buffer>> events;
    UniqueFunction<void(Result<Buffer>)> ready;
    bool reader_gone = false;
  };
  class Reader final : public BodyReader {
   public:
    explicit Reader(std::shared_ptr<State> state) : state_(std::move(state)) {}
    ~Reader() override { state_->reader_gone = true; }
    void read(UniqueFunction<void(Result<Buffer>)> ready) override {
      EXPECT_FALSE(state_->ready) << "one call at a time";
      state_->ready = std::move(ready);
      state_->feed();
    }

   private:
    std::shared_ptr<State> state_;
  };
  std::shared_ptr<State> state_;
};

class ScriptedHook final : public VerdictHook {
 public:
  struct Asked {
    UploadStatus upload;
    std::string path;
    UniqueFunction<void(Verdict)> done;
  };
  void judge(UploadStatus upload, std::string, std::string path, UniqueFunction<void(Verdict)> done) override {
    asked.push_back({std::move(upload), std::move(path), std::move(done)});
  }
  std::deque<Asked> asked;
};

class ServiceTest : public testing::Test {
 protected:
  using Answer = std::shared_ptr<std::optional<Outcome<UploadStatus>>>;

  explicit ServiceTest(UploadSettings settings = {}) : settings_(settings) { start(); }
  ~ServiceTest() override { stop(); }

  void start() {
    auto opened = cache::Database::open(directory_ / "inbox.db", SqliteLedger::schema(), loop_);
    ASSERT_TRUE(opened) << opened.error().text();
    database_ = std::move(*opened);
    ledger_ = std::make_unique<SqliteLedger>(*database_);
    pool_ = std::make_unique<WorkerPool>("test", 2, 64);
    store_ = std::make_unique<Store>(files_, *pool_, loop_, directory_ / "store");
    uploads_ = std::make_unique<Uploads>(*ledger_, *store_, loop_.runtime(), settings_, hook_);
    uploads_->on_accepted([this](const UploadRow& row) { accepted_.push_back(row.id); });
    report_ = ask<Result<RecoveryReport>>([&](auto done) { uploads_->recover(std::move(done)); });
    ASSERT_TRUE(*report_) << report_->error().text();
  }
  void stop() {
    uploads_.reset();
    store_.reset();
    pool_.reset();
    ledger_.reset();
    database_.reset();
    loop_.run_ready();  // what was posted meanwhile finds nobody
  }
  void restart() {
    stop();
    start();
  }

  template <class T, class Call>
  std::optional<T> ask(Call call) {
    auto answer = std::make_shared<std::optional<T>>();
    call([answer](T result) { answer->emplace(std::move(result)); });
    EXPECT_FALSE(*answer) << "not within the call";
    EXPECT_TRUE(loop_.wait_for([&] { return answer->has_value(); }));
    return std::move(*answer);
  }
  // The answer to come.
  template <class Call>
  Answer begin(Call call) {
    auto answer = std::make_shared<std::optional<Outcome<UploadStatus>>>();
    call([answer](Outcome<UploadStatus> outcome) {
      EXPECT_FALSE(*answer) << "one answer";
      answer->emplace(std::move(outcome));
    });
    return answer;
  }
  Outcome<UploadStatus> wait(const Answer& answer) {
    EXPECT_TRUE(loop_.wait_for([&] { return answer->has_value(); }));
    if (!*answer)
      return tl::unexpected<Refused>(Refused{Problem::failed, "no answer came", std::nullopt, std::nullopt});
    return **answer;
  }

  static CreateUpload wanted(std::string key, std::optional<std::uint64_t> size) {
    CreateUpload request;
    request.inbox = "in";
    request.key = std::move(key);
    request.size = size;
    return request;
  }
  Outcome<UploadStatus> create(CreateUpload request) {
    return wait(begin([&](auto done) { uploads_->create(anna_, std::move(request), std::move(done)); }));
  }
  // The id of a new upload.
  std::string make(std::optional<std::uint64_t> size, std::string key = "") {
    const auto made = create(wanted(std::move(key), size));
    EXPECT_TRUE(made) << made.error().detail;
    return made ? made->id : "";
  }
  Outcome<UploadStatus> look(const std::string& id) {
    return wait(begin([&](auto done) { uploads_->look(anna_, id, std::move(done)); }));
  }
  Outcome<UploadStatus> watch(const std::string& id) {
    return wait(begin([&](auto done) { uploads_->watch(anna_, id, std::move(done)); }));
  }
  Outcome<UploadStatus> complete(const std::string& id) {
    return wait(begin([&](auto done) { uploads_->complete(anna_, id, std::move(done)); }));
  }
  Outcome<UploadStatus> cancel(const std::string& id) {
    return wait(begin([&](auto done) { uploads_->cancel(anna_, id, std::move(done)); }));
  }
  Answer begin_append(AppendPart part, ScriptedBody& body) {
    return begin([&](auto done) { uploads_->append(anna_, std::move(part), body.reader(), std::move(done)); });
  }
  static AppendPart part_at(const std::string& id, std::uint64_t offset) {
    AppendPart part;
    part.id = id;
    part.offset = offset;
    return part;
  }
  Outcome<UploadStatus> append(AppendPart part, std::string_view text) {
    ScriptedBody body(loop_);
    if (!text.empty()) body.piece(text);
    body.end();
    return wait(begin_append(std::move(part), body));
  }
  Outcome<UploadStatus> append(const std::string& id, std::uint64_t offset, std::string_view text) {
    AppendPart part = part_at(id, offset);
    part.length = text.size();
    return append(std::move(part), text);
  }
  JanitorReport tidy(WallTime now) {
    return ask<Result<JanitorReport>>([&](auto done) { uploads_->expire(now, std::move(done)); })->value();
  }

  std::string content(const std::string& id) { return test::read_file(store_->content_path(id)); }
  [[nodiscard]] std::size_t files_in(const std::string& folder) {
    std::size_t count = 0;
    EXPECT_TRUE(real_->list(directory_ / ("store/" + folder), [&](const std::string&) { return ++count > 0; }));
    return count;
  }

  test::TempDirectory directory_;
  test::VirtualLoop loop_;
  std::unique_ptr<FileSystem> real_ = make_posix_file_system();
  test::FaultFileSystem files_{*real_, directory_ / "graves"};
  UploadSettings settings_;
  VerdictHook* hook_ = nullptr;
  const Principal anna_{"basic:anna"};
  const Principal bert_{"basic:bert"};
  std::unique_ptr<cache::Database> database_;
  std::unique_ptr<SqliteLedger> ledger_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Uploads> uploads_;
  std::vector<std::string> accepted_;
  std::optional<Result<RecoveryReport>> report_;
};

// The problem of a refusal; a success fails the test.
inline Problem problem_of(const Outcome<UploadStatus>& outcome) {
  EXPECT_FALSE(outcome.has_value());
  return outcome ? Problem::failed : outcome.error().problem;
}

}  // namespace larder::inbox
