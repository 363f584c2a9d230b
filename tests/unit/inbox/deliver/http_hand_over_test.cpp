#include "inbox/deliver/http_hand_over.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/inbox/deliver/scripted_server.h"

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using Kind = AttemptEnd::Kind;

class HttpHandOverTest : public testing::Test {
 protected:
  HttpHandOverTest() {
    std::ofstream(content_) << "bytes";
    row_.id = "abc";
    row_.name = "a b.txt";
    row_.size = row_.offset = 5;
    row_.delivery = DeliveryRow{};
    row_.delivery->attempt = 2;
  }
  std::unique_ptr<HttpHandOver> by_value() { return make(std::nullopt); }
  std::unique_ptr<HttpHandOver> by_name() {
    std::filesystem::create_directory(application_);
    EXPECT_TRUE(DirectoryFiles(application_).prepare_to_name());
    return make(application_);
  }
  std::unique_ptr<HttpHandOver> make(std::optional<std::string> directory) {
    return std::make_unique<HttpHandOver>(
        HttpTarget{server_.url(), "", 20s, 100}, std::move(directory), [this](const std::string&) { return content_; },
        loop_.runtime());
  }
  AttemptEnd begin(HttpHandOver& way, bool resumed = false) {
    std::optional<AttemptEnd> ended;
    way.begin(row_, resumed, [&](AttemptEnd what) { ended = std::move(what); });
    EXPECT_FALSE(ended) << "never within the call";
    EXPECT_TRUE(loop_.wait_for([&] { return ended.has_value(); }));
    return ended.value_or(AttemptEnd{});
  }
  [[nodiscard]] bool is_there(const std::string& name) const { return std::filesystem::exists(application_ + name); }

  test::TempDirectory directory_;
  const std::string content_ = directory_ / "content", application_ = directory_ / "application";
  const std::string ready_ = "/ready/abc.a b.txt", reply_ = "/reply/abc.a b.txt";
  test::ScriptedServer server_;
  test::VirtualLoop loop_;
  UploadRow row_;
};

TEST_F(HttpHandOverTest, ByValueEachAttemptHasTheSameId) {
  const auto way = by_value();
  server_.expect("503 Later", "Retry-After: 9\r\n");
  const AttemptEnd later = begin(*way);
  EXPECT_EQ(later.kind, Kind::again);
  EXPECT_EQ(later.retry_after, 9s);
  row_.delivery->attempt = 3;
  server_.expect("200 OK", "", "a reply");
  const AttemptEnd took = begin(*way);
  EXPECT_EQ(took.kind, Kind::took);
  EXPECT_EQ(took.reply, "a reply");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2U);
  for (const std::string& request : requests) {
    EXPECT_THAT(request, HasSubstr("\r\nIdempotency-Key: \"abc\"\r\n"));
    EXPECT_THAT(request, EndsWith("\r\n\r\nbytes"));
  }
  EXPECT_THAT(requests[0], HasSubstr("\r\nLarder-Attempt: 2\r\n"));
  EXPECT_THAT(requests[1], HasSubstr("\r\nLarder-Attempt: 3\r\n"));
}

TEST_F(HttpHandOverTest, AContentThatIsMissingOrShortIsNotSent) {
  const auto way = by_value();
  std::ofstream(content_) << "byte";
  EXPECT_THAT(begin(*way).result, HasSubstr("has 4 bytes and not 5"));
  std::filesystem::remove(content_);
  EXPECT_EQ(begin(*way).kind, Kind::again);
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(HttpHandOverTest, ByReferenceTheFileLiesThereUntilTheApplicationSaidYesOrNo) {
  const auto way = by_name();
  server_.expect("503 Later");
  EXPECT_EQ(begin(*way).kind, Kind::again);
  EXPECT_TRUE(is_there(ready_));
  EXPECT_THAT(server_.requests()[0], HasSubstr("\r\nBITS-Request-DataFile-Name: " + application_ + ready_ + "\r\n"));
  EXPECT_THAT(server_.requests()[0], HasSubstr("\r\nBITS-Response-DataFile-Name: " + application_ + reply_ + "\r\n"));
  EXPECT_THAT(server_.requests()[0], HasSubstr("\r\nContent-Length: 0\r\n"));
  std::ofstream(application_ + reply_) << "in a file";
  server_.expect("200 OK");
  const AttemptEnd took = begin(*way);
  EXPECT_EQ(took.reply, "in a file");
  EXPECT_FALSE(is_there(ready_) || is_there(reply_));
}

TEST_F(HttpHandOverTest, ByReferenceABodyComesBeforeTheFile) {
  const auto way = by_name();
  std::ofstream(application_ + reply_) << "in a file";
  server_.expect("200 OK", "", "in the body");
  EXPECT_EQ(begin(*way).reply, "in the body");
  EXPECT_FALSE(is_there(ready_) || is_there(reply_));
  server_.expect("403 Forbidden", "", "no room");
  const AttemptEnd refused = begin(*way);
  EXPECT_EQ(refused.kind, Kind::refused);
  EXPECT_EQ(refused.status, 403);
  EXPECT_FALSE(is_there(ready_));
}

TEST_F(HttpHandOverTest, AnAttemptOfAProcessThatEndedIsAnotherAttempt) {
  const auto way = by_value();
  EXPECT_EQ(begin(*way, true).kind, Kind::again);
  EXPECT_TRUE(server_.requests().empty()) << "the ledger counts the attempt first";
}

TEST_F(HttpHandOverTest, ItsEndWaitsForNoApplication) {
  auto way = by_value();
  server_.play({"", false, true});
  way->begin(row_, false, [](const AttemptEnd&) { FAIL() << "it has ended"; });
  while (server_.requests().empty()) std::this_thread::yield();
  way.reset();
  loop_.run_ready();
}

TEST_F(HttpHandOverTest, WhatIsTooMuchIsCalledLater) {
  const auto way = by_value();
  std::size_t ended = 0, again = 0;
  for (std::size_t i = 0; i < 3 * HttpHandOver::kCalls; ++i) {
    server_.expect("200 OK");
    way->begin(row_, false, [&](const AttemptEnd& what) {
      ++ended;
      again += what.kind == Kind::again ? 1 : 0;
    });
  }
  ASSERT_TRUE(loop_.wait_for([&] { return ended == 3 * HttpHandOver::kCalls; }));
  EXPECT_EQ(again + server_.requests().size(), 3 * HttpHandOver::kCalls);
}

}  // namespace
}  // namespace larder::inbox
