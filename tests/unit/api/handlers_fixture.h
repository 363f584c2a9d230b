// The handlers over jobs and a cache that answer as a test says, asked as one user.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "agent/api/handlers/handlers.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/api/fakes.h"

namespace larder::agent {

class HandlersTest : public testing::Test {
 protected:
  // As request_ says, without descriptors: those are not copied.
  [[nodiscard]] ApiRequest new_request() const {
    const ApiRequest& like = request_;
    return {like.caller, like.local,    like.method,        like.target, like.body,       like.host,
            like.range,  like.if_range, like.last_event_id, like.origin, like.fetch_site, {}};
  }
  ApiResponse ask(std::string method, std::string target, std::string body = "", std::vector<UniqueFd> sources = {}) {
    ApiRequest request = new_request();
    request.descriptors = std::move(sources);
    request.method = std::move(method);
    request.target = std::move(target);
    request.body = std::move(body);
    std::optional<ApiResponse> answer;
    handlers_.handle(std::move(request), Responder([&](ApiResponse response) { answer = std::move(response); }));
    EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
    return answer ? std::move(*answer) : ApiResponse{};
  }
  std::string code(const ApiResponse& response) {
    const nlohmann::json body = nlohmann::json::parse(response.body, nullptr, false);
    return body.contains("error") ? body["error"].value("code", "?") : "none";
  }
  static std::string header(const ApiResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers)
      if (key == name) return value;
    return "";
  }
  void as(uid_t uid, bool admin = false) { request_.caller = {uid, admin}; }

  larder::test::VirtualLoop loop_;
  WorkerPool disk_{"disk", 1, 16};
  test::FakeJobs jobs_;
  test::FakeCache cache_;
  std::shared_ptr<const Config> config_ = std::make_shared<Config>();
  Status reload_answer_;
  int reloads_ = 0;
  Handlers handlers_{ApiServices{jobs_, cache_, disk_,
                                 [](uid_t uid) {
                                   return Caller{uid, uid == 0};
                                 },
                                 [this] { return config_; },
                                 [this](UniqueFunction<void(Status)> done) {
                                   ++reloads_;
                                   done(reload_answer_);
                                 },
                                 "1.2.3"},
                     loop_.runtime(), [] {
                       ServerFigures figures;
                       figures.answers[200] = 42;
                       return figures;
                     }};
  ApiRequest request_{{17, false}, true, "", "", "", "", "", "", "", "", "", {}};
};

}  // namespace larder::agent
