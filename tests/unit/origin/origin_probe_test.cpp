// Probes of servers on which the cheap questions do not work.
#include <gtest/gtest.h>

#include "origin/origin.h"
#include "origin/rules/probe_rules.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/origin/scripted_http.h"

namespace larder::origin {
namespace {

const Header kTag = {"etag", "\"a\""};
const Header kPart = {"content-range", "bytes 0-0/1000"};

Header length(std::size_t n) {
  return {"content-length", std::to_string(n)};
}

class OriginProbeTest : public ::testing::Test {
 protected:
  void probe(const std::string& url = "http://h.example/x") {
    probed.reset();
    origin->probe({*parse_url(url), std::make_shared<ConnectOptions>(), std::make_shared<UrlPolicy>()},
                  [this](Result<Edition> edition) { probed = std::move(edition); });
    loop.run_ready();
  }
  // Of the latest request.
  [[nodiscard]] std::string asks() const {
    if (http.last().head) return "HEAD";
    return http.sent("Range") == "absent" ? "GET" : "GET " + http.sent("Range");
  }
  void breaks(ErrorCode code) { http.done(fail(code, "x", "y")); }

  test::VirtualLoop loop;
  ScriptedHttp http{loop};
  std::unique_ptr<Origin> origin = make_origin(http, loop.runtime());
  std::optional<Result<Edition>> probed;
};

TEST_F(OriginProbeTest, ABrokenHeadIsNoFailure) {
  for (const ErrorCode code : {ErrorCode::no_progress, ErrorCode::connection_lost, ErrorCode::bad_response}) {
    origin = make_origin(http, loop.runtime());
    probe();
    EXPECT_EQ(asks(), "HEAD");
    EXPECT_EQ(http.last().answer_within, kHelperPatience);
    breaks(code);
    EXPECT_EQ(asks(), "GET bytes=0-0");
    http.answer(206, {kTag, kPart}, 1);
    ASSERT_TRUE(probed && *probed) << static_cast<int>(code);
    EXPECT_EQ((*probed)->version.size, 1000U);
    EXPECT_TRUE((*probed)->ranges);
  }
}

TEST_F(OriginProbeTest, NoStatusOfAHeadIsBelieved) {
  for (const int status :
       {400, 401, 402, 403, 404, 405, 406, 408, 410, 411, 412, 416, 418, 451, 500, 501, 502, 503, 504, 999}) {
    origin = make_origin(http, loop.runtime());
    probe();
    http.head(status, {});
    EXPECT_EQ(asks(), "GET bytes=0-0") << status;
    http.answer(206, {kTag, kPart}, 1);
    EXPECT_TRUE(probed && *probed) << status;
  }
}

TEST_F(OriginProbeTest, AHeadThatIsLedAstrayIsNoFailure) {
  for (const char* location : {"", "ftp://h/", "http://127.0.0.1/", "/x"}) {
    origin = make_origin(http, loop.runtime());
    probe();
    for (int i = 0; i < 12 && http.last().head; ++i) http.answer(302, {{"location", location}, length(0)});
    EXPECT_EQ(asks(), "GET bytes=0-0") << location;
    EXPECT_EQ(http.last().url.canonical(), "http://h.example/x");
    http.answer(206, {kTag, kPart}, 1);
    EXPECT_TRUE(probed && *probed) << location;
  }
}

TEST_F(OriginProbeTest, WhatIsTheWayIsNotAskedAgain) {
  for (const ErrorCode code : {ErrorCode::connect_failed, ErrorCode::name_not_resolved, ErrorCode::network_unreachable,
                               ErrorCode::timed_out, ErrorCode::certificate_rejected, ErrorCode::tls_failed}) {
    const std::size_t before = http.requests_.size();
    probe();
    breaks(code);
    ASSERT_TRUE(probed && !*probed);
    EXPECT_EQ(probed->error().code, code);
    EXPECT_EQ(http.requests_.size(), before + 1);
  }
}

TEST_F(OriginProbeTest, TheHostIsRememberedForAWhile) {
  probe();
  breaks(ErrorCode::no_progress);
  http.answer(206, {kTag, kPart}, 1);
  probe("http://h.example/another");
  EXPECT_EQ(asks(), "GET bytes=0-0");
  http.answer(206, {kTag, kPart}, 1);
  probe("http://h.example:81/x");
  EXPECT_EQ(asks(), "HEAD");
  http.answer(200, {kTag, length(9)});
  loop.advance(HelperMemory::kKept + std::chrono::seconds(1));
  probe();
  EXPECT_EQ(asks(), "HEAD") << "servers are mended";
}

TEST_F(OriginProbeTest, AHostIsNotRememberedForAFileThatIsNotThere) {
  probe();
  http.head(404, {});
  http.head(404, {});
  ASSERT_TRUE(probed && !*probed);
  EXPECT_EQ(probed->error().code, ErrorCode::http_fatal);
  probe();
  EXPECT_EQ(asks(), "HEAD");
  http.head(200, {kTag});  // no length: useless, and no failure
  EXPECT_EQ(asks(), "GET bytes=0-0");
  http.answer(206, {kTag, kPart}, 1);
  probe();
  EXPECT_EQ(asks(), "HEAD");
}

TEST_F(OriginProbeTest, AHostThatIsAskedTooOftenIsNotAskedAgainAtOnce) {
  const std::size_t before = http.requests_.size();
  probe();
  http.head(429, {{"retry-after", "7"}});
  ASSERT_TRUE(probed && !*probed);
  EXPECT_EQ(probed->error().code, ErrorCode::http_transient);
  EXPECT_EQ(http.requests_.size(), before + 1);
  probe();
  EXPECT_EQ(asks(), "GET bytes=0-0") << "it may be the HEAD";
}

TEST_F(OriginProbeTest, ServersWithoutRangesAnswerWithTheWhole) {
  probe();
  http.head(405, {});
  http.head(200, {kTag, length(1000)});
  ASSERT_TRUE(probed && *probed);
  EXPECT_FALSE((*probed)->ranges);
  EXPECT_TRUE((*probed)->one_stream);
  EXPECT_FALSE(http.open()) << "the body of the whole is not read";
}

// An empty file has no first byte, and servers say so in many ways.
TEST_F(OriginProbeTest, AnEmptyFileIsAFile) {
  for (const int status : {400, 416, 403, 500, 501}) {
    origin = make_origin(http, loop.runtime());
    probe();
    http.head(200, {kTag, length(0)});
    EXPECT_EQ(asks(), "GET bytes=0-0");
    http.head(status, {});
    EXPECT_EQ(asks(), "GET") << status;
    EXPECT_EQ(http.last().answer_within, Duration::zero()) << "now it is the download's own question";
    http.answer(200, {kTag, length(0)});
    ASSERT_TRUE(probed && *probed) << status;
    EXPECT_EQ((*probed)->version.size, 0U);
    probe("http://h.example/not-empty");
    EXPECT_EQ(asks(), "HEAD") << "other files have a first byte";
    http.answer(200, {kTag, length(9)});
    probe();
    EXPECT_EQ(asks(), "GET") << "remembered of this one";
    http.answer(200, {kTag, length(0)});
  }
  origin = make_origin(http, loop.runtime());
  probe();
  http.head(200, {kTag, length(0)});
  http.head(416, {kTag, {"content-range", "bytes */0"}});
  ASSERT_TRUE(probed && *probed) << "no third request";
}

TEST_F(OriginProbeTest, ARangeThatBreaksIsNoFailure) {
  for (const ErrorCode code : {ErrorCode::no_progress, ErrorCode::connection_lost, ErrorCode::bad_response}) {
    origin = make_origin(http, loop.runtime());
    probe();
    breaks(code);
    breaks(code);
    EXPECT_EQ(asks(), "GET");
    http.head(200, {kTag, length(1000)});
    ASSERT_TRUE(probed && *probed);
    EXPECT_FALSE(http.open()) << "the body is not read";
    probe();
    EXPECT_EQ(asks(), "GET") << "remembered as well";
    http.head(200, {kTag, length(1000)});
    probe("http://h.example/y");
    EXPECT_EQ(asks(), code == ErrorCode::bad_response ? "GET bytes=0-0" : "GET") << "an answer may be of the file";
    http.head(200, {kTag, length(1000)});
  }
  origin = make_origin(http, loop.runtime());
  probe();
  breaks(ErrorCode::connection_lost);
  breaks(ErrorCode::connection_lost);
  breaks(ErrorCode::connection_lost);
  ASSERT_TRUE(probed && !*probed);
  EXPECT_EQ(probed->error().code, ErrorCode::connection_lost) << "the last of them is the download's own";
}

TEST_F(OriginProbeTest, TheTableOfHostsIsBounded) {
  HelperMemory memory;
  const SteadyTime now{};
  for (std::size_t i = 0; i < 3 * HelperMemory::kMaxEntries; ++i) {
    memory.remember(*parse_url("http://h" + std::to_string(i) + "/"), {ProbeStep::whole}, now);
  }
  EXPECT_EQ(memory.first_step(*parse_url("http://h0/"), now), ProbeStep::head);
  EXPECT_EQ(memory.first_step(*parse_url("http://h767/y"), now), ProbeStep::whole);
  EXPECT_EQ(memory.first_step(*parse_url("https://h767/y"), now), ProbeStep::head);
}

}  // namespace
}  // namespace larder::origin
