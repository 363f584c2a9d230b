// The command with an agent of an earlier or a later release.
#include "client/older_agent.h"

#include <gtest/gtest.h>

#include "client/job_follower.h"
#include "client/views.h"

namespace larder::agent {
namespace {

Error refusal(const std::string& detail) {
  return {ErrorCode::invalid_argument, "read the request's query", detail};
}

TEST(OlderAgent, IsAskedWithoutWhatOnlyShortensAnAnswer) {
  const std::string target = "/v1/jobs?descriptor=1&wait_ms=200&once=1";
  EXPECT_EQ(dispensable(refusal("\"wait_ms\" is not known here"), target), "wait_ms");
  EXPECT_EQ(dispensable(refusal("\"once\" is not known to this agent (9.9, API 1): it is older"), target), "once");
  EXPECT_FALSE(dispensable(refusal("\"files\" is not known here"), target)) << "it was not asked with";
  EXPECT_FALSE(dispensable(refusal("\"state\" is not known here"), "/v1/jobs?state=error")) << "it means something";
  EXPECT_FALSE(dispensable(refusal("\"files[0].sha256\" is not known"), target)) << "what decides over bytes stays";
  EXPECT_FALSE(dispensable({ErrorCode::not_found, "find it", "\"files\" is not known here"}, "/v1/jobs/a?files=0"));
  EXPECT_EQ(without(target, {"wait_ms"}), "/v1/jobs?descriptor=1&once=1");
  EXPECT_EQ(without(target, {"descriptor", "wait_ms", "once"}), "/v1/jobs");
  EXPECT_EQ(without("/v1/events?job=a&after=3&files=brief", {"files"}), "/v1/events?job=a&after=3");
  EXPECT_EQ(without("/v1/status", {"files"}), "/v1/status");
}

TEST(OlderAgent, IsNamedAsOlderWhereItsWordsDoNotSaySo) {
  const Error told = told_as_older(refusal("\"files[0].mirrors\" is not known"), "9.9");
  EXPECT_NE(told.detail.find("older than this command (9.9)"), std::string::npos) << told.text();
  const Error itself = refusal("\"x\" is not known to this agent (0.1.0, API 1): it is older than who asks");
  EXPECT_EQ(told_as_older(itself, "9.9").detail, itself.detail);
  const Error other{ErrorCode::not_found, "find /v1/x", "the API has no such path"};
  EXPECT_EQ(told_as_older(other, "9.9").detail, other.detail);
}

// Recorded of an agent to come: more members, kinds, states and codes.
TEST(LaterAgent, AnswersAreReadAndWhatIsNotKnownIsPassedOver) {
  const auto job = parse_job(R"({"id":"a1","of_tomorrow":{"x":[1,2]},"state":"weighing","bytes":7,
    "figures":{"origin":3,"peers":1,"cache":3,"wasted":2,"satellite":9},
    "error":{"code":"of_tomorrow","message":"cannot do it: no","hint":"x"},
    "files":[{"index":0,"url":"http://e/x","state":"weighing","colour":"red"}]})");
  ASSERT_TRUE(job) << job.error().text();
  EXPECT_EQ(job->figures.origin, 3U);
  EXPECT_FALSE(has_ended(job->state));
  ASSERT_TRUE(job->error);
  EXPECT_EQ(job->error->detail, "no");
  ASSERT_EQ(job->files.size(), 1U);
}

TEST(LaterAgent, KindsOfEventsThatAreNotKnownAreNeitherOfJobsNorOfFiles) {
  for (const char* kind : {"job.created", "job.state", "job.progress", "job.removed"}) EXPECT_TRUE(is_job_event(kind));
  EXPECT_TRUE(is_file_event("file.state"));
  for (const char* kind : {"job.advice", "job.", "file.seen", "group.changed", ""}) {
    EXPECT_FALSE(is_job_event(kind)) << kind;
    EXPECT_FALSE(is_file_event(kind)) << kind;
  }
}

}  // namespace
}  // namespace larder::agent
