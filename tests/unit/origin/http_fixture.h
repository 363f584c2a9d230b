// CurlClient with its events run in the test's own thread, and what came of an exchange.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "origin/curl/curl_client.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/origin/fault_origin.h"

namespace larder::origin {

class Collector final : public HttpEvents {
 public:
  void on_head(const HttpHead& head) override {
    EXPECT_TRUE(heads.empty()) << "a second head";
    EXPECT_FALSE(status);
    heads.push_back(head);
    if (at_head) at_head();
  }
  void on_data(Buffer buffer) override {
    EXPECT_FALSE(heads.empty()) << "data before the head";
    EXPECT_FALSE(status) << "data after the end";
    sizes.push_back(buffer.size());
    body.append(reinterpret_cast<const char*>(buffer.bytes().data()), buffer.size());
    if (at_data) at_data(buffer.size());
  }
  void on_done(Status s) override {
    EXPECT_FALSE(status) << "done twice";
    status = std::move(s);
  }
  [[nodiscard]] bool ok() const { return status && *status; }
  [[nodiscard]] std::optional<ErrorCode> code() const {
    return status && !*status ? std::optional(status->error().code) : std::nullopt;
  }
  [[nodiscard]] std::string text() const { return status && !*status ? status->error().text() : "no error"; }

  std::vector<HttpHead> heads;
  std::string body;
  std::vector<std::size_t> sizes;
  std::optional<Status> status;
  std::function<void()> at_head;
  std::function<void(std::size_t)> at_data;
};

// Spaces may be written as such in the rows of a table.
inline Url url_of(std::string text) {
  for (std::size_t at = 0; (at = text.find(' ', at)) != std::string::npos;) text.replace(at, 1, "%20");
  const auto url = parse_url(text);
  EXPECT_TRUE(url) << text;
  return url.value_or(Url{});
}

class HttpFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    make_client(CurlSettings{"larder-test", 16, 64});
    options.proxy = "none";  // whatever the environment of the test says
  }
  void make_client(const CurlSettings& settings) {
    auto made = make_curl_client(settings, loop);
    ASSERT_TRUE(made) << made.error().text();
    http = std::move(*made);
  }

  HttpId start(const std::string& url, const std::shared_ptr<Collector>& collector, bool redirected = false,
               std::uint64_t rate = 0) {
    HttpRequest request;
    request.url = url_of(url);
    request.options = std::make_shared<ConnectOptions>(options);
    request.policy = std::make_shared<UrlPolicy>(policy);
    request.redirected = redirected;
    request.max_rate = rate;
    return http->start(std::move(request), collector);
  }
  // An exchange whose bytes are consumed as they come, to its end.
  std::shared_ptr<Collector> get(const std::string& url) {
    auto collector = std::make_shared<Collector>();
    HttpId id = 0;
    collector->at_data = [this, &id](std::size_t bytes) { http->consumed(id, bytes); };
    id = start(url, collector);
    EXPECT_TRUE(loop.wait_for([&] { return collector->status.has_value(); })) << url;
    collector->at_data = nullptr;
    return collector;
  }

  test::VirtualLoop loop;
  ConnectOptions options;
  UrlPolicy policy;
  std::unique_ptr<HttpClient> http;
};

}  // namespace larder::origin
