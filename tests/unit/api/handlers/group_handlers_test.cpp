#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "agent/api/handlers/handlers.h"
#include "agent/config/config.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/api/fakes.h"

namespace larder::agent {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GroupHandlersTest : public ::testing::Test {
 protected:
  GroupHandlersTest() { group_.shown = test::sample_group(); }

  Handlers& handlers(GroupService* group) {
    ApiServices services{jobs_,
                         cache_,
                         disk_,
                         [](uid_t uid) {
                           return Caller{uid, uid == 0};
                         },
                         [this] { return config_; },
                         [](UniqueFunction<void(Status)> done) { done({}); },
                         "1"};
    services.group = group;
    services.peers = &peers_;
    made_ = std::make_unique<Handlers>(services, loop_.runtime(), [] { return ServerFigures{}; });
    return *made_;
  }
  ApiResponse ask(Handlers& handlers, const std::string& method, const std::string& target, const std::string& body,
                  bool admin) {
    ApiRequest request{{17, admin}, true, method, target, body, "", "", "", ""};
    std::optional<ApiResponse> answer;
    handlers.handle(std::move(request), Responder([&](ApiResponse response) { answer = std::move(response); }));
    loop_.run_ready();
    return answer ? std::move(*answer) : ApiResponse{};
  }
  ApiResponse post(const std::string& target, const std::string& body, bool admin = true) {
    return ask(handlers(&group_), "POST", target, body, admin);
  }
  static std::string code(const ApiResponse& response) { return json::parse(response.body)["error"]["code"]; }

  larder::test::VirtualLoop loop_;
  WorkerPool disk_{"disk", 1, 16};
  test::FakeJobs jobs_;
  test::FakeCache cache_;
  test::FakeGroup group_;
  test::FakePeers peers_;
  std::shared_ptr<const Config> config_ = std::make_shared<Config>();
  std::unique_ptr<Handlers> made_;
};

TEST_F(GroupHandlersTest, EachChangeReachesTheGroup) {
  EXPECT_EQ(post("/v1/group", R"({"name":"Office"})").status, 201);
  EXPECT_EQ(post("/v1/group/invite", R"({"uses":3,"expires_s":60})").status, 201);
  EXPECT_EQ(group_.asked.uses, 3U);
  EXPECT_EQ(group_.asked.lifetime, std::chrono::minutes(1));
  EXPECT_EQ(post("/v1/group/join", R"({"invitation":"line"})").status, 200);
  EXPECT_EQ(post("/v1/group/leave", "").status, 200);
  EXPECT_EQ(post("/v1/group/leave", R"({"give_up_authority":true})").status, 200);
  const ApiResponse revoked = post("/v1/group/revoke", R"({"agent":"desk-12"})");
  EXPECT_EQ(json::parse(revoked.body)["invitations_closed"], 2);
  EXPECT_THAT(group_.calls,
              ElementsAre("create Office", "invite", "join line", "leave", "leave for good", "revoke desk-12"));
}

TEST_F(GroupHandlersTest, InvitationsHaveDefaults) {
  EXPECT_EQ(post("/v1/group/invite", "{}").status, 201);
  EXPECT_EQ(group_.asked.uses, 1U);
  EXPECT_EQ(group_.asked.lifetime, std::chrono::hours(24));
}

TEST_F(GroupHandlersTest, OnlyAdminsChangeIt) {
  for (const char* path : {"/v1/group", "/v1/group/invite", "/v1/group/join", "/v1/group/leave", "/v1/group/revoke"}) {
    const ApiResponse refused = post(path, R"({"name":"Office"})", false);
    EXPECT_EQ(refused.status, 403) << path;
    EXPECT_EQ(code(refused), "permission_denied") << path;
  }
  EXPECT_TRUE(group_.calls.empty());
}

TEST_F(GroupHandlersTest, OnlyAdminsPardonAnAgent) {
  EXPECT_EQ(post("/v1/peers/pardon", R"({"agent":"desk-12"})", false).status, 403);
  EXPECT_TRUE(peers_.pardoned.empty());
  const ApiResponse pardoned = post("/v1/peers/pardon", R"({"agent":"desk-12"})");
  EXPECT_EQ(pardoned.status, 200);
  EXPECT_EQ(json::parse(pardoned.body), json::parse(R"({"id":"a1","pardoned":true})"));
  EXPECT_THAT(peers_.pardoned, ElementsAre("desk-12"));
  EXPECT_EQ(code(post("/v1/peers/pardon", "{}")), "invalid_argument");
  peers_.error = Error{ErrorCode::not_found, "pardon agent x", "no such", std::nullopt};
  EXPECT_EQ(code(post("/v1/peers/pardon", R"({"agent":"x"})")), "not_found");
}

TEST_F(GroupHandlersTest, EverybodyMayLookButOnlyAdminsSeeInvitations) {
  const json seen = json::parse(ask(handlers(&group_), "GET", "/v1/group", "", false).body);
  EXPECT_EQ(seen["name"], "Office");
  EXPECT_EQ(seen["role"], "authority");
  EXPECT_FALSE(seen.contains("invitations"));
  EXPECT_TRUE(json::parse(ask(handlers(&group_), "GET", "/v1/group", "", true).body).contains("invitations"));
}

TEST_F(GroupHandlersTest, WhatIsNotUnderstoodIsNotDone) {
  EXPECT_EQ(code(post("/v1/group", "{}")), "invalid_argument");
  EXPECT_EQ(code(post("/v1/group", R"({"name":"Office","colour":"red"})")), "invalid_argument");
  EXPECT_EQ(code(post("/v1/group/invite", R"({"uses":0})")), "invalid_argument");
  EXPECT_EQ(code(post("/v1/group/invite", R"({"uses":10001})")), "invalid_argument");
  EXPECT_EQ(code(post("/v1/group/join", R"({"invitation":17})")), "invalid_argument");
  EXPECT_EQ(code(post("/v1/group/revoke", "[]")), "invalid_argument");
  EXPECT_TRUE(group_.calls.empty());
}

TEST_F(GroupHandlersTest, ErrorsOfTheGroupAreAnswered) {
  group_.error = Error{ErrorCode::already_exists, "make group Office", "this agent is in group Home", std::nullopt};
  const ApiResponse refused = post("/v1/group", R"({"name":"Office"})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("this agent is in group Home"));
}

TEST_F(GroupHandlersTest, AnAgentWithoutGroupsSaysSo) {
  EXPECT_EQ(code(ask(handlers(nullptr), "GET", "/v1/group", "", true)), "invalid_state");
  EXPECT_EQ(code(ask(handlers(nullptr), "POST", "/v1/group", R"({"name":"Office"})", true)), "invalid_state");
}

}  // namespace
}  // namespace larder::agent
