// Lanes: requests that go so many at a time, in order, whatever becomes of those before them. An origin that stalls
// holds a place for as long as a test wants.
#include "tests/unit/origin/http_fixture.h"

namespace larder::origin {
namespace {

using std::chrono::milliseconds;
using test::FaultOrigin;

class CurlLaneTest : public HttpFixture {
 protected:
  struct Sent {
    HttpId id = 0;
    std::shared_ptr<Collector> got = std::make_shared<Collector>();
  };

  // `name` is what the origin's log has of it.
  Sent send(const std::string& name, const std::string& faults, std::shared_ptr<const Lane> lane) {
    Sent sent;
    HttpRequest request;
    request.url = url_of(origin.url("/c/" + name + "/1000?" + faults));
    request.options = std::make_shared<ConnectOptions>(options);
    request.policy = std::make_shared<UrlPolicy>(policy);
    request.lane = std::move(lane);
    sent.got->at_head = [this, name] { heads.push_back(name); };
    sent.id = http->start(std::move(request), sent.got);
    return sent;
  }
  // Has its place until it is cancelled.
  Sent hold(const std::string& name, const std::shared_ptr<const Lane>& lane) {
    Sent sent = send(name, "stall=500", lane);
    EXPECT_TRUE(loop.wait_for([&] { return !sent.got->heads.empty(); })) << name;
    return sent;
  }
  void ends(const Sent& sent) {
    EXPECT_TRUE(loop.wait_for([&] { return sent.got->status.has_value(); }));
  }
  // The commands of one thread are in order: whatever could begin has begun when a later request is answered.
  bool asked(const std::string& name) {
    const auto log = get(origin.url("/_log"));
    EXPECT_TRUE(log->ok()) << log->text();
    return log->body.find("/c/" + name + "/") != std::string::npos;
  }
  static std::shared_ptr<const Lane> lane_of(unsigned most) { return std::make_shared<const Lane>(Lane{most}); }

  FaultOrigin origin;
  std::vector<std::string> heads;  // in the order in which they came
};

TEST_F(CurlLaneTest, HoldsBackItsOwnAndNobodyElse) {
  const auto lane = lane_of(2), other = lane_of(2);
  const Sent first = hold("first", lane), second = hold("second", lane);
  const Sent third = send("third", "", lane);
  const Sent beside = send("beside", "", other), free = send("free", "", nullptr);
  ends(beside);
  ends(free);
  EXPECT_TRUE(beside.got->ok() && free.got->ok());
  EXPECT_FALSE(asked("third"));
  http->cancel(second.id);
  ends(third);
  EXPECT_TRUE(third.got->ok()) << third.got->text();
  EXPECT_FALSE(first.got->status) << "its place is its own";
}

TEST_F(CurlLaneTest, GoesInOrder) {
  const auto lane = lane_of(1);
  const Sent first = hold("0", lane);
  std::vector<Sent> rest;
  for (int i = 1; i <= 20; ++i) rest.push_back(send(std::to_string(i), "", lane));
  EXPECT_FALSE(asked("1"));
  http->cancel(first.id);
  for (const Sent& one : rest) ends(one);
  std::vector<std::string> order;
  for (int i = 0; i <= 20; ++i) order.push_back(std::to_string(i));
  EXPECT_EQ(heads, order);
}

TEST_F(CurlLaneTest, WhoIsCancelledWhileItWaitsIsNeverAsked) {
  const auto lane = lane_of(1);
  const Sent first = hold("first", lane);
  const Sent dropped = send("dropped", "", lane), last = send("last", "", lane);
  EXPECT_FALSE(asked("last"));
  http->cancel(dropped.id);
  http->cancel(first.id);
  ends(last);
  EXPECT_TRUE(last.got->ok()) << last.got->text();
  EXPECT_FALSE(asked("dropped"));
  EXPECT_FALSE(dropped.got->status);
}

// Every way to fail gives the place back, once: neither is the lane stuck, nor wider than it was.
TEST_F(CurlLaneTest, AFailureGivesItsPlaceBackOnce) {
  const auto lane = lane_of(1);
  options.stall_timeout = milliseconds(200);
  std::vector<std::pair<Sent, ErrorCode>> failures;
  const Sent refused = send("refused", "status=503", lane);  // an answer like any other
  failures.emplace_back(send("closed", "close=500", lane), ErrorCode::connection_lost);
  failures.emplace_back(send("slow", "stall=500", lane), ErrorCode::no_progress);
  failures.emplace_back(send("nonsense", "raw=hello%0d%0a%0d%0aworld", lane), ErrorCode::bad_response);
  policy.allow_loopback = false;
  failures.emplace_back(send("forbidden", "", lane), ErrorCode::forbidden_url);
  policy.allow_loopback = true;
  options.stall_timeout = std::chrono::minutes(1);
  const Sent last = send("last", "stall=500", lane);
  const Sent behind = send("behind", "", lane);
  ASSERT_TRUE(loop.wait_for([&] { return !last.got->heads.empty(); }));
  ends(refused);
  EXPECT_TRUE(refused.got->ok());
  for (const auto& [sent, code] : failures) {
    ASSERT_TRUE(sent.got->status) << "it was overtaken";
    EXPECT_EQ(sent.got->code(), code) << sent.got->text();
  }
  EXPECT_FALSE(asked("behind"));
  http->cancel(last.id);
  ends(behind);
  EXPECT_TRUE(behind.got->ok()) << behind.got->text();
}

// A lane that is full keeps neither the connections to its host nor those to others from the rest, and a host that is
// full keeps no lane from going on elsewhere.
TEST_F(CurlLaneTest, AndTheLimitsOfAHostAreBothKept) {
  make_client(CurlSettings{"larder-test", 2, 8});
  const auto lane = lane_of(3);
  const Sent first = hold("first", lane), second = hold("second", nullptr);
  const Sent third = send("third", "", lane);  // the lane has room, the host has none
  const FaultOrigin elsewhere;
  EXPECT_TRUE(get(elsewhere.url("/c/a/1000"))->ok());
  EXPECT_TRUE(heads == (std::vector<std::string>{"first", "second"}));
  http->cancel(second.id);
  ends(third);
  EXPECT_TRUE(third.got->ok());
}

TEST_F(CurlLaneTest, IsHeldByItsRequestsAlone) {
  auto lane = lane_of(1);
  const std::weak_ptr<const Lane> seen = lane;
  const Sent first = hold("first", lane), waits = send("waits", "", lane), last = send("last", "", lane);
  lane.reset();
  EXPECT_FALSE(asked("waits"));
  http->cancel(first.id);
  ends(waits);
  ends(last);
  EXPECT_TRUE(last.got->ok());
  get(origin.url("/c/a/1"));  // its thread has let go of what came before
  EXPECT_TRUE(seen.expired());
}

TEST_F(CurlLaneTest, EndsWithPlacesTakenAndManyWaiting) {
  const auto lane = lane_of(2);
  std::vector<Sent> all{hold("a", lane), hold("b", lane)};
  for (int i = 0; i < 50; ++i) all.push_back(send("w" + std::to_string(i), "", lane));
  EXPECT_FALSE(asked("w0"));
  http.reset();
  loop.run_ready();
  for (const Sent& one : all) EXPECT_FALSE(one.got->status);
  EXPECT_EQ(lane.use_count(), 1);
}

}  // namespace
}  // namespace larder::origin
