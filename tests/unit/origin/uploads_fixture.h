// Uploads in the hands of a test: a source in memory, a line that breaks where a test says, and what became of it. The
// servers are models (upload_model.h); the worker pool is real, so loop turns are waited for, and times are virtual.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "origin/upload/uploads.h"
#include "tests/support/virtual_loop.h"
#include "upload_model.h"

namespace larder::origin {

// A source in memory. `at_read` is called before each read with its number, from 1, and may change what is there.
class MemorySource final : public UploadSource {
 public:
  explicit MemorySource(std::string text) : bytes(std::move(text)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    const std::lock_guard lock(mutex_);
    ++reads;
    if (at_read) at_read(reads);
    if (broken) return fail(ErrorCode::disk_error, "read the source", "the disk is broken");
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t most = std::min(into.size(), bytes.size() - static_cast<std::size_t>(offset));
    read_bytes += most;
    std::copy_n(as_bytes(bytes).begin() + static_cast<std::ptrdiff_t>(offset), most, into.begin());
    return most;
  }
  Result<SourceIdentity> identity() const override {
    const std::lock_guard lock(mutex_);
    SourceIdentity now = times;
    now.size = bytes.size();
    return now;
  }

  mutable unsigned reads = 0;
  mutable std::uint64_t read_bytes = 0;
  std::function<void(unsigned)> at_read;
  mutable std::string bytes;
  mutable SourceIdentity times;
  mutable bool broken = false;

 private:
  mutable std::mutex mutex_;
};

// What becomes of a request on the way.
struct Fate {
  std::uint64_t arrives = UINT64_MAX;  // bytes of the body; then the connection is lost
  bool answer_lost = false;
  ErrorCode lost_as = ErrorCode::connection_lost;
  bool unreached = false;                 // nothing of it arrives, and nothing is sent
  std::optional<UploadAnswer> instead{};  // of the server, which sees nothing of it; comes after `arrives` bytes
  std::optional<std::size_t> damaged{};   // this byte of the body changes on the way
  int status_after = 0;                   // in place of the server's, which has carried it out; 0: its own
  bool dies = false;                      // the agent, before it hears what became of the request
};

// Carries requests to a model server. What send() is given is told as sent in a turn of its own.
class ModelHttp final : public HttpClient {
 public:
  ModelHttp(Executor& loop, test::ModelServer& server) : loop_(loop), server_(server) {}

  HttpId start(HttpRequest request, std::shared_ptr<HttpEvents> events) override;
  void cancel(HttpId id) override;
  void consumed(HttpId, std::size_t bytes) override { consumed_bytes += bytes; }
  void set_rate(HttpId, std::uint64_t) override {}
  void set_total_rate(std::uint64_t) override {}
  void send(HttpId id, Buffer bytes) override;

  std::function<Fate(const HttpRequest&)> fate;  // of each request; null: all goes well
  // In place of the server, for methods that no model knows; null or no answer: the server's.
  std::function<std::optional<UploadAnswer>(const HttpRequest&)> other;
  std::function<void()> on_death;
  std::vector<HttpRequest> requests;
  std::size_t ahead = 0;  // most bytes between send() and on_sent()
  std::size_t consumed_bytes = 0;
  std::uint64_t sent = 0;  // bytes of all bodies that went out
  [[nodiscard]] std::size_t open() const { return open_.size(); }

 private:
  struct Open {
    HttpRequest request;
    std::shared_ptr<HttpEvents> events;
    Fate fate;
    std::string body;
    std::size_t told = 0;
  };

  UploadAnswer ask(const Open& open, bool whole);
  void go_on(HttpId id);
  void tell(HttpId id, HttpEvents& events, const UploadAnswer& answer);

  Executor& loop_;
  test::ModelServer& server_;
  HttpId last_id_ = 0;
  std::map<HttpId, Open> open_;
  HttpId telling_ = 0;  // the exchange whose answer is being told, unless it was cancelled meanwhile
};

// What a job stores and hears.
struct UploadHeard final : public UploadEvents {
  void on_connected() override { ++connected; }
  void on_progress(const UploadFigures& now) override {
    EXPECT_LE(now.acknowledged, size);
    EXPECT_LE(now.acknowledged + now.under_way, size);
    figures = now;
    if (at_progress) at_progress();
  }
  void on_step(const UploadProgress& now, UploadDialect spoken, UniqueFunction<void()> stored) override {
    progress = now;
    dialect = spoken;
    ++steps;
    stored();
  }
  void on_done(Result<UploadResult> ended) override {
    EXPECT_FALSE(result) << "an end after the end";
    result = std::move(ended);
  }
  [[nodiscard]] bool ok() const { return result && *result; }
  [[nodiscard]] std::optional<ErrorCode> code() const {
    return result && !*result ? std::optional(result->error().code) : std::nullopt;
  }
  [[nodiscard]] std::string why() const { return !result ? "no end" : *result ? "no error" : result->error().text(); }

  std::uint64_t size = UINT64_MAX;
  int connected = 0;
  int steps = 0;
  UploadFigures figures;
  std::function<void()> at_progress;
  UploadProgress progress;
  UploadDialect dialect = UploadDialect::put;
  std::optional<Result<UploadResult>> result;
};

[[nodiscard]] UploadAnswer answer_of_tus_options(const std::string& extensions);

// For ModelHttp::other: what larder-inbox says of itself.
[[nodiscard]] std::optional<UploadAnswer> options_of_larder(const HttpRequest& request);
[[nodiscard]] std::string field_of_request(const HttpRequest& request, const std::string& name);  // "absent"
[[nodiscard]] Fate away();
[[nodiscard]] Fate answered(UploadAnswer answer, std::uint64_t after = UINT64_MAX);  // bytes of the body

class UploadsFixture : public testing::Test {
 protected:
  void use(test::ModelServer& server);
  // The agent is started anew: what it knew of places is forgotten.
  void start_anew() { uploads = make_uploads(*http, loop.runtime(), disk, *files); }

  // The fates of the requests of that method, in turn; all others go well.
  void expect_fates(const std::string& method, std::deque<Fate> fates);
  [[nodiscard]] std::size_t count(const std::string& method) const;  // of requests
  static std::string text_of(std::size_t size);

  UploadJob job(std::string text, ProtocolWish wish);
  // One attempt from what `heard` has stored, to its end.
  void attempt(UploadJob job, const std::shared_ptr<UploadHeard>& heard);
  // Attempts, each after the wait that the last one named, until one settles the upload.
  std::shared_ptr<UploadHeard> run(const UploadJob& job, unsigned most = 100);

  larder::test::VirtualLoop loop;
  std::unique_ptr<FileSystem> files = make_posix_file_system();
  WorkerPool disk{"disk", 2, 64};
  std::optional<ModelHttp> http;
  std::unique_ptr<Uploads> uploads;
  std::shared_ptr<MemorySource> source;
  UploadId last = 0;
  bool died = false;  // by the fate of a request: the attempt has no end, and the next one begins from what is stored
  unsigned attempts = 0;
};

}  // namespace larder::origin
