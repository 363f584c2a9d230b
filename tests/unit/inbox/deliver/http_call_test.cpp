// Over real sockets, to a server that the test plays.
#include "inbox/deliver/http_call.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/temp_directory.h"
#include "tests/unit/inbox/deliver/scripted_server.h"

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class HttpCallTest : public testing::Test {
 protected:
  HttpCallTest() { prepare_calls(); }
  CallAnswer call(HttpCall what = {}) { return call_application(target(), what, stop_); }
  CallAnswer send(const std::string& bytes) {
    const std::string path = directory_ / "content";
    std::ofstream(path, std::ios::binary) << bytes;
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return call({{"X-Field: value"}, file.get(), bytes.size()});
  }
  HttpTarget target() { return {server_.url(), "", timeout_, 100}; }
  std::string request() {
    const auto all = server_.requests();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? std::string() : all[0];
  }
  test::TempDirectory directory_;
  test::ScriptedServer server_;
  std::atomic<bool> stop_{false};
  Duration timeout_ = 20s;
};

TEST_F(HttpCallTest, TheFileIsTheBody) {
  server_.expect("200 OK", "Retry-After: 5\r\nBITS-Static-Response-URL: http://h/r\r\n", "thanks");
  const CallAnswer answer = send("bytes of the file");
  EXPECT_EQ(answer.problem, "");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "thanks");
  EXPECT_EQ(answer.retry_after, "5");
  EXPECT_EQ(answer.static_url, "http://h/r");
  EXPECT_THAT(request(), StartsWith("POST /upload HTTP/1.1\r\n"));
  EXPECT_THAT(request(), HasSubstr("\r\nX-Field: value\r\n"));
  EXPECT_THAT(request(), HasSubstr("\r\nContent-Length: 17\r\n"));
  EXPECT_THAT(request(), HasSubstr("\r\nUser-Agent: larder-inbox\r\n"));
  EXPECT_THAT(request(), HasSubstr("\r\nContent-Type: application/octet-stream\r\n"));
  EXPECT_THAT(request(), Not(HasSubstr("x-www-form-urlencoded"))) << "a default of the library";
  EXPECT_THAT(request(), EndsWith("\r\n\r\nbytes of the file"));
}

TEST_F(HttpCallTest, NothingAnEmptyFileAndAManyTimesBuffer) {
  server_.expect("204 No Content");
  EXPECT_EQ(call().status, 204);
  EXPECT_THAT(request(), HasSubstr("\r\nContent-Length: 0\r\n"));
  EXPECT_THAT(request(), Not(HasSubstr("Content-Type")));
  server_.expect("204 No Content");
  EXPECT_EQ(send("").status, 204);
  EXPECT_THAT(server_.requests()[1], HasSubstr("\r\nContent-Length: 0\r\n"));
  const std::string large(5'000'000, 'x');
  server_.expect("201 Created");
  EXPECT_EQ(send(large).status, 201);
  EXPECT_THAT(server_.requests()[2], EndsWith("\r\n\r\n" + large));
}

TEST_F(HttpCallTest, ARefusalBeforeTheBodyIsAnAnswer) {
  server_.play({"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", true, false});
  EXPECT_EQ(send(std::string(5'000'000, 'x')).status, 403);
}

TEST_F(HttpCallTest, AFileThatBecameShorterIsNeverSentAsIfItWereWhole) {
  std::ofstream(directory_ / "content") << "short";
  const UniqueFd file(::open((directory_ / "content").c_str(), O_RDONLY | O_CLOEXEC));
  server_.expect("200 OK");
  EXPECT_THAT(call({{}, file.get(), 10}).problem, StartsWith("cannot call the application: "));
}

TEST_F(HttpCallTest, ARedirectIsAnAnswerAndIsNotFollowed) {
  server_.expect("307 Temporary Redirect", "Location: " + server_.url("/elsewhere") + "\r\n");
  EXPECT_EQ(call().status, 307);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(HttpCallTest, AProxyOfTheEnvironmentIsNotAsked) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  server_.expect("200 OK");
  EXPECT_EQ(call().status, 200);
  ::unsetenv("http_proxy");
}

TEST_F(HttpCallTest, OtherSchemesAreNotSpoken) {
  std::ofstream(directory_ / "f") << "secret";
  for (const std::string& url : {"file://" + (directory_ / "f"), std::string("ftp://127.0.0.1/"), std::string("x")})
    EXPECT_THAT(call_application({url, "", 2s, 100}, {}, stop_).problem, StartsWith("cannot call the application: "));
}

TEST_F(HttpCallTest, AReplyIsBounded) {
  server_.expect("200 OK", "", std::string(100, 'x'));
  EXPECT_FALSE(call().body_too_large);
  server_.expect("200 OK", "", std::string(1'000'000, 'x'));
  const CallAnswer large = call();
  EXPECT_TRUE(large.body_too_large);
  EXPECT_EQ(large.problem, "");
  EXPECT_EQ(large.status, 200);
  EXPECT_LE(large.body.size(), 100U);
}

TEST_F(HttpCallTest, AnswersWithoutALengthAndAnswersInChunks) {
  server_.play({"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end", false, false});
  EXPECT_EQ(call().body, "to the end");
  server_.play({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false, false});
  EXPECT_EQ(call().body, "abc");
}

TEST_F(HttpCallTest, WhatIsNoWholeAnswerIsNone) {
  for (const char* text : {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nContent-Le",
                           "SSH-2.0-x\r\n", "nonsense without an end"}) {
    server_.play({text, false, false});
    EXPECT_THAT(call().problem, StartsWith("cannot call the application: ")) << text;
  }
}

TEST_F(HttpCallTest, NobodyListens) {
  HttpTarget target = this->target();
  target.url = "http://127.0.0.1:1/";
  EXPECT_THAT(call_application(target, {}, stop_).problem, StartsWith("cannot call the application: "));
}

TEST_F(HttpCallTest, SilenceEndsACall) {
  timeout_ = 1s;
  server_.play({"", false, true});
  EXPECT_THAT(call().problem, StartsWith("cannot call the application: "));
}

TEST_F(HttpCallTest, AServiceThatEndsDoesNotWaitForTheAnswer) {
  server_.play({"", false, true});
  std::thread ends([this] {
    while (server_.requests().empty()) std::this_thread::yield();
    stop_ = true;
  });
  EXPECT_EQ(call().problem, "cannot call the application: this service is ending");
  ends.join();
  EXPECT_EQ(call().problem, "cannot call the application: this service is ending") << "nor does it begin";
  EXPECT_EQ(server_.requests().size(), 1U);
}

}  // namespace
}  // namespace larder::inbox
