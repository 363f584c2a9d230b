// Whole uploads through Uploads: the rules' steps, the bodies and digests as they go out, the source that changes. The
// servers are models (upload_model.h); the worker pool is real.
#include "origin/upload/uploads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "../upload_model.h"
#include "tests/support/virtual_loop.h"

namespace larder::origin {
namespace {

using larder::test::VirtualLoop;
using test::ModelServer;

constexpr std::uint64_t kMiB = 1024 * 1024;

std::string bytes_of(std::size_t size) {
  std::string text(size, ' ');
  std::uint32_t state = 7;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

// A source in memory, which a test changes at a chosen read.
class MemorySource final : public UploadSource {
 public:
  explicit MemorySource(std::string bytes) : bytes_(std::move(bytes)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    const std::lock_guard lock(mutex_);
    ++reads;
    if (change_at_read != 0 && reads >= change_at_read) identity_.modified_ns = 99;
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t most = std::min(into.size(), bytes_.size() - static_cast<std::size_t>(offset));
    std::copy_n(as_bytes(bytes_).begin() + static_cast<std::ptrdiff_t>(offset), most, into.begin());
    return most;
  }
  Result<SourceIdentity> identity() const override {
    const std::lock_guard lock(mutex_);
    SourceIdentity identity = identity_;
    identity.size = bytes_.size();
    return identity;
  }

  mutable unsigned reads = 0;
  unsigned change_at_read = 0;

 private:
  const std::string bytes_;
  mutable std::mutex mutex_;
  mutable SourceIdentity identity_;
};

// Carries requests to a model server. A request waits until its whole body came, or until it is cut.
class ModelHttp final : public HttpClient {
 public:
  ModelHttp(Executor& loop, ModelServer& server) : loop_(loop), server_(server) {}

  HttpId start(HttpRequest request, std::shared_ptr<HttpEvents> events) override {
    const HttpId id = ++last_id_;
    open_[id] = {std::move(request), std::move(events), {}};
    requests.push_back(open_[id].request);
    loop_.post([this, id] { answer_if_whole(id); });
    return id;
  }
  void cancel(HttpId id) override {
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    if (!found->second.body.empty()) static_cast<void>(ask(found->second, false));
    open_.erase(found);
  }
  void consumed(HttpId, std::size_t) override {}
  void set_rate(HttpId, std::uint64_t bytes_per_second) override { rate = bytes_per_second; }
  void set_total_rate(std::uint64_t) override {}
  void send(HttpId id, Buffer bytes) override {
    Open& open = open_.at(id);
    open.body.append(reinterpret_cast<const char*>(bytes.bytes().data()), bytes.size());
    ahead = std::max(ahead, open.body.size() - open.told);
    loop_.post([this, id, size = bytes.size()] {
      const auto found = open_.find(id);
      if (found == open_.end()) return;
      found->second.told += size;
      found->second.events->on_sent(size);
      answer_if_whole(id);
    });
  }

  std::vector<HttpRequest> requests;
  std::deque<UploadAnswer> answers_first;  // in place of the server's
  std::size_t lose_answers = 0;
  std::size_t ahead = 0;  // most bytes between send() and on_sent()
  std::uint64_t rate = 0;

 private:
  struct Open {
    HttpRequest request;
    std::shared_ptr<HttpEvents> events;
    std::string body;
    std::size_t told = 0;
  };

  UploadAnswer ask(const Open& open, bool whole) {
    UploadRequest request;
    request.method = open.request.method;
    request.url = open.request.url;
    request.headers = open.request.headers;
    request.length = open.request.body_length;
    return server_.handle(request, open.request.headers, open.body, whole);
  }

  void answer_if_whole(HttpId id) {
    const auto found = open_.find(id);
    if (found == open_.end() || found->second.told < found->second.request.body_length) return;
    const Open open = std::move(found->second);
    open_.erase(found);
    UploadAnswer answer;
    if (!answers_first.empty()) {
      answer = answers_first.front();
      answers_first.pop_front();
    } else {
      answer = ask(open, true);
    }
    if (lose_answers > 0 && open.request.method != "OPTIONS") {
      --lose_answers;
      answer.error = Error{ErrorCode::connection_lost, "upload", "cut", std::nullopt};
    }
    if (answer.error) return open.events->on_done(tl::unexpected(*answer.error));
    open.events->on_head(answer.head);
    if (!answer.text.empty()) open.events->on_data(copy_of(as_bytes(answer.text)));
    open.events->on_done({});
  }

  Executor& loop_;
  ModelServer& server_;
  HttpId last_id_ = 0;
  std::map<HttpId, Open> open_;
};

struct Heard final : public UploadEvents {
  void on_connected() override { ++connected; }
  void on_progress(const UploadFigures& now) override {
    figures = now;
    most = std::max(most, now.acknowledged + now.under_way);
  }
  void on_step(const UploadProgress& now, UploadDialect spoken, UniqueFunction<void()> stored) override {
    progress = now;
    dialect = spoken;
    if (steps_left-- > 0) return stored();
    held = std::move(stored);
  }
  void on_done(Result<UploadResult> ended) override { result = std::move(ended); }

  int connected = 0;
  int steps_left = 1000;
  UploadFigures figures;
  std::uint64_t most = 0;
  UploadProgress progress;
  UploadDialect dialect = UploadDialect::put;
  UniqueFunction<void()> held;  // of the first step beyond steps_left
  std::optional<Result<UploadResult>> result;
};

class UploadsTest : public testing::Test {
 protected:
  void use(ModelServer& server) {
    http_.emplace(loop_, server);
    uploads_ = make_uploads(*http_, loop_.runtime(), disk_, *files_);
  }
  UploadJob job(std::size_t size, ProtocolWish wish) {
    text_ = bytes_of(size);
    source_ = std::make_shared<MemorySource>(text_);
    UploadJob job;
    job.wish = wish;
    job.plan.target = *parse_url("http://upload.test/in/files/");
    job.plan.key = "key-1";
    job.plan.name = "report.pdf";
    job.plan.size = size;
    job.source = source_;
    job.identity = *source_->identity();
    job.source_name = "report.pdf";
    return job;
  }
  std::shared_ptr<Heard> run(UploadJob job) {
    auto heard = std::make_shared<Heard>();
    last_ = uploads_->start(std::move(job), heard);
    EXPECT_FALSE(heard->result) << "an event within start()";
    EXPECT_TRUE(loop_.wait_for([&] { return heard->result.has_value(); }));
    return heard;
  }
  // Starts again from what was stored, as a job does after an error that may pass.
  std::shared_ptr<Heard> run_again(UploadJob job, const Heard& before) {
    job.progress = before.progress;
    job.plan.dialect = before.dialect;
    return run(std::move(job));
  }

  VirtualLoop loop_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  WorkerPool disk_{"disk", 2, 64};
  std::optional<ModelHttp> http_;
  std::unique_ptr<Uploads> uploads_;
  std::string text_;
  std::shared_ptr<MemorySource> source_;
  UploadId last_ = 0;
};

UploadAnswer tus_options() {
  return test::answer_of(204, {{"tus-version", "1.0.0"},
                               {"tus-extension", "creation,checksum,termination,larder-key"},
                               {"tus-checksum-algorithm", "sha1,sha256"}});
}

TEST_F(UploadsTest, tus_files_of_each_size_arrive_whole) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{256 * 1024}, std::size_t{5 * kMiB + 17}}) {
    test::TusServer server({});
    use(server);
    http_->answers_first.push_back(tus_options());
    const auto heard = run(job(size, ProtocolWish::any));
    ASSERT_TRUE(*heard->result) << size << ": " << heard->result->error().text();
    ASSERT_EQ(server.accepted.size(), 1U) << size;
    EXPECT_TRUE(server.accepted[0].bytes == text_) << size;
    EXPECT_EQ(server.accepted[0].key, "\"key-1\"") << "a structured field (RFC 8941, section 3.3.3)";
    EXPECT_EQ(heard->connected, 1);
    EXPECT_EQ(heard->dialect, UploadDialect::tus);
    EXPECT_EQ(heard->figures.acknowledged, size);
    EXPECT_EQ(heard->figures.sent, size);
    EXPECT_LE(http_->ahead, 9 * 256 * 1024U) << "more in memory than said";
  }
}

TEST_F(UploadsTest, bits_and_put_as_wished_ask_nothing_first) {
  for (const ProtocolWish wish : {ProtocolWish::bits, ProtocolWish::put}) {
    test::BitsServer bits({});
    test::PutServer put(true, false);
    ModelServer& server = wish == ProtocolWish::bits ? static_cast<ModelServer&>(bits) : put;
    use(server);
    const auto heard = run(job(9 * kMiB, wish));
    ASSERT_TRUE(*heard->result) << heard->result->error().text();
    ASSERT_EQ(server.accepted.size(), 1U);
    EXPECT_TRUE(server.accepted[0].bytes == text_);
    EXPECT_NE(http_->requests.front().method, "OPTIONS");
  }
}

TEST_F(UploadsTest, a_file_gets_its_name_at_a_place_that_turns_out_to_take_put) {
  test::PutServer server(true, false);
  use(server);
  http_->answers_first.push_back(test::answer_of(204, {{"allow", "OPTIONS, PUT"}}));
  UploadJob made = job(10, ProtocolWish::any);
  made.plan.name = "a b.txt";
  ASSERT_TRUE(*run(std::move(made))->result);
  EXPECT_EQ(http_->requests.back().url.canonical(), "http://upload.test/in/files/a%20b.txt");
}

TEST_F(UploadsTest, what_a_place_said_is_asked_once) {
  test::TusServer server({});
  use(server);
  http_->answers_first.push_back(tus_options());
  ASSERT_TRUE(*run(job(10, ProtocolWish::any))->result);
  UploadJob second = job(20, ProtocolWish::any);
  second.plan.key = "key-2";
  ASSERT_TRUE(*run(std::move(second))->result);
  EXPECT_EQ(std::count_if(http_->requests.begin(), http_->requests.end(),
                          [](const HttpRequest& request) { return request.method == "OPTIONS"; }),
            1);
}

TEST_F(UploadsTest, a_job_with_its_own_proxy_tells_nobody_what_a_place_said) {
  test::TusServer server({});
  use(server);
  http_->answers_first.push_back(tus_options());
  UploadJob own = job(10, ProtocolWish::any);
  auto options = std::make_shared<ConnectOptions>();
  options->callers_proxy = true;
  own.options = options;
  ASSERT_TRUE(*run(std::move(own))->result);
  http_->answers_first.push_back(tus_options());
  UploadJob second = job(20, ProtocolWish::any);
  second.plan.key = "key-2";
  ASSERT_TRUE(*run(std::move(second))->result);
  EXPECT_EQ(http_->requests[http_->requests.size() - 3].method, "OPTIONS");
}

TEST_F(UploadsTest, a_lost_answer_ends_the_attempt_and_the_next_one_goes_on) {
  test::TusServer server({});
  use(server);
  http_->answers_first.push_back(tus_options());
  const UploadJob made = job(3 * kMiB, ProtocolWish::any);
  http_->lose_answers = 1;  // of the creation
  auto heard = run(made);
  ASSERT_FALSE(*heard->result);
  EXPECT_TRUE(heard->result->error().retry_after) << "the wait of the rules is told";
  http_->lose_answers = 0;
  heard = run_again(made, *heard);
  ASSERT_TRUE(*heard->result) << heard->result->error().text();
  ASSERT_EQ(server.accepted.size(), 1U);
  EXPECT_TRUE(server.accepted[0].bytes == text_);
}

TEST_F(UploadsTest, a_source_that_changes_at_any_read_is_never_accepted) {
  for (const ProtocolWish wish : {ProtocolWish::tus, ProtocolWish::bits, ProtocolWish::put}) {
    for (unsigned at = 1; at <= 12; ++at) {
      test::TusServer tus({});
      test::BitsServer bits({});
      test::PutServer put(false, true);
      ModelServer& server = wish == ProtocolWish::tus    ? static_cast<ModelServer&>(tus)
                            : wish == ProtocolWish::bits ? static_cast<ModelServer&>(bits)
                                                         : put;
      use(server);
      if (wish == ProtocolWish::tus) http_->answers_first.push_back(tus_options());
      UploadJob changing = job(2 * kMiB + 5, wish);
      source_->change_at_read = at;
      const auto heard = run(std::move(changing));
      const unsigned needed = source_->reads;
      if (at > needed) continue;
      ASSERT_FALSE(*heard->result) << "protocol " << static_cast<int>(wish) << ", read " << at;
      EXPECT_EQ(heard->result->error().code, ErrorCode::source_changed) << heard->result->error().text();
      EXPECT_TRUE(server.accepted.empty());
    }
  }
}

TEST_F(UploadsTest, nothing_is_sent_before_the_step_is_stored) {
  test::TusServer server({});
  use(server);
  http_->answers_first.push_back(tus_options());
  auto heard = std::make_shared<Heard>();
  heard->steps_left = 0;
  const UploadId id = uploads_->start(job(10, ProtocolWish::any), heard);
  ASSERT_TRUE(loop_.wait_for([&] { return heard->steps_left < 0; }));
  loop_.advance(std::chrono::hours(1));
  EXPECT_EQ(http_->requests.size(), 1U) << "only the question to the place";
  uploads_->stop(id);
  loop_.advance(std::chrono::hours(1));
  EXPECT_FALSE(heard->result) << "an event after stop()";
}

TEST_F(UploadsTest, an_answer_that_comes_before_the_bodys_end_is_the_answer) {
  class Refusing final : public ModelServer {
   public:
    UploadAnswer handle(const UploadRequest&, const std::vector<Header>&, std::string_view, bool) override {
      return test::answer_of(403, {}, "no");
    }
    void lose_state() override {}
  } server;
  use(server);
  const auto heard = run(job(kMiB, ProtocolWish::put));
  ASSERT_FALSE(*heard->result);
  EXPECT_NE(heard->result->error().text().find("403"), std::string::npos) << heard->result->error().text();
}

TEST_F(UploadsTest, rate_reaches_the_request_under_way) {
  test::TusServer server({});
  use(server);
  http_->answers_first.push_back(tus_options());
  UploadJob limited = job(kMiB, ProtocolWish::any);
  limited.max_rate = 1000;
  auto heard = std::make_shared<Heard>();
  heard->steps_left = 0;
  const UploadId id = uploads_->start(std::move(limited), heard);
  ASSERT_TRUE(loop_.wait_for([&] { return heard->steps_left < 0; }));
  EXPECT_EQ(http_->requests.front().max_rate, 1000U);
  uploads_->set_rate(id, 2000);
  heard->steps_left = 1000;
  heard->held();
  ASSERT_TRUE(loop_.wait_for([&] { return heard->result.has_value(); }));
  EXPECT_EQ(http_->requests.back().max_rate, 2000U);
}

TEST_F(UploadsTest, cancel_asks_the_server_to_forget) {
  test::TusServer server({});
  use(server);
  http_->answers_first.push_back(tus_options());
  const UploadJob made = job(3 * kMiB, ProtocolWish::any);
  auto heard = std::make_shared<Heard>();
  heard->steps_left = 2;  // creation, first part's step is not carried out
  const UploadId id = uploads_->start(made, heard);
  ASSERT_TRUE(loop_.wait_for([&] { return heard->steps_left < 2 && !heard->progress.url.empty(); }));
  uploads_->stop(id);
  UploadJob forgotten = made;
  forgotten.progress = heard->progress;
  forgotten.plan.dialect = heard->dialect;
  forgotten.plan.tus.termination = true;
  forgotten.source = nullptr;
  std::optional<bool> done;
  uploads_->cancel(std::move(forgotten), [&](bool nothing_left) { done = nothing_left; });
  ASSERT_TRUE(loop_.wait_for([&] { return done.has_value(); }));
  EXPECT_TRUE(*done);
  EXPECT_EQ(http_->requests.back().method, "DELETE");
}

}  // namespace
}  // namespace larder::origin
