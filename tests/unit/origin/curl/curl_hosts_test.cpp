// What a host refuses is waited for, and a network that changes leaves nobody with a dead connection.
#include <set>

#include "tests/unit/origin/http_fixture.h"

namespace larder::origin {
namespace {

using std::chrono::seconds;
using test::FaultOrigin;

class CurlHostsTest : public HttpFixture {
 protected:
  // Asks without waiting for it.
  std::shared_ptr<Collector> ask(const std::string& path) {
    auto got = std::make_shared<Collector>();
    start(origin.url(path), got);
    return got;
  }
  void ends(const std::shared_ptr<Collector>& got) {
    ASSERT_TRUE(loop.wait_for([&] { return got->status.has_value(); }));
  }
  std::size_t times(const std::string& path) {
    const std::string log = get(origin.url("/_log"))->body;
    std::size_t count = 0;
    for (std::size_t at = 0; (at = log.find('"' + path + '"', at)) != std::string::npos; ++at) ++count;
    return count;
  }

  FaultOrigin origin;
};

TEST_F(CurlHostsTest, WaitsForItsPlaceAndThenIsServed) {
  const auto first = ask("/c/first/200000?rate=400000");
  ASSERT_TRUE(loop.wait_for([&] { return !first->heads.empty(); }));
  const auto got = ask("/c/refused/1000?status=429&count=1");
  ends(got);
  ASSERT_TRUE(got->ok()) << got->text();
  EXPECT_EQ(got->heads.front().status, 200);
  EXPECT_EQ(got->body.size(), 1000U);
  EXPECT_TRUE(first->status) << "it has waited for the end of what the host served";
  EXPECT_EQ(times("/c/refused/1000"), 2U);
}

TEST_F(CurlHostsTest, ARefusalThatComesAloneIsTold) {
  const auto got = get(origin.url("/c/alone/1000?status=503&count=1"));
  ASSERT_FALSE(got->heads.empty());
  EXPECT_EQ(got->heads.front().status, 503);
}

TEST_F(CurlHostsTest, AFileThatIsRefusedWhileOthersAreServedIsToldOfIt) {
  const auto first = ask("/c/first/200000?rate=400000");
  ASSERT_TRUE(loop.wait_for([&] { return !first->heads.empty(); }));
  const auto bad = ask("/c/bad/1000?status=503");
  const auto good = ask("/c/good/1000");
  ends(bad);
  ends(good);
  EXPECT_TRUE(good->ok() && good->heads.front().status == 200);
  ASSERT_FALSE(bad->heads.empty());
  EXPECT_EQ(bad->heads.front().status, 503);
  EXPECT_LE(times("/c/bad/1000"), 6U);
}

TEST_F(CurlHostsTest, ARetryAfterThatIsLongIsTheCallersToWaitFor) {
  const auto first = ask("/c/first/1000?stall=500");
  ASSERT_TRUE(loop.wait_for([&] { return !first->heads.empty(); }));
  const auto got = get(origin.url("/c/refused/1000?status=429&count=1&retry_after=30"));
  ASSERT_FALSE(got->heads.empty());
  EXPECT_EQ(got->heads.front().status, 429);
}

TEST_F(CurlHostsTest, AfterAChangeOfTheNetworkNoOlderConnectionIsUsed) {
  const auto connections = [this] {
    const std::string log = get(origin.url("/_log"))->body;
    std::set<std::string> all;
    for (std::size_t at = 0; (at = log.find("\"client\": ", at)) != std::string::npos; at += 10) {
      all.insert(log.substr(at + 10, log.find_first_of(",}", at + 10) - at - 10));
    }
    return all.size();
  };
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(get(origin.url("/c/a/1000"))->ok());
  EXPECT_EQ(connections(), 1U) << "otherwise one is used again";
  http->network_changed();
  EXPECT_TRUE(get(origin.url("/c/a/1000"))->ok());
  EXPECT_GE(connections(), 2U);
}

TEST_F(CurlHostsTest, WhatRunsOverAnAddressThatIsThereGoesOn) {
  const auto got = ask("/c/long/200000?rate=800000");
  ASSERT_TRUE(loop.wait_for([&] { return !got->heads.empty(); }));
  http->network_changed();
  ends(got);
  EXPECT_TRUE(got->ok()) << got->text();
  EXPECT_EQ(got->body.size(), 200000U);
  EXPECT_EQ(times("/c/long/200000"), 1U);
}

TEST_F(CurlHostsTest, ANameThatDoesNotExistIsToldAfterTheResolverWasAskedOnceMore) {
  policy.allow_loopback = true;
  const auto got = std::make_shared<Collector>();
  start("http://no-such-host.invalid/", got);
  ends(got);
  ASSERT_TRUE(got->status && !*got->status);
  EXPECT_EQ(got->status->error().code, ErrorCode::name_not_resolved) << got->text();
}

}  // namespace
}  // namespace larder::origin
