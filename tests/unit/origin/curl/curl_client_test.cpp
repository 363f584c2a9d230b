#include "origin/curl/curl_client.h"

#include "tests/unit/origin/http_fixture.h"

namespace larder::origin {
namespace {

using std::chrono::milliseconds;
using test::FaultOrigin;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class CurlClientTest : public HttpFixture {
 protected:
  FaultOrigin origin;
};

TEST_F(CurlClientTest, DeliversTheBytesCutAtBlocks) {
  constexpr std::uint64_t kSize = 10 * 1024 * 1024 + 123;
  const auto result = get(origin.url("/c/a/10485883"));
  ASSERT_TRUE(result->ok()) << result->text();
  EXPECT_EQ(result->heads.at(0).status, 200);
  EXPECT_EQ(result->heads.at(0).version, 11);
  EXPECT_EQ(*result->heads.at(0).find_field("content-length"), "10485883");
  EXPECT_FALSE(result->heads.at(0).via_proxy);
  EXPECT_EQ(result->heads.at(0).address, "127.0.0.1");
  EXPECT_TRUE(result->body == FaultOrigin::content("a", 0, kSize));
  std::uint64_t position = 0;
  for (const std::size_t size : result->sizes) {
    EXPECT_EQ(position % (16 * 1024), 0U) << "cut inside a block";
    EXPECT_LE(size, 256U * 1024);
    position += size;
  }
}

TEST_F(CurlClientTest, SpeaksEveryFraming) {
  for (const char* fault : {"", "no_length", "no_length=close", "http10", "http10&no_length=close"}) {
    const auto result = get(origin.url(std::string("/c/a/300000?") + fault));
    ASSERT_TRUE(result->ok()) << fault << ": " << result->text();
    EXPECT_TRUE(result->body == FaultOrigin::content("a", 0, 300000)) << fault;
  }
  EXPECT_EQ(get(origin.url("/c/a/5?http10"))->heads.at(0).version, 10);
  EXPECT_TRUE(get(origin.url("/c/a/0"))->ok());
}

TEST_F(CurlClientTest, SendsAHeadOnly) {
  HttpRequest request;
  request.url = *parse_url(origin.url("/c/a/100000"));
  request.options = std::make_shared<ConnectOptions>(options);
  request.head = true;
  const auto collector = std::make_shared<Collector>();
  http->start(std::move(request), collector);
  ASSERT_TRUE(loop.wait_for([&] { return collector->status.has_value(); }));
  EXPECT_TRUE(collector->ok());
  EXPECT_EQ(*collector->heads.at(0).find_field("content-length"), "100000");
  EXPECT_EQ(collector->body, "");
}

// One error of ours for each way of failing, with a text that names the cause.
TEST_F(CurlClientTest, NamesEveryFailure) {
  struct Row {
    const char* query;
    ErrorCode code;
    const char* text;
  };
  const Row rows[] = {
      {"short=10", ErrorCode::connection_lost, "closed"},
      {"close=50000", ErrorCode::connection_lost, "closed"},
      {"reset=50000", ErrorCode::connection_lost, "closed"},
      {"close=0", ErrorCode::connection_lost, "closed"},
      {"raw=", ErrorCode::connection_lost, "without an answer"},
      {"raw=HTTP/1.1 200 OK%0d%0a", ErrorCode::connection_lost, "within the head"},
      {"raw=HTTP/1.1 200 OK%0d%0aETag: %22x%22%0d%0aContent-Le", ErrorCode::connection_lost, "within the head"},
      {"raw=HTTP/1.1 200 OK%0d%0aContent-Length: 6%0d%0a", ErrorCode::connection_lost, "within the head"},
      {"raw=hello%0d%0a%0d%0aworld", ErrorCode::bad_response, "HTTP"},
      {"raw=HTTP/1.1 abc%0d%0a%0d%0a", ErrorCode::bad_response, ""},
      {"raw=HTTP/1.1 200 OK%0d%0aContent-Length: -5%0d%0a%0d%0ahello", ErrorCode::bad_response, ""},
      {"raw=HTTP/1.1 200 OK%0d%0aA: b%0dETag: y%0d%0a%0d%0ahello", ErrorCode::bad_response, "control"},
      {"raw=HTTP/1.1 200 OK%0d%0aContent-Length : 5%0d%0a%0d%0ahello", ErrorCode::bad_response, "blanks"},
      {"raw=HTTP/1.1 200 OK%0d%0aTransfer-Encoding: chunked%0d%0a%0d%0azzz%0d%0a", ErrorCode::bad_response, ""},
      {"big_header=70000", ErrorCode::bad_response, "64 KiB"},
      {"big_header=1000000", ErrorCode::bad_response, "64 KiB"},
      {"stall=head", ErrorCode::no_progress, "no byte came"},
      {"stall=20000", ErrorCode::no_progress, "no byte came"},
  };
  options.stall_timeout = milliseconds(300);
  for (const Row& row : rows) {
    const auto result = get(origin.url(std::string("/c/a/100000?") + row.query));
    EXPECT_EQ(result->code(), row.code) << row.query << ": " << result->text();
    EXPECT_NE(result->text().find(row.text), std::string::npos) << row.query << ": " << result->text();
    const std::string_view prefix = std::string_view(result->body);
    EXPECT_TRUE(FaultOrigin::content("a", 0, 100000).starts_with(prefix)) << row.query;
  }
}

// What a server can send for ever beside the file keeps nothing alive.
TEST_F(CurlClientTest, OnlyTheHeadAndTheFileAreProgress) {
  options.stall_timeout = milliseconds(400);
  for (const char* what : {"1xx", "header", "trailer", "extension", "redirect"}) {
    const auto start = std::chrono::steady_clock::now();
    const auto result = get(origin.url(std::string("/c/a/5?drip=") + what));
    EXPECT_EQ(result->code(), ErrorCode::no_progress) << what << ": " << result->text();
    EXPECT_LT(seconds_since(start), 3.0) << what;
  }
}

TEST_F(CurlClientTest, WaitsForAnAnswerAsLongAsItIsAsked) {
  options.stall_timeout = std::chrono::seconds(20);
  HttpRequest request;
  request.url = *parse_url(origin.url("/c/a/5?stall=head"));
  request.options = std::make_shared<ConnectOptions>(options);
  request.head = true;
  request.answer_within = milliseconds(200);
  const auto collector = std::make_shared<Collector>();
  http->start(std::move(request), collector);
  ASSERT_TRUE(loop.wait_for([&] { return collector->status.has_value(); }));
  EXPECT_EQ(collector->code(), ErrorCode::no_progress);
}

TEST_F(CurlClientTest, DeliversWhatCameBeforeTheEnd) {
  const auto result = get(origin.url("/c/a/100000?close=50000"));
  EXPECT_EQ(result->body.size(), 50000U) << "a resumed download starts here";
}

TEST_F(CurlClientTest, TellsARefusedConnection) {
  std::string url;
  {
    const FaultOrigin gone;
    url = gone.url("/c/a/1");
  }
  const auto result = get(url);
  EXPECT_EQ(result->code(), ErrorCode::connect_failed) << result->text();
}

// The remains of an answer on a connection must not become the next one's error.
TEST_F(CurlClientTest, AsksAgainOnAFreshConnection) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(get(origin.url("/c/a/1000?long=10"))->body.size(), 1000U);
    const auto next = get(origin.url("/c/b/1000"));
    ASSERT_TRUE(next->ok()) << next->text();
    EXPECT_TRUE(next->body == FaultOrigin::content("b", 0, 1000));
  }
}

TEST_F(CurlClientTest, TellsAnUnknownName) {
  EXPECT_EQ(get("http://does-not-exist.invalid/")->code(), ErrorCode::name_not_resolved);
}

TEST_F(CurlClientTest, HoldsBackWhenNobodyConsumes) {
  constexpr std::uint64_t kSize = 20 * 1024 * 1024;
  const auto collector = std::make_shared<Collector>();
  std::size_t outstanding = 0, most = 0;
  HttpId id = 0;
  collector->at_data = [&](std::size_t bytes) {
    outstanding += bytes;
    most = std::max(most, outstanding);
  };
  id = start(origin.url("/c/a/" + std::to_string(kSize)), collector);
  while (!collector->status) {
    // Nothing is consumed until the window is nearly full; then all of it is.
    ASSERT_TRUE(loop.wait_for([&] { return outstanding + 512 * 1024 > HttpClient::kWindow || collector->status; }));
    http->consumed(id, std::exchange(outstanding, 0));
  }
  EXPECT_TRUE(collector->ok()) << collector->text();
  EXPECT_TRUE(collector->body == FaultOrigin::content("a", 0, kSize));
  EXPECT_LE(most, HttpClient::kWindow);
}

TEST_F(CurlClientTest, DoesNotCountItsOwnPauseAsAStall) {
  options.stall_timeout = milliseconds(200);
  const auto collector = std::make_shared<Collector>();
  std::size_t outstanding = 0;
  HttpId id = 0;
  collector->at_data = [&](std::size_t bytes) { outstanding += bytes; };
  id = start(origin.url("/c/a/8388608"), collector);
  ASSERT_TRUE(loop.wait_for([&] { return outstanding + 512 * 1024 > HttpClient::kWindow; }));
  const auto paused = std::chrono::steady_clock::now();
  ASSERT_FALSE(loop.wait_for([&] { return collector->status.has_value(); }, milliseconds(600)));
  EXPECT_GE(seconds_since(paused), 0.5);
  collector->at_data = [&](std::size_t bytes) { http->consumed(id, bytes); };
  http->consumed(id, outstanding);
  ASSERT_TRUE(loop.wait_for([&] { return collector->status.has_value(); }));
  EXPECT_TRUE(collector->ok()) << collector->text();
}

TEST_F(CurlClientTest, NoEventFollowsCancel) {
  const auto collector = std::make_shared<Collector>();
  HttpId id = 0;
  collector->at_data = [&](std::size_t) { http->cancel(id); };
  id = start(origin.url("/c/a/8388608"), collector);
  ASSERT_TRUE(loop.wait_for([&] { return !collector->body.empty(); }));
  const std::size_t before = collector->body.size();
  const auto at_once = std::make_shared<Collector>();
  http->cancel(start(origin.url("/c/a/100"), at_once));
  EXPECT_TRUE(get(origin.url("/c/a/1000000"))->ok());
  EXPECT_EQ(collector->body.size(), before);
  EXPECT_FALSE(collector->status);
  EXPECT_TRUE(at_once->heads.empty());
  EXPECT_FALSE(at_once->status);
}

TEST_F(CurlClientTest, EndsWithExchangesUnderWay) {
  const auto collector = std::make_shared<Collector>();
  start(origin.url("/c/a/100000?stall=20000"), collector);
  ASSERT_TRUE(loop.wait_for([&] { return !collector->heads.empty(); }));
  start(origin.url("/c/a/1000000"), collector);
  http.reset();
  loop.run_ready();
  EXPECT_FALSE(collector->status);
}

TEST_F(CurlClientTest, KeepsTheLimitsOnConnections) {
  make_client(CurlSettings{"larder-test", 2, 3});
  std::vector<std::shared_ptr<Collector>> all;
  options.connect_timeout = milliseconds(700);  // must not run while an exchange waits for its turn
  for (int i = 0; i < 8; ++i) {
    all.push_back(std::make_shared<Collector>());
    start(origin.url("/c/a/60000?rate=200000&n=" + std::to_string(i)), all.back());
  }
  ASSERT_TRUE(loop.wait_for([&] {
    std::size_t begun = 0, done = 0;
    for (const auto& one : all) {
      begun += one->heads.size();
      if (one->status) ++done;
    }
    EXPECT_LE(begun - done, 2U);
    return done == all.size();
  }));
  for (const auto& one : all) EXPECT_TRUE(one->ok()) << one->text();
}

TEST_F(CurlClientTest, KeepsTheRateOfAnExchange) {
  const auto begin = std::chrono::steady_clock::now();
  const auto collector = std::make_shared<Collector>();
  HttpId id = 0;
  collector->at_data = [&](std::size_t bytes) { http->consumed(id, bytes); };
  id = start(origin.url("/c/a/1000000"), collector, false, 2'000'000);
  ASSERT_TRUE(loop.wait_for([&] { return collector->status.has_value(); }));
  EXPECT_TRUE(collector->ok()) << collector->text();
  EXPECT_GE(seconds_since(begin), 0.42);
  EXPECT_LE(seconds_since(begin), 2.0);
}

TEST_F(CurlClientTest, KeepsARateThatIsSetWhileItWaits) {
  make_client(CurlSettings{"larder-test", 1, 1});
  const auto begin = std::chrono::steady_clock::now();
  start(origin.url("/c/a/60000?rate=200000"), std::make_shared<Collector>());  // 0.3 s
  const auto collector = std::make_shared<Collector>();
  http->set_rate(start(origin.url("/c/a/1000000"), collector), 2'000'000);  // 0.45 s
  ASSERT_TRUE(loop.wait_for([&] { return collector->status.has_value(); }));
  EXPECT_TRUE(collector->ok());
  EXPECT_GE(seconds_since(begin), 0.65);
}

TEST_F(CurlClientTest, SharesTheTotalRate) {
  http->set_total_rate(4'000'000);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::shared_ptr<Collector>> all;
  std::vector<double> ends(2);
  for (std::size_t i = 0; i < 2; ++i) {
    all.push_back(std::make_shared<Collector>());
    start(origin.url("/c/a/1000000?n=" + std::to_string(i)), all.back());
  }
  ASSERT_TRUE(loop.wait_for([&] {
    for (std::size_t i = 0; i < 2; ++i) {
      if (all[i]->status && ends[i] == 0) ends[i] = seconds_since(begin);
    }
    return ends[0] > 0 && ends[1] > 0;
  }));
  for (const auto& one : all) EXPECT_TRUE(one->ok()) << one->text();
  EXPECT_GE(std::max(ends[0], ends[1]), 0.42);
  EXPECT_GE(std::min(ends[0], ends[1]), 0.3) << "one of them took the other's share";
}

TEST_F(CurlClientTest, FeelsARaisedRateAtOnce) {
  const auto collector = std::make_shared<Collector>();
  HttpId id = 0;
  collector->at_data = [&](std::size_t bytes) { http->consumed(id, bytes); };
  id = start(origin.url("/c/a/3000000"), collector, false, 20'000);  // 150 s
  ASSERT_TRUE(loop.wait_for([&] { return !collector->body.empty(); }));
  http->set_rate(id, 0);
  ASSERT_TRUE(loop.wait_for([&] { return collector->status.has_value(); }));
  EXPECT_TRUE(collector->ok());
}

TEST_F(CurlClientTest, AnswersWithCredentials) {
  options.user = "u";
  options.password = "p w";
  const auto right = get(origin.url("/c/a/1000?auth=u:p%20w"));
  ASSERT_TRUE(right->ok()) << right->text();
  EXPECT_EQ(right->heads.at(0).status, 200);
  EXPECT_EQ(right->body.size(), 1000U);
  const auto wrong = get(origin.url("/c/a/1000?auth=u:other"));
  ASSERT_TRUE(wrong->ok()) << wrong->text();
  EXPECT_EQ(wrong->heads.at(0).status, 401);
  options.user.clear();
  EXPECT_EQ(get(origin.url("/c/a/1000?auth=u:p"))->heads.at(0).status, 401);
}

// The head that asked for credentials was whole; the one that they brought is none until its last line has come.
TEST_F(CurlClientTest, TakesNoHalfHeadForTheAnswerToCredentials) {
  options.user = "u";
  options.password = "p";
  for (const char* head : {"HTTP/1.1 200 OK%0d%0a", "HTTP/1.1 200 OK%0d%0aETag: %22x%22%0d%0aContent-Le",
                           "HTTP/1.1 200 OK%0d%0aContent-Length: 6%0d%0a"}) {
    const auto cut = get(origin.url(std::string("/c/a/1000?auth=u:p&raw=") + head));
    EXPECT_EQ(cut->code(), ErrorCode::connection_lost) << head << ": " << cut->text();
    EXPECT_TRUE(cut->heads.empty()) << head;
  }
}

TEST_F(CurlClientTest, ChecksTheAddressBeforeItAsks) {
  policy.allow_loopback = false;
  const auto refused = get(origin.url("/c/never/1"));
  EXPECT_EQ(refused->code(), ErrorCode::forbidden_url) << refused->text();
  policy.allow_loopback = true;
  const auto asked = get(origin.url("/c/often/1"));
  EXPECT_TRUE(asked->ok());
  // Now there is a connection that could be used again.
  const auto collector = std::make_shared<Collector>();
  start(origin.url("/c/never/2"), collector, true);
  ASSERT_TRUE(loop.wait_for([&] { return collector->status.has_value(); }));
  EXPECT_EQ(collector->code(), ErrorCode::redirect_forbidden) << collector->text();
  const std::string log = get(origin.url("/_log"))->body;
  EXPECT_NE(log.find("/c/often/1"), std::string::npos);
  EXPECT_EQ(log.find("never"), std::string::npos);
}

TEST_F(CurlClientTest, GoesThroughAProxy) {
  options.proxy = origin.url("");
  policy.allow_loopback = false;  // is about origins, not about the proxy
  const auto result = get("http://origin.invalid/c/a/1000");
  ASSERT_TRUE(result->ok()) << result->text();
  EXPECT_TRUE(result->heads.at(0).via_proxy);
  EXPECT_EQ(result->heads.at(0).address, "") << "the proxy's is not the origin's";
  EXPECT_TRUE(result->body == FaultOrigin::content("a", 0, 1000));
}

TEST_F(CurlClientTest, NeverShowsAProxysPassword) {
  for (const char* proxy :
       {"nonsense://u:hunter2@127.0.0.1:1", "http://u:hunter2@127.0.0.1:1", "http://u:hunter2@x y/"}) {
    options.proxy = proxy;
    const auto result = get("http://origin.invalid/");
    ASSERT_TRUE(result->code()) << proxy;
    EXPECT_EQ(result->text().find("hunter2"), std::string::npos) << result->text();
  }
}

TEST_F(CurlClientTest, SendsTheCallersHeaders) {
  options.headers = {{"X-One", "1"}, {"X-Empty", ""}, {"User-Agent", "mine"}};
  get(origin.url("/c/a/1"));
  const std::string log = get(origin.url("/_log"))->body;
  EXPECT_NE(log.find("\"x-one\": \"1\""), std::string::npos) << log;
  EXPECT_NE(log.find("\"x-empty\": \"\""), std::string::npos);
  EXPECT_NE(log.find("\"user-agent\": \"mine\""), std::string::npos);
  EXPECT_NE(log.find("\"accept-encoding\": \"identity\""), std::string::npos);
}

}  // namespace
}  // namespace larder::origin
