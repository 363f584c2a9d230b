// Bodies of requests over real connections: what arrives, what is said beside it, and how fast it goes.
#include <set>
#include <vector>

#include "tests/unit/origin/curl_upload_fixture.h"

namespace larder::origin {
namespace {

using test::SinkManner;
using test::SinkRequest;
using Act = SinkManner::Act;

TEST_F(CurlUploadTest, SendsBodiesOfAnyLengthByteForByte) {
  static_cast<void>(bytes_of(0));
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{65'536}, 64 * kMiB}) {
    const std::string body = bytes_of(size);
    const auto sending = send("PUT", "/f", body);
    ASSERT_NO_FATAL_FAILURE(finish(*sending));
    EXPECT_TRUE(sending->events->ok()) << sending->events->why();
    EXPECT_EQ(sending->events->answer(), 200);
    EXPECT_EQ(sending->events->sent, size);
    const SinkRequest got = sink.requests().back();
    EXPECT_EQ(got.body, size);
    EXPECT_EQ(got.sha256, sha256(as_bytes(body))) << size;
    EXPECT_EQ(got.fields.at("content-length"), std::to_string(size));
  }
  EXPECT_EQ(sink.requests().at(1).connection, 1) << "the connection is used again";
}

TEST_F(CurlUploadTest, SaysTheLengthAndNothingThatWasNotAskedFor) {
  headers = {{"Upload-Offset", "7"}, {"Content-Type", "application/offset+octet-stream"}};
  for (const char* method : {"POST", "PATCH", "PUT", "BITS_POST", "DELETE", "OPTIONS"}) {
    for (const char* body : {"", "bytes"}) {
      const auto sending = send(method, "/a%20b?c=d", body);
      ASSERT_NO_FATAL_FAILURE(finish(*sending));
      const SinkRequest got = sink.requests().back();
      EXPECT_EQ(got.method, method);
      EXPECT_EQ(got.target, "/a%20b?c=d");
      EXPECT_EQ(got.fields.at("content-length"), std::to_string(std::string(body).size())) << method;
      EXPECT_EQ(got.fields.at("upload-offset"), "7");
      EXPECT_EQ(got.fields.at("content-type"), "application/offset+octet-stream");
      EXPECT_FALSE(got.fields.contains("expect")) << method;
      EXPECT_FALSE(got.fields.contains("transfer-encoding")) << method;
      EXPECT_EQ(got.sha256, sha256(as_bytes(std::string_view(body)))) << method;
    }
  }
}

// The bytes belong to the source alone: libcurl sets a type of forms where it is not told another.
TEST_F(CurlUploadTest, InventsNoTypeOfTheContent) {
  const auto sending = send("POST", "/f", "bytes");
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_FALSE(sink.requests().back().fields.contains("content-type"));
}

TEST_F(CurlUploadTest, AsksByHeadWithoutABody) {
  SinkManner manner;
  manner.fields = "Upload-Offset: 5\r\n";
  manner.text = "12345";  // of a HEAD this is the length alone
  sink.expect(manner);
  const auto sending = send("HEAD", "/f", "");
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_TRUE(sending->events->ok()) << sending->events->why();
  EXPECT_EQ(*sending->events->heads.at(0).find_field("upload-offset"), "5");
  EXPECT_EQ(sink.requests().back().method, "HEAD");
  EXPECT_FALSE(sink.requests().back().fields.contains("expect"));
}

TEST_F(CurlUploadTest, PassesOnTheAnswerAndItsText) {
  SinkManner manner;
  manner.status = 422;
  manner.text = "the scanner refuses it";
  sink.expect(manner);
  const auto sending = send("PUT", "/f", bytes_of(1000));
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_TRUE(sending->events->ok()) << sending->events->why();
  EXPECT_EQ(sending->events->answer(), 422);
  EXPECT_EQ(sending->events->text, "the scanner refuses it");
}

TEST_F(CurlUploadTest, FollowsNoRedirectByItself) {
  for (const int status : {301, 302, 303, 307, 308}) {
    SinkManner manner;
    manner.status = status;
    manner.fields = "Location: /elsewhere\r\n";
    sink.expect(manner);
    const std::size_t before = sink.requests().size();
    const auto sending = send("PUT", "/f", bytes_of(1000));
    ASSERT_NO_FATAL_FAILURE(finish(*sending));
    EXPECT_EQ(sending->events->answer(), status);
    EXPECT_EQ(sink.requests().size(), before + 1);
  }
}

TEST_F(CurlUploadTest, KeepsTheRateOfABody) {
  rate = 2'000'000;
  const auto begin = std::chrono::steady_clock::now();
  const auto sending = send("PUT", "/f", bytes_of(1'000'000));
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_TRUE(sending->events->ok()) << sending->events->why();
  EXPECT_GE(seconds_from(begin), 0.35);
  EXPECT_LE(seconds_from(begin), 3.0);
}

TEST_F(CurlUploadTest, SharesTheTotalRateWithDownloads) {
  const test::FaultOrigin origin;
  http->set_total_rate(4'000'000);
  const auto begin = std::chrono::steady_clock::now();
  const auto sending = send("PUT", "/f", bytes_of(1'000'000));
  const auto down = std::make_shared<Collector>();
  start(origin.url("/c/a/1000000"), down);
  ASSERT_TRUE(loop.wait_for([&] { return sending->events->status && down->status; }));
  EXPECT_TRUE(sending->events->ok() && down->ok()) << sending->events->why() << down->text();
  EXPECT_GE(seconds_from(begin), 0.4);
}

TEST_F(CurlUploadTest, FeelsARaisedRateAtOnce) {
  rate = 20'000;  // 150 s
  const auto sending = send("PUT", "/f", bytes_of(3'000'000));
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(loop.wait_for([&] { return sending->events->sent > 0; }));
  EXPECT_LT(seconds_from(start), 2.0) << "a lump as large as libcurl's buffer, and a long silence after it";
  EXPECT_LE(sending->events->sent, 10'000U);
  http->set_rate(sending->id, 0);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_TRUE(sending->events->ok()) << sending->events->why();
  EXPECT_LT(seconds_from(begin), 10.0);
}

TEST_F(CurlUploadTest, KeepsARateThatIsSetMidway) {
  const auto sending = send("PUT", "/f", bytes_of(3'000'000), 1'000'000);
  ASSERT_TRUE(loop.wait_for([&] { return sending->events->sent == 1'000'000; }));
  const auto begin = std::chrono::steady_clock::now();
  http->set_rate(sending->id, 4'000'000);
  sending->give_to = UINT64_MAX;
  give(*sending);
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_TRUE(sending->events->ok()) << sending->events->why();
  EXPECT_GE(seconds_from(begin), 0.35);
}

// Sent with the first request: a body that is refused for want of them would have to be sent a second time.
TEST_F(CurlUploadTest, SendsCredentialsAtOnceAndOnce) {
  options.user = "anna";
  options.password = "p w";
  const std::string body = bytes_of(5 * kMiB);
  const auto sending = send("PUT", "/f", body);
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_TRUE(sending->events->ok()) << sending->events->why();
  EXPECT_EQ(sink.requests().back().fields.at("authorization"), "Basic YW5uYTpwIHc=");
  EXPECT_EQ(sink.requests().back().sha256, sha256(as_bytes(body)));
  for (const char* scheme :
       {"Basic realm=\"x\"", "Digest realm=\"x\", nonce=\"y\", qop=\"auth\"", "NTLM", "Negotiate"}) {
    for (const char* text : {"", "five MiB"}) {
      const std::size_t before = sink.requests().size();
      SinkManner manner;
      manner.status = 401;
      manner.fields = std::string("WWW-Authenticate: ") + scheme + "\r\n";
      sink.expect(manner);
      const auto refused = send("PUT", "/f", *text == '\0' ? std::string() : body);
      ASSERT_NO_FATAL_FAILURE(finish(*refused));
      EXPECT_EQ(refused->events->answer(), 401) << scheme << refused->events->why();
      EXPECT_EQ(sink.requests().size(), before + 1) << scheme << ": sent a second time";
    }
  }
  options.user.clear();
  options.password.clear();
  const auto anonymous = send("PUT", "/f", "bytes");
  ASSERT_NO_FATAL_FAILURE(finish(*anonymous));
  EXPECT_FALSE(sink.requests().back().fields.contains("authorization"));
}

TEST_F(CurlUploadTest, ShowsItsCredentialsToAProxyAtOnce) {
  options.proxy = sink.url("");
  options.proxy_user = "anna";
  options.proxy_password = "p w";
  const std::string body = bytes_of(kMiB);
  HttpRequest request = request_for("PUT", "/f");
  request.url = url_of("http://upload.test/f");
  request.body_length = body.size();
  const auto sending = send_request(std::move(request), body);
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_TRUE(sending->events->ok()) << sending->events->why();
  ASSERT_EQ(sink.requests().size(), 1U);
  EXPECT_EQ(sink.requests()[0].target, "http://upload.test/f");
  EXPECT_EQ(sink.requests()[0].fields.at("proxy-authorization"), "Basic YW5uYTpwIHc=");
  EXPECT_EQ(sink.requests()[0].sha256, sha256(as_bytes(body)));
  SinkManner manner;
  manner.status = 407;
  manner.fields = "Proxy-Authenticate: Basic realm=\"x\"\r\nProxy-Authenticate: NTLM\r\n";
  sink.expect(manner);
  request = request_for("PUT", "/f");
  request.url = url_of("http://upload.test/f");
  request.body_length = body.size();
  const auto refused = send_request(std::move(request), body);
  ASSERT_NO_FATAL_FAILURE(finish(*refused));
  EXPECT_EQ(refused->events->answer(), 407) << refused->events->why();
  EXPECT_EQ(sink.requests().size(), 2U) << "sent a second time";
}

TEST_F(CurlUploadTest, SendsSeveralBodiesAtOnce) {
  std::vector<std::shared_ptr<Sending>> all;
  std::set<Digest> wanted, got;
  for (std::uint64_t i = 0; i < 8; ++i) {
    all.push_back(send("PUT", "/f", bytes_of(3 * kMiB + i)));
    wanted.insert(sha256(as_bytes(all.back()->body)));
  }
  for (const auto& sending : all) {
    ASSERT_NO_FATAL_FAILURE(finish(*sending));
    EXPECT_TRUE(sending->events->ok()) << sending->events->why();
  }
  for (const SinkRequest& request : sink.requests()) got.insert(request.sha256);
  EXPECT_EQ(got, wanted);
}

// What was given before the exchange had its turn is sent when it has it.
TEST_F(CurlUploadTest, KeepsWhatItIsGivenWhileItWaitsForAPlace) {
  make_client(CurlSettings{"larder-test", 1, 1});
  SinkManner manner;
  manner.act = Act::hold;
  sink.expect(manner);
  const auto first = send("PUT", "/first", "bytes");
  ASSERT_TRUE(sink.wait_for_requests(1));
  const std::string body = bytes_of(2 * kMiB);
  const auto second = send("PUT", "/second", body);
  sink.release();
  ASSERT_NO_FATAL_FAILURE(finish(*first));
  ASSERT_NO_FATAL_FAILURE(finish(*second));
  EXPECT_TRUE(second->events->ok()) << second->events->why();
  EXPECT_EQ(sink.requests().back().sha256, sha256(as_bytes(body)));
}

TEST_F(CurlUploadTest, ChecksTheAddressBeforeAByteGoesOut) {
  policy.allow_loopback = false;
  const auto sending = send("PUT", "/f", bytes_of(kMiB));
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_EQ(sending->events->code(), ErrorCode::forbidden_url) << sending->events->why();
  EXPECT_EQ(sending->events->sent, 0U);
  EXPECT_TRUE(sink.requests().empty());
}

}  // namespace
}  // namespace larder::origin
