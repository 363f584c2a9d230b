#include "client/views.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client/client.h"
#include "client/requests.h"

namespace larder::agent {
namespace {

using nlohmann::json;

TEST(Views, ReadsAJobWithItsFiles) {
  const auto job =
      parse_job(R"({"id":"a1","name":"n","owner":1000,"state":"error","priority":"low","size":null,"bytes":7,
    "figures":{"origin":3,"peers":1,"cache":3,"wasted":2},"files_total":2,"files_done":1,"max_rate":0,
    "error":{"code":"http_fatal","message":"cannot fetch http://e/x: 404: gone","retry_after_s":5},
    "verdict":{"hook":"","app":true,"minisign":false},
    "files":[{"index":0,"url":"http://e/x","state":"failed","size":12,"contiguous":4,"content":"c","restarts":1,"error":null}]})");
  ASSERT_TRUE(job) << job.error().text();
  EXPECT_EQ(job->id, "a1");
  EXPECT_EQ(job->size, std::nullopt);
  EXPECT_EQ(job->figures.wasted, 2u);
  EXPECT_TRUE(job->app_verdict);
  ASSERT_TRUE(job->error);
  EXPECT_EQ(job->error->code, ErrorCode::http_fatal);
  EXPECT_EQ(job->error->text(), "cannot fetch http://e/x: 404: gone");
  EXPECT_EQ(job->error->retry_after, std::chrono::seconds(5));
  ASSERT_EQ(job->files.size(), 1u);
  EXPECT_EQ(job->files[0].size, 12u);
  EXPECT_EQ(job->files[0].restarts, 1u);
  EXPECT_FALSE(job->files[0].error);
}

TEST(Views, RefusesWrongTypesWithoutThrowing) {
  for (const char* text : {"", "{", "[]", R"({"id":5})", R"({"bytes":"7"})", R"({"files":[7]})", R"({"figures":[]})"}) {
    const auto job = parse_job(text);
    ASSERT_FALSE(job) << text;
    EXPECT_EQ(job.error().code, ErrorCode::agent_answer_invalid) << text;
  }
  EXPECT_FALSE(parse_jobs("{}"));
  EXPECT_FALSE(parse_descriptors(R"({"files":{"a":1}})"));
}

TEST(Views, MakesAnErrorOfAnyAnswer) {
  EXPECT_EQ(
      error_from_answer(404, R"({"error":{"code":"not_found","message":"cannot show the job: it is not there"}})").code,
      ErrorCode::not_found);
  EXPECT_EQ(error_from_answer(500, "<html>").code, ErrorCode::agent_answer_invalid);
  EXPECT_EQ(error_from_answer(500, R"({"error":{"code":7}})").code, ErrorCode::agent_answer_invalid);
  EXPECT_EQ(error_from_answer(400, R"({"error":{"code":"of_tomorrow","message":"x"}})").code, ErrorCode::internal);
}

TEST(Requests, SendsOnlyWhatWasAsked) {
  JobRequest request;
  request.files = {{"https://e/x", "", "", "", {}}};
  EXPECT_EQ(json::parse(job_body(request)),
            json::parse(R"({"priority":"foreground","files":[{"url":"https://e/x"}]})"));
}

TEST(Requests, SendsEverything) {
  JobRequest request;
  request.name = "n";
  request.minisign_public_key = "k";
  request.minisign_signature = "s";
  request.hook = "h";
  request.app_verdict = true;
  request.max_rate = 5;
  request.parallel_ranges = 3;
  request.use_cache = request.store = request.use_peers = request.share = false;
  request.offline_ok = true;
  request.retry_delay = std::chrono::milliseconds(1500);
  request.headers = {{"A", "b"}};
  request.user = "u";
  request.password = "p";
  request.files = {{"https://e/x", "/d", std::string(64, 'a'), "fs", {{1, 2}, {9, UINT64_MAX}}}};
  const json body = json::parse(job_body(request));
  EXPECT_EQ(body["verdict"], json::parse(R"({"minisign":{"public_key":"k","signature":"s"},"hook":"h","app":true})"));
  EXPECT_EQ(body["connect"], json::parse(R"({"headers":[["A","b"]],"user":"u","password":"p"})"));
  EXPECT_EQ(body["retry_delay_s"], 1.5);
  EXPECT_EQ(body["use_cache"], false);
  EXPECT_EQ(body["use_peers"], false);
  EXPECT_EQ(body["share"], false);
  EXPECT_EQ(body["offline_ok"], true);
  EXPECT_EQ(body["store"], false);
  EXPECT_EQ(body["files"][0]["ranges"], json::parse("[[1,2],[9,null]]"));
}

TEST(Requests, EscapesQueries) {
  EXPECT_EQ(escape_query("https://e/x?a=b&c d\n"), "https%3A//e/x%3Fa%3Db%26c%20d%0A");
}

TEST(Requests, ReportsNamesThatAreNotText) {
  JobView job;
  job.files.resize(1);
  job.files[0].url = "http://e/\xff";
  const std::string report = get_report(job, {"/tmp/\xff"}, std::nullopt);
  EXPECT_FALSE(json::parse(report, nullptr, false).is_discarded());
}

}  // namespace
}  // namespace larder::agent
