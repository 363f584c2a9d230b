// CurlClient with bodies of requests in the hands of a test, and a server that takes them.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>

#include "tests/unit/origin/http_fixture.h"
#include "tests/unit/origin/upload_sink.h"

namespace larder::origin {

inline constexpr std::uint64_t kMiB = 1024 * 1024;

inline double seconds_from(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class UploadCollector final : public HttpEvents {
 public:
  void on_head(const HttpHead& head) override {
    EXPECT_TRUE(heads.empty()) << "a second head";
    EXPECT_FALSE(status) << "a head after the end";
    heads.push_back(head);
  }
  void on_data(Buffer buffer) override {
    text.append(reinterpret_cast<const char*>(buffer.bytes().data()), buffer.size());
  }
  void on_sent(std::size_t bytes) override {
    EXPECT_FALSE(status) << "bytes sent after the end";
    EXPECT_GT(bytes, 0U);
    sent += bytes;
    if (at_sent) at_sent();
  }
  void on_done(Status s) override {
    EXPECT_FALSE(status) << "done twice";
    status = std::move(s);
  }
  [[nodiscard]] bool ok() const { return status && *status; }
  [[nodiscard]] std::string why() const { return status && !*status ? status->error().text() : "no error"; }
  [[nodiscard]] std::optional<ErrorCode> code() const {
    return status && !*status ? std::optional(status->error().code) : std::nullopt;
  }
  // The status of the answer; 0: none.
  [[nodiscard]] int answer() const { return heads.empty() ? 0 : heads[0].status; }

  std::vector<HttpHead> heads;
  std::string text;
  std::uint64_t sent = 0;
  std::optional<Status> status;
  std::function<void()> at_sent;
};

// A body in the hands of a test, given to the client as the client takes it.
struct Sending {
  std::shared_ptr<UploadCollector> events = std::make_shared<UploadCollector>();
  HttpId id = 0;
  std::string body;
  std::uint64_t given = 0;
  std::uint64_t give_to = UINT64_MAX;  // no more than this, until give() is called again
};

class CurlUploadTest : public HttpFixture {
 protected:
  std::shared_ptr<Sending> send(const std::string& method, const std::string& path, std::string body,
                                std::uint64_t give_to = UINT64_MAX) {
    HttpRequest request = request_for(method, path);
    request.body_length = body.size();
    return send_request(std::move(request), std::move(body), give_to);
  }

  std::shared_ptr<Sending> send_request(HttpRequest request, std::string body, std::uint64_t give_to = UINT64_MAX) {
    auto sending = std::make_shared<Sending>();
    sending->body = std::move(body);
    sending->give_to = give_to;
    sending->id = http->start(std::move(request), sending->events);
    sending->events->at_sent = [this, weak = std::weak_ptr(sending)] {
      if (const auto self = weak.lock()) give(*self);
    };
    give(*sending);
    return sending;
  }

  HttpRequest request_for(const std::string& method, const std::string& path) {
    HttpRequest request;
    request.method = method;
    request.url = url_of(sink.url(path));
    request.headers = headers;
    request.options = std::make_shared<ConnectOptions>(options);
    request.policy = std::make_shared<UrlPolicy>(policy);
    request.max_rate = rate;
    request.answer_within = answer_within;
    return request;
  }

  // Never more than the window ahead of what was sent, in pieces of an odd size.
  void give(Sending& sending) {
    constexpr std::uint64_t kPiece = 100'003;
    while (!sending.events->status) {
      const std::uint64_t end =
          std::min({sending.body.size(), sending.give_to, sending.events->sent + HttpClient::kWindow});
      if (sending.given >= end) return;
      const std::uint64_t length = std::min(kPiece, end - sending.given);
      const std::string_view piece = std::string_view(sending.body).substr(sending.given, length);
      sending.given += length;
      http->send(sending.id, copy_of(as_bytes(piece)));
    }
  }

  void finish(const Sending& sending) {
    ASSERT_TRUE(loop.wait_for([&] { return sending.events->status.has_value(); })) << "never ends";
  }

  // At most 64 MiB. Made once: an idle connection is not used again after a while, so a test must not dawdle.
  static std::string bytes_of(std::uint64_t size) {
    static const std::string all = test::FaultOrigin::content("upload", 0, 64 * kMiB);
    return all.substr(0, size);
  }

  test::UploadSink sink;
  std::vector<Header> headers;
  std::uint64_t rate = 0;
  Duration answer_within{};
};

}  // namespace larder::origin
