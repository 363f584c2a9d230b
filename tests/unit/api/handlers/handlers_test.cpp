#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error_table.h"
#include "tests/unit/api/handlers_fixture.h"

namespace larder::agent {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kId = "0000000000000001";
const std::string kJob = std::string("/v1/jobs/") + kId;

TEST_F(HandlersTest, CreatesAJob) {
  const ApiResponse response = ask("POST", "/v1/jobs", R"({"name":"n","start":false,"files":[{"url":"https://e/x"}]})");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(header(response, "Location"), kJob);
  EXPECT_EQ(json::parse(response.body)["owner"], 17);
  EXPECT_EQ(jobs_.created.name, "n");
  EXPECT_EQ(jobs_.files.size(), 1U);
  EXPECT_FALSE(jobs_.start);
  EXPECT_THAT(jobs_.calls, ElementsAre(std::string("create 17 ") + kId));
}

TEST_F(HandlersTest, ALargeBodyIsReadOnAWorker) {
  std::string body = R"({"files":[)";
  for (int i = 0; i < 1000; ++i)
    body += std::string(i ? "," : "") + R"({"url":"https://e/)" + std::string(100, 'x') + "\"}";
  ASSERT_GT(body.size(), 64 * kKiB);
  EXPECT_EQ(ask("POST", "/v1/jobs?files=0", body + "]}").status, 201);
  EXPECT_EQ(jobs_.files.size(), 1000U);
  EXPECT_EQ(code(ask("POST", "/v1/jobs", body + "]]}")), "invalid_argument");
}

TEST_F(HandlersTest, SteersAJob) {
  jobs_.jobs = {test::sample_job(kId, 17)};
  for (const char* call : {"resume", "suspend", "cancel", "complete"}) {
    jobs_.calls.clear();
    EXPECT_EQ(ask("POST", kJob + "/" + call).status, 200);
    EXPECT_THAT(jobs_.calls, ElementsAre(std::string(call) + " 17 " + kId));
  }
  jobs_.calls.clear();
  EXPECT_EQ(ask("PATCH", kJob, R"({"priority":"low"})").status, 200);
  EXPECT_EQ(jobs_.changed.priority, Priority::low);
  EXPECT_EQ(ask("POST", kJob + "/files", R"({"files":[{"url":"u"}]})").status, 200);
  EXPECT_EQ(ask("POST", kJob + "/files/1/verdict", R"({"valid":false,"reason":"r"})").status, 200);
  EXPECT_EQ(ask("POST", kJob + "/files/0/retarget", R"({"url":"https://f/"})").status, 200);
  EXPECT_THAT(jobs_.calls, ElementsAre(std::string("change 17 ") + kId, std::string("add_files 17 ") + kId,
                                       std::string("verdict(1, false, r) 17 ") + kId,
                                       std::string("retarget(0, https://f/) 17 ") + kId));
}

TEST_F(HandlersTest, WhatAJobRefusesIsTheAnswer) {
  jobs_.jobs = {test::sample_job(kId, 17)};
  jobs_.error = Error{ErrorCode::invalid_state, "resume job", "it is already running"};
  const ApiResponse response = ask("POST", kJob + "/resume");
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(code(response), "invalid_state");
  EXPECT_THAT(response.body, HasSubstr("cannot resume job: it is already running"));
}

TEST_F(HandlersTest, AnothersJobIsNotThere) {
  jobs_.jobs = {test::sample_job(kId, 18)};
  for (const auto& [method, target, body] :
       std::vector<std::array<std::string, 3>>{{"GET", kJob, ""},
                                               {"POST", kJob + "/resume", ""},
                                               {"PATCH", kJob, "{}"},
                                               {"GET", kJob + "/files/0/content", ""},
                                               {"POST", kJob + "/files/0/descriptor", ""},
                                               {"POST", kJob + "/descriptors", R"({"files":[0]})"},
                                               {"GET", "/v1/events?job=" + std::string(kId), ""}}) {
    const ApiResponse response = ask(method, target, body);
    EXPECT_EQ(response.status, 404) << method << " " << target;
    EXPECT_EQ(code(response), "not_found");
    EXPECT_TRUE(response.descriptors.empty());
  }
  as(0, true);
  EXPECT_EQ(ask("GET", kJob).status, 200);
}

TEST_F(HandlersTest, ListsOwnJobsUnlessAskedForAll) {
  jobs_.jobs = {test::sample_job("aa", 17), test::sample_job("bb", 18), test::sample_job("cc", 0)};
  jobs_.jobs[0].state = JobState::error;
  const auto ids = [&](const std::string& target) {
    std::vector<std::string> list;
    const json answer = json::parse(ask("GET", target).body);
    for (const json& job : answer["jobs"]) list.push_back(job["id"]);
    return list;
  };
  EXPECT_THAT(ids("/v1/jobs"), ElementsAre("aa"));
  EXPECT_THAT(ids("/v1/jobs?state=error"), ElementsAre("aa"));
  EXPECT_THAT(ids("/v1/jobs?state=queued"), ElementsAre());
  EXPECT_EQ(ask("GET", "/v1/jobs?all=1").status, 403);
  EXPECT_EQ(ask("GET", "/v1/jobs?state=odd").status, 400);
  as(0, true);
  EXPECT_THAT(ids("/v1/jobs"), ElementsAre("cc"));
  EXPECT_THAT(ids("/v1/jobs?all=1"), ElementsAre("aa", "bb", "cc"));
}

TEST_F(HandlersTest, FilesMayBeLeftOut) {
  jobs_.jobs = {test::sample_job(kId, 17)};
  EXPECT_TRUE(json::parse(ask("GET", kJob).body).contains("files"));
  EXPECT_FALSE(json::parse(ask("GET", kJob + "?files=0").body).contains("files"));
}

TEST_F(HandlersTest, PassesDescriptors) {
  jobs_.jobs = {test::sample_job(kId, 17, 3)};
  const ApiResponse one = ask("POST", kJob + "/files/1/descriptor?partial=1");
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.descriptors.size(), 1U);
  EXPECT_EQ(json::parse(one.body),
            json::parse(R"({"size":10,"contiguous":10,"last_modified":"Tue, 01 Jan 2030 00:00:00 GMT"})"));
  const ApiResponse several = ask("POST", kJob + "/descriptors", R"({"files":[2,0]})");
  EXPECT_EQ(several.descriptors.size(), 2U);
  EXPECT_EQ(json::parse(several.body)["files"][0]["index"], 2);
  EXPECT_EQ(json::parse(several.body)["files"][1]["index"], 0);
  EXPECT_THAT(jobs_.calls,
              ElementsAre(std::string("open 17 ") + kId + " 1 true", std::string("open 17 ") + kId + " 2 false",
                          std::string("open 17 ") + kId + " 0 false"));
  EXPECT_EQ(ask("POST", kJob + "/files/3/descriptor").status, 404);
  EXPECT_EQ(ask("POST", kJob + "/descriptors", R"({"files":[0,3]})").status, 404);
  jobs_.error = Error{ErrorCode::invalid_state, "open", "not there yet"};
  const ApiResponse none = ask("POST", kJob + "/descriptors", R"({"files":[0,1]})");
  EXPECT_EQ(none.status, 409);
  EXPECT_TRUE(none.descriptors.empty());
}

TEST_F(HandlersTest, SendsContent) {
  jobs_.jobs = {test::sample_job(kId, 17)};
  const std::string target = kJob + "/files/0/content";
  const ApiResponse whole = ask("GET", target);
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.length, 10U);
  EXPECT_TRUE(whole.stream);
  EXPECT_EQ(header(whole, "Accept-Ranges"), "bytes");
  const std::string etag = header(whole, "ETag");
  EXPECT_EQ(etag, "\"00112233445566778899aabbccddeeff\"");

  request_.range = "bytes=2-4";
  const ApiResponse part = ask("GET", target);
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.length, 3U);
  EXPECT_EQ(header(part, "Content-Range"), "bytes 2-4/10");
  request_.if_range = etag;
  EXPECT_EQ(ask("GET", target).status, 206);
  request_.if_range = "\"other\"";
  EXPECT_EQ(ask("GET", target).status, 200);
  request_.if_range.clear();
  request_.range = "bytes=10-";
  const ApiResponse beyond = ask("GET", target);
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(header(beyond, "Content-Range"), "bytes */10");
  EXPECT_FALSE(beyond.stream);
  EXPECT_EQ(code(beyond), "invalid_argument");
  request_.range.clear();
  EXPECT_EQ(ask("GET", kJob + "/files/7/content").status, 404);
  jobs_.error = Error{ErrorCode::invalid_state, "open", "not there yet"};
  EXPECT_EQ(ask("GET", target).status, 409);
}

TEST_F(HandlersTest, ListsTheCache) {
  cache_.records = {test::sample_record("a1"), test::sample_record("a2", false), test::sample_record("a3"),
                    test::sample_record("a4")};
  // This user asked for a1, a2 (privately) and a3; a1 is known by the URL of somebody else as well, a4 is somebody's.
  cache_.records[0].versions.push_back({"https://others.example/secret", 10, "\"e\"", ""});
  for (std::size_t i = 0; i < 3; ++i) cache_.asked[{cache_.records[i].id, 17}] = cache_.records[i].versions[0].url;
  cache_.asked[{"a4", 18}] = cache_.records[3].versions[0].url;
  const auto ids = [&](const std::string& target) {
    std::vector<std::string> list;
    const json page = json::parse(ask("GET", target).body);
    for (const json& record : page["records"]) list.push_back(record["id"]);
    list.push_back(page["next"].is_null() ? "-" : page["next"].get<std::string>());
    return list;
  };
  EXPECT_THAT(ids("/v1/cache"), ElementsAre("a1", "a2", "a3", "-"));
  EXPECT_THAT(ids("/v1/cache?limit=2"), ElementsAre("a1", "a2", "a2"));
  EXPECT_THAT(ids("/v1/cache?limit=2&after=a2"), ElementsAre("a3", "-"));
  EXPECT_THAT(ids("/v1/cache?url=token"), ElementsAre("-"));  // of a query that is not shown nothing is told
  EXPECT_THAT(ids("/v1/cache?url=com/a3"), ElementsAre("a3", "-"));
  EXPECT_THAT(ask("GET", "/v1/cache").body, Not(HasSubstr("token")));
  EXPECT_THAT(ids("/v1/cache?url=others"), ElementsAre("-"));
  EXPECT_EQ(ask("GET", "/v1/cache/a2").status, 200);
  EXPECT_EQ(ask("GET", "/v1/cache/a4").status, 404) << "somebody else's";
  for (const char* target : {"/v1/cache", "/v1/cache/a1"}) {
    EXPECT_THAT(ask("GET", target).body, Not(HasSubstr("others.example"))) << target;
  }
  EXPECT_THAT(ask("GET", "/v1/cache/a1").body, HasSubstr("\"segments\":[{"));
  EXPECT_THAT(ask("GET", "/v1/cache/a1").body, Not(HasSubstr("token")));
  for (const char* bad : {"0", "1001", "-1", "x", "", "9999999999999999999999"})
    EXPECT_EQ(ask("GET", std::string("/v1/cache?limit=") + bad).status, 400) << bad;
  as(0, true);
  EXPECT_THAT(ids("/v1/cache"), ElementsAre("a1", "a2", "a3", "a4", "-"));
  EXPECT_THAT(ids("/v1/cache?url=token"), ElementsAre("a1", "a2", "a3", "a4", "-"));
  EXPECT_EQ(ask("GET", "/v1/cache/a2").status, 200);
  EXPECT_EQ(ask("GET", "/v1/cache/zz").status, 404);
}

TEST_F(HandlersTest, ChangesOfTheCacheNeedAnAdmin) {
  cache_.records = {test::sample_record("a1")};
  for (const auto& [method, target, body] :
       std::vector<std::array<std::string, 3>>{{"DELETE", "/v1/cache/a1", ""},
                                               {"DELETE", "/v1/cache", ""},
                                               {"DELETE", "/v1/cache?url=http://e/", ""},
                                               {"POST", "/v1/cache/a1/pin", R"({"pinned":true})"},
                                               {"GET", "/v1/config", ""},
                                               {"POST", "/v1/reload", ""}})
    EXPECT_EQ(ask(method, target, body).status, 403) << method << target;
  EXPECT_TRUE(cache_.calls.empty());
  EXPECT_EQ(reloads_, 0);
  as(0, true);
  EXPECT_EQ(ask("DELETE", "/v1/cache/a1").status, 204);
  EXPECT_EQ(ask("DELETE", "/v1/cache").body, R"({"removed":3})");
  EXPECT_EQ(ask("DELETE", "/v1/cache?url=HTTP://E:80/a/../b").body, R"({"removed":2})");
  EXPECT_EQ(ask("DELETE", "/v1/cache?url=nonsense").status, 400);
  EXPECT_TRUE(json::parse(ask("POST", "/v1/cache/a1/pin", R"({"pinned":true})").body)["pinned"]);
  EXPECT_EQ(ask("POST", "/v1/cache/zz/pin", R"({"pinned":true})").status, 404);
  EXPECT_EQ(ask("POST", "/v1/cache/a1/pin", "{}").status, 400);
  cache_.error = Error{ErrorCode::busy, "remove", "in use"};
  EXPECT_EQ(ask("DELETE", "/v1/cache/a1").status, 503);
  EXPECT_THAT(cache_.calls,
              ElementsAre("remove a1", "clear", "remove_url http://e/b", "pin a1 true", "pin zz true", "remove a1"));
}

TEST_F(HandlersTest, ReloadSaysWhatIsWrong) {
  as(0, true);
  EXPECT_EQ(ask("POST", "/v1/reload").status, 204);
  reload_answer_ = fail(ErrorCode::config_invalid, "use the configuration", "x.toml:3: unknown key");
  const ApiResponse response = ask("POST", "/v1/reload");
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("x.toml:3"));
  EXPECT_EQ(reloads_, 2);
  EXPECT_THAT(ask("GET", "/v1/config").body, HasSubstr("[cache]"));
}

TEST_F(HandlersTest, StatusAndMetrics) {
  jobs_.figures.bytes.origin = 77;
  loop_.advance(std::chrono::seconds(5));
  const json status = json::parse(ask("GET", "/v1/status").body);
  EXPECT_EQ(status["version"], "1.2.3");
  EXPECT_EQ(status["uptime_s"], 5.0);
  EXPECT_EQ(status["bytes"]["origin"], 77);
  EXPECT_EQ(status["caller"]["uid"], 17);
  const ApiResponse metrics = ask("GET", "/metrics");
  EXPECT_THAT(metrics.content_type, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics.body, HasSubstr("larder_bytes_total{source=\"origin\"} 77\n"));
  EXPECT_THAT(metrics.body, HasSubstr("larder_api_requests_total{code=\"200\"} 42\n"));
  cache_.error = Error{ErrorCode::database_error, "count", "broken"};
  EXPECT_EQ(ask("GET", "/metrics").status, 500);
}

TEST_F(HandlersTest, TheLoopbackPortOnlyShowsFigures) {
  request_.local = false;
  request_.caller = {static_cast<uid_t>(-1), false};
  for (const char* host : {"127.0.0.1:7480", "localhost", "localhost:7480", "[::1]:7480", "[::1]"}) {
    request_.host = host;
    EXPECT_EQ(ask("GET", "/metrics").status, 200) << host;
  }
  EXPECT_THAT(ask("GET", "/v1/status").body, Not(HasSubstr("state_directory")));
  for (const char* target : {"/v1/jobs", "/v1/cache", "/v1/events", "/v1/config"})
    EXPECT_EQ(ask("GET", target).status, 403) << target;
  EXPECT_EQ(ask("POST", "/v1/jobs", "{}").status, 403);
  EXPECT_TRUE(jobs_.calls.empty());
  for (const char* host : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "[::2]"}) {
    request_.host = host;
    EXPECT_EQ(ask("GET", "/metrics").status, 403) << host;
  }
}

// A page of another site may send what it likes to a port of this machine; it is told nothing, not even that this is
// Larder.
TEST_F(HandlersTest, APageOfAnotherSiteIsRefusedOnTheLoopbackPort) {
  request_.local = false;
  request_.caller = {static_cast<uid_t>(-1), false};
  request_.host = "127.0.0.1:7480";
  for (const char* site : {"cross-site", "same-site", "nonsense"}) {
    request_.fetch_site = site;
    EXPECT_EQ(ask("GET", "/metrics").status, 403) << site;
    EXPECT_EQ(ask("GET", "/v1/status").status, 403) << site;
  }
  for (const char* site :
       {"", "none", "same-origin"}) {  // not a browser; an address that was typed; a page of this port
    request_.fetch_site = site;
    EXPECT_EQ(ask("GET", "/metrics").status, 200) << site;
  }
  for (const char* origin : {"http://evil.example", "null", "http://127.0.0.1:8080"}) {
    request_.origin = origin;
    EXPECT_EQ(ask("GET", "/metrics").status, 403) << origin;
  }
  request_.origin = "http://127.0.0.1:7480";
  EXPECT_EQ(ask("GET", "/metrics").status, 200);
}

TEST_F(HandlersTest, Events) {
  jobs_.jobs = {test::sample_job(kId, 17)};
  const ApiResponse response = ask("GET", std::string("/v1/events?job=") + kId);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/event-stream");
  EXPECT_TRUE(response.stream);
  EXPECT_FALSE(response.length);
  for (const char* bad : {"x", "-1", "1x", "18446744073709551616"})
    EXPECT_EQ(ask("GET", std::string("/v1/events?after=") + bad).status, 400) << bad;
  request_.last_event_id = "5";
  EXPECT_EQ(ask("GET", "/v1/events?after=7").status, 200);
  request_.last_event_id = "nonsense";
  EXPECT_EQ(ask("GET", "/v1/events").status, 400);
}

TEST_F(HandlersTest, WrongMethodsAndPaths) {
  const ApiResponse wrong = ask("PUT", "/v1/jobs");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(header(wrong, "Allow"), "GET, HEAD, POST");
  EXPECT_EQ(code(wrong), "invalid_argument");
  EXPECT_EQ(ask("GET", "/v1/nothing").status, 404);
  EXPECT_EQ(ask("GET", "http://e/v1/status").status, 400);
  EXPECT_EQ(ask("GET", "/v1/status?x=1").status, 400);
}

TEST(ResponderTest, AnswersByItselfWhenDropped) {
  std::optional<ApiResponse> answer;
  {
    const Responder dropped([&](ApiResponse response) { answer = std::move(response); });
  }
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 500);
  int answers = 0;
  {
    Responder once([&](ApiResponse) { ++answers; });
    once(json_response(200, "{}"));
    once(json_response(200, "{}"));
  }
  EXPECT_EQ(answers, 1);
}

// Every error code has an answer whose status is the table's.
TEST(ErrorResponse, OfEveryCode) {
  for (const ErrorInfo& info : error_table()) {
    const ApiResponse response = error_response(Error{info.code, "do", "why"});
    EXPECT_EQ(response.status, info.http_status);
    EXPECT_EQ(json::parse(response.body)["error"]["code"], info.name);
  }
  const ApiResponse later = error_response({ErrorCode::busy, "do", "why", std::chrono::seconds(9)});
  EXPECT_THAT(later.headers, Contains(std::make_pair(std::string("Retry-After"), std::string("9"))));
}

}  // namespace
}  // namespace larder::agent
