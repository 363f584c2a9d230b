// A creation that makes nothing twice, and one whose answer waits for the job's end.
#include <gtest/gtest.h>

#include "tests/unit/api/handlers_fixture.h"

namespace larder::agent {
namespace {

using nlohmann::json;

using JobCreationTest = HandlersTest;

// Made only where there is no unfinished one of that name: a command that is repeated needs no list of all jobs.
TEST_F(JobCreationTest, IsOfOneJobOnly) {
  const std::string body = R"({"name":"n","files":[{"url":"https://e/x"}]})";
  const auto job = [](const char* id, uid_t owner, const char* name, JobState state) {
    Job made = test::sample_job(id, owner);
    made.options.name = name;
    made.state = state;
    return made;
  };
  jobs_.jobs = {job("000000000000000a", 18, "n", JobState::queued), job("000000000000000b", 17, "m", JobState::queued),
                job("000000000000000c", 17, "n", JobState::acknowledged)};
  as(17, true);  // an admin sees all of them
  const ApiResponse made = ask("POST", "/v1/jobs?once=1", body);
  EXPECT_EQ(made.status, 201);
  const ApiResponse same = ask("POST", "/v1/jobs?once=1", body);
  EXPECT_EQ(same.status, 200);
  EXPECT_EQ(json::parse(same.body)["id"], json::parse(made.body)["id"]);
  EXPECT_TRUE(json::parse(same.body).contains("files"));
  EXPECT_NE(header(same, "Larder-Event"), "");
  EXPECT_EQ(jobs_.jobs.size(), 4U);
  EXPECT_EQ(ask("POST", "/v1/jobs", body).status, 201) << "unasked";
  EXPECT_EQ(ask("POST", "/v1/jobs?once=1", R"({"files":[{"url":"https://e/x"}]})").status, 400);
}

class JobEndTest : public HandlersTest {
 protected:
  // The answer to a creation that waits, once there is one.
  void create(const std::string& query) {
    ApiRequest request = new_request();
    request.method = "POST";
    request.target = "/v1/jobs?" + query;
    request.body = R"({"name":"n","files":[{"url":"https://e/x"}]})";
    handlers_.handle(std::move(request), Responder([this](ApiResponse response) { answer_ = std::move(response); }));
    loop_.run_ready();
  }
  void goes_to(JobState state, EventKind kind = EventKind::job_state) {
    Job& job = jobs_.jobs.front();
    job.state = state;
    handlers_.on_job_event(Event{kind, job.id, job.owner, std::nullopt, &job});
    EXPECT_FALSE(answer_) << "in the midst of the change";
    job.files.at(0).verdict_reason = "known at the end of the change";
    loop_.run_ready();
  }
  std::optional<ApiResponse> answer_;
};

TEST_F(JobEndTest, TheAnswerWaitsForIt) {
  for (const JobState end : {JobState::transferred, JobState::error}) {
    jobs_.jobs.clear();
    answer_.reset();
    create("wait_ms=30");
    ASSERT_FALSE(answer_);
    for (const JobState state : {JobState::connecting, JobState::transferring, JobState::validating}) goes_to(state);
    ASSERT_FALSE(answer_);
    goes_to(end);
    ASSERT_TRUE(answer_);
    EXPECT_EQ(answer_->status, 201);
    EXPECT_EQ(header(*answer_, "Location"), "/v1/jobs/" + jobs_.jobs.front().id);
    const json job = json::parse(answer_->body);
    EXPECT_EQ(job["state"], std::string(job_state_name(end)));
    EXPECT_EQ(job["files"][0]["verdict_reason"], "known at the end of the change");
    EXPECT_EQ(loop_.timers(), 0U);
  }
}

TEST_F(JobEndTest, TheContentComesWithIt) {
  create("wait_ms=30&descriptor=1");
  goes_to(JobState::transferred);
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->status, 201);
  ASSERT_EQ(answer_->descriptors.size(), 1U);
  EXPECT_GE(answer_->descriptors.front()->descriptor(), 0);
}

TEST_F(JobEndTest, TheContentComesOnlyWhereItIsAskedForAndThere) {
  const auto ends = [this](const std::string& query, JobState state, std::size_t files = 1) {
    jobs_.jobs.clear();
    jobs_.calls.clear();
    answer_.reset();
    create(query);
    Job& job = jobs_.jobs.front();
    job.files.resize(files, job.files.front());
    goes_to(state);
    loop_.advance(std::chrono::milliseconds(30));
    EXPECT_TRUE(answer_);
    return answer_ ? answer_->descriptors.size() : 99;
  };
  EXPECT_EQ(ends("wait_ms=30", JobState::transferred), 0U);
  EXPECT_EQ(ends("wait_ms=30&descriptor=1", JobState::transferring), 0U);
  EXPECT_EQ(ends("wait_ms=30&descriptor=1", JobState::validating), 0U) << "nobody has said that it is good";
  EXPECT_EQ(ends("wait_ms=30&descriptor=1", JobState::error), 0U);
  EXPECT_EQ(ends("wait_ms=30&descriptor=1", JobState::transferred, 2), 0U);
  EXPECT_EQ(ends("wait_ms=30&descriptor=1", JobState::transferred, 1), 1U) << "else the above says nothing";
}

TEST_F(JobEndTest, WhatCannotBeOpenedIsToldWithoutIt) {
  create("wait_ms=30&descriptor=1");
  jobs_.error = Error{ErrorCode::content_damaged, "open", "it is gone"};
  goes_to(JobState::transferred);
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->status, 201);
  EXPECT_TRUE(answer_->descriptors.empty());
  EXPECT_EQ(json::parse(answer_->body)["state"], "transferred");
}

TEST_F(JobEndTest, ButNotForLong) {
  create("wait_ms=30&files=0");
  goes_to(JobState::transferring);
  loop_.advance(std::chrono::milliseconds(29));
  EXPECT_FALSE(answer_);
  loop_.advance(std::chrono::milliseconds(1));
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->status, 201);
  EXPECT_EQ(json::parse(answer_->body)["state"], "transferring");
  EXPECT_FALSE(json::parse(answer_->body).contains("files"));
  answer_.reset();
  goes_to(JobState::transferred);
  EXPECT_FALSE(answer_) << "once";
}

TEST_F(JobEndTest, OneThatSomebodyCancelsIsToldAsSuch) {
  create("wait_ms=30");
  goes_to(JobState::cancelled, EventKind::job_removed);
  ASSERT_TRUE(answer_);
  EXPECT_EQ(json::parse(answer_->body)["state"], "cancelled");
}

TEST_F(JobEndTest, OneThatIsGoneAltogetherIsAnError) {
  create("wait_ms=30");
  jobs_.jobs.clear();
  loop_.advance(std::chrono::milliseconds(30));
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->status, 404);
}

TEST_F(JobEndTest, AnothersEndIsNotIt) {
  create("wait_ms=30");
  Job other = test::sample_job("00000000000000ff", 17);
  other.state = JobState::transferred;
  handlers_.on_job_event(Event{EventKind::job_state, other.id, other.owner, std::nullopt, &other});
  loop_.run_ready();
  EXPECT_FALSE(answer_);
  loop_.advance(std::chrono::milliseconds(30));
  EXPECT_TRUE(answer_);
}

// Who still waits when the server goes is answered, as by every request that is dropped.
TEST_F(JobEndTest, TheEndOfTheServerIsAnAnswerToo) {
  std::optional<ApiResponse> answer;
  {
    Handlers ending(ApiServices{jobs_, cache_, disk_, [](uid_t) { return Caller{}; }, [this] { return config_; },
                                [](UniqueFunction<void(Status)>) {}, "1.2.3"},
                    loop_.runtime(), [] { return ServerFigures{}; });
    ApiRequest request = new_request();
    request.method = "POST";
    request.target = "/v1/jobs?wait_ms=30";
    request.body = R"({"files":[{"url":"https://e/x"}]})";
    ending.handle(std::move(request), Responder([&](ApiResponse response) { answer = std::move(response); }));
    loop_.run_ready();
    EXPECT_FALSE(answer);
  }
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 500);
  loop_.advance(std::chrono::milliseconds(30));
}

TEST_F(JobEndTest, WhatIsNotMadeOrNotStartedIsNotWaitedFor) {
  jobs_.error = Error{ErrorCode::limit_exceeded, "create", "too many"};
  create("wait_ms=30");
  ASSERT_TRUE(answer_);
  EXPECT_EQ(code(*answer_), "limit_exceeded");
  EXPECT_EQ(ask("POST", "/v1/jobs?wait_ms=30", R"({"start":false,"files":[{"url":"https://e/x"}]})").status, 201);
  for (const char* bad : {"", "-1", "1001", "1x", "99999999999999999999"})
    EXPECT_EQ(ask("POST", std::string("/v1/jobs?wait_ms=") + bad, "{}").status, 400) << bad;
}

}  // namespace
}  // namespace larder::agent
