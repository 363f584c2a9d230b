#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temp_directory.h"
#include "tests/unit/api/handlers_fixture.h"

namespace larder::agent {
namespace {

class UploadHandlersTest : public HandlersTest {
 protected:
  UniqueFd source(const std::string& name, const std::string& text) {
    const std::string path = directory_ / name;
    std::ofstream(path) << text;
    return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  std::vector<UniqueFd> sources(std::vector<std::string> texts) {
    std::vector<UniqueFd> opened;
    for (const std::string& text : texts) opened.push_back(source("f" + std::to_string(opened.size()), text));
    return opened;
  }

  larder::test::TempDirectory directory_;
};

TEST_F(UploadHandlersTest, sources_come_in_the_order_of_the_files) {
  const ApiResponse made = ask(
      "POST", "/v1/uploads",
      R"({"files":[{"url":"https://e/a","name":"a"},{"url":"https://e/b","name":"b"}],"transaction":"t","protocol":"bits",
          "reply":true,"spool":true,"overwrite":true,"max_rate":7,"name":"both"})",
      sources({"one", "two"}));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(jobs_.sources, (std::vector<std::string>{"a=one", "b=two"}));
  EXPECT_EQ(*jobs_.created.upload, (UploadOptions{origin::ProtocolWish::bits, "t", true, true, true}));
  EXPECT_EQ(jobs_.created.max_rate, 7U);
  EXPECT_TRUE(jobs_.start);
  const nlohmann::json job = nlohmann::json::parse(made.body);
  EXPECT_EQ(job["kind"], "upload");
  EXPECT_EQ(job["files"][0]["transaction"], "key");
  EXPECT_EQ(job["files"][0]["source"], "in_place");
}

TEST_F(UploadHandlersTest, a_job_that_was_there_is_told_as_such) {
  jobs_.was_there = true;
  EXPECT_EQ(ask("POST", "/v1/uploads", R"({"files":[{"url":"https://e/a"}]})", sources({"one"})).status, 200);
}

TEST_F(UploadHandlersTest, each_file_needs_its_descriptor) {
  for (const std::size_t count : {0U, 1U, 3U}) {
    std::vector<std::string> texts(count, "x");
    const ApiResponse refused =
        ask("POST", "/v1/uploads", R"({"files":[{"url":"https://e/a"},{"url":"https://e/b"}]})", sources(texts));
    EXPECT_EQ(code(refused), "invalid_argument") << count;
    EXPECT_NE(refused.body.find("SCM_RIGHTS"), std::string::npos);
  }
  EXPECT_TRUE(jobs_.calls.empty());
}

TEST_F(UploadHandlersTest, members_of_downloads_and_wrong_values_are_refused) {
  for (const char* members : {R"("verdict":{})", R"("use_cache":true)", R"("protocol":"ftp")", R"("transaction":7)",
                              R"("files":[{"url":"https://e/a","destination":"/x"}],"x":1)"}) {
    const ApiResponse refused =
        ask("POST", "/v1/uploads", std::string(R"({"files":[{"url":"https://e/a"}],)") + members + "}", sources({"x"}));
    EXPECT_EQ(code(refused), "invalid_argument") << members;
  }
  EXPECT_EQ(code(ask("POST", "/v1/uploads", "{}", sources({"x"}))), "invalid_argument");
}

TEST_F(UploadHandlersTest, a_reply_is_read_whole) {
  static_cast<void>(source("reply", "accepted as 17"));
  jobs_.reply_file = directory_ / "reply";
  const ApiResponse reply = ask("GET", "/v1/jobs/1/files/0/reply");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "accepted as 17");
  EXPECT_EQ(reply.content_type, "application/octet-stream");
  jobs_.reply_file.clear();
  EXPECT_EQ(code(ask("GET", "/v1/jobs/1/files/0/reply")), "not_found");
}

}  // namespace
}  // namespace larder::agent
