#include "agent/cli/put/put_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error_table.h"

namespace larder::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(SentName, IsTheLastPartOfThePath) {
  for (const auto& [path, name] : std::vector<std::pair<std::string, std::string>>{
           {"a", "a"}, {"/x/a b", "a b"}, {"./a", "a"}, {"dir/", "dir"}, {"/x/dir//", "dir"}, {"/", ""}})
    EXPECT_EQ(sent_name(path), name) << path;
}

TEST(TargetUrls, AddTheNameWhereAFileNeedsAnUrlOfItsOwn) {
  struct Case {
    std::string url, protocol;
    std::vector<std::string> names, urls;
  };
  for (const Case& one : std::vector<Case>{
           {"http://h/a", "put", {"f"}, {"http://h/a"}},
           {"http://h/a/", "put", {"f"}, {"http://h/a/f"}},
           {"http://h/a/", "bits", {"f", "g"}, {"http://h/a/f", "http://h/a/g"}},
           {"http://h/a/?k=/", "put", {"f"}, {"http://h/a/f?k=/"}},
           {"http://h/a?k=/", "put", {"f"}, {"http://h/a?k=/"}},
           {"http://h/", "put", {"a b%?#/\xC3\xA9"}, {"http://h/a%20b%25%3F%23%2F%C3%A9"}},
           {"http://h/in/", "tus", {"f", "f"}, {"http://h/in/", "http://h/in/"}},
           {"http://h/in", "tus", {"f", "g"}, {"http://h/in", "http://h/in"}},
           {"http://h/in/", "", {"f", "g"}, {"http://h/in/", "http://h/in/"}},
       }) {
    const auto urls = target_urls(one.url, one.names, one.protocol);
    ASSERT_TRUE(urls) << urls.error().text();
    EXPECT_EQ(*urls, one.urls);
  }
}

TEST(TargetUrls, RefuseSeveralFilesForOneUrl) {
  for (const char* protocol : {"", "put", "bits"}) EXPECT_FALSE(target_urls("http://h/a", {"f", "g"}, protocol));
  const auto same = target_urls("http://h/", {"f", "g", "f"}, "put");
  ASSERT_FALSE(same);
  EXPECT_THAT(same.error().text(), HasSubstr("two of them are called f"));
}

TEST(CheckTransaction, TakesWhatAFieldCanCarry) {
  for (const std::string& id : {std::string("a"), std::string(120, 'x'), std::string("nightly/2026-11-30!~")})
    EXPECT_TRUE(check_transaction(id)) << id;
  for (const std::string& id : {std::string(), std::string(121, 'x'), std::string("a b"), std::string("a\"b"),
                                std::string("a\\b"), std::string("a\n"), std::string("\xC3\xA9"), std::string("a\x7f")})
    EXPECT_FALSE(check_transaction(id)) << id;
}

TEST(PutJobName, IsForPeople) {
  EXPECT_EQ(put_job_name({"a.deb"}), "put a.deb");
  EXPECT_EQ(put_job_name({"a.deb", "b", "c"}), "put a.deb and 2 more");
  EXPECT_EQ(put_job_name({"a\x1b[2J"}), "put a?[2J");
}

JobView job(const std::string& state, std::optional<ErrorCode> code = std::nullopt, std::uint64_t bytes = 0) {
  JobView made;
  made.state = state;
  if (code) made.error = Error{*code, "put f", "why"};
  FileView& file = made.files.emplace_back();
  file.state = state == "transferred" ? state : "failed";
  file.bytes = bytes;
  file.error = made.error;
  return made;
}

// Which errors the same command can get over: of each code, whether a job is gone on with, and whether one with bytes
// is kept.
TEST(UploadJobs, WhatIsGoneOnWithAndWhatIsKept) {
  using enum ErrorCode;
  const std::vector<ErrorCode> over = {unauthorized,   proxy_unauthorized,      certificate_rejected,
                                       tls_failed,     forbidden_url,           http_fatal,
                                       too_large,      too_many_redirects,      redirect_forbidden,
                                       source_changed, rejected_by_application, digest_mismatch,
                                       already_exists, invalid_argument};
  for (const ErrorInfo& info : error_table()) {
    const bool is_over = std::find(over.begin(), over.end(), info.code) != over.end();
    EXPECT_EQ(upload_worth_going_on(job("error", info.code)), !is_over) << info.name;
    EXPECT_EQ(upload_worth_keeping(job("error", info.code, 5)), !is_over) << info.name;
    EXPECT_EQ(upload_worth_keeping(job("error", info.code)), info.code == outcome_unknown) << info.name;
  }
  for (const char* state : {"queued", "suspended", "transient_error", "transferred", "transferring"})
    EXPECT_TRUE(upload_worth_going_on(job(state))) << state;
  for (const char* state : {"acknowledged", "cancelled"}) EXPECT_FALSE(upload_worth_going_on(job(state))) << state;
}

TEST(PutSummary, SaysWhatWasSentAgainAndWhetherTheServerNamedTheDigest) {
  JobView done = job("transferred", std::nullopt, 3 * kMiB);
  done.bytes = 3 * kMiB;
  EXPECT_EQ(put_summary("f", done, std::chrono::seconds(3)), "f  3.00 MiB in 3.0 s (1.00 MiB/s)");
  done.files[0].resent = kMiB;
  done.files[0].confirmed = true;
  EXPECT_THAT(put_summary("f", done, std::chrono::seconds(3)), HasSubstr("sent again 1.00 MiB  digest confirmed"));
  done.files.emplace_back();
  EXPECT_THAT(put_summary("f", done, std::chrono::seconds(3)), Not(HasSubstr("digest")));
}

}  // namespace
}  // namespace larder::agent
