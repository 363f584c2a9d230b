// The parts that decide without sockets: clocks, peers, the order of answers.
#include <gtest/gtest.h>

#include "base/http/deadlines.h"
#include "base/http/peer_book.h"
#include "base/http/pipeline.h"

namespace larder::http {
namespace {

using std::chrono::seconds;

// --- clocks

TEST(Deadlines, WhichClocksRun) {
  using S = ConnectionSituation;
  const auto with = [](auto... members) {
    S situation;
    situation.fresh = false;
    ((situation.*members = true), ...);
    return situation;
  };
  const auto paused = [](S situation) {
    situation.reading = false;
    return situation;
  };
  const std::vector<std::tuple<std::string, S, Waits>> rows = {
      {"new", S{}, {Wait::first}},
      {"TLS", with(&S::handshaking), {Wait::handshake}},
      {"TLS of a server that stops", with(&S::handshaking, &S::draining), {Wait::handshake, Wait::drain}},
      {"idle", with(), {Wait::idle}},
      {"head", with(&S::in_head), {Wait::head, Wait::request}},
      {"head behind a request", with(&S::in_head, &S::answering), {Wait::head, Wait::request}},
      {"head that is not read on", paused(with(&S::in_head, &S::answering)), {}},
      {"body", with(&S::in_body, &S::body_wanted, &S::answering), {Wait::body, Wait::request}},
      {"body that nobody wants", with(&S::in_body, &S::answering), {}},
      {"the handler works", with(&S::answering), {}},
      {"writing", with(&S::answering, &S::writing), {Wait::write}},
      {"both ways",
       with(&S::in_body, &S::body_wanted, &S::answering, &S::writing),
       {Wait::body, Wait::request, Wait::write}},
      {"lingering", with(&S::lingering, &S::in_body, &S::body_wanted), {Wait::linger}},
      {"stopping", paused(with(&S::answering, &S::draining)), {Wait::drain}},
  };
  for (const auto& [name, situation, expected] : rows) EXPECT_EQ(waits_of(situation), expected) << name;
}

TEST(Deadlines, RunOut) {
  HttpLimits limits;
  limits.head = seconds(10);
  limits.body = seconds(30);
  limits.request = seconds(40);
  Deadlines deadlines(limits);
  const SteadyTime start{std::chrono::hours(1)};
  EXPECT_EQ(deadlines.next(), std::nullopt);
  deadlines.run({Wait::head, Wait::request}, start);
  EXPECT_EQ(deadlines.next(), start + seconds(10));
  deadlines.run({Wait::head, Wait::request}, start + seconds(9));  // goes on
  EXPECT_EQ(deadlines.expired(start + seconds(9)), std::nullopt);
  EXPECT_EQ(deadlines.expired(start + seconds(10)), Wait::head);
  deadlines.run({Wait::body, Wait::request}, start + seconds(9));
  EXPECT_EQ(deadlines.next(), start + seconds(39));
  deadlines.progress(Wait::body, 1, start + seconds(20));
  EXPECT_EQ(deadlines.next(), start + seconds(40));  // the whole request, however its bytes trickle
  EXPECT_EQ(deadlines.expired(start + seconds(40)), Wait::request);
  deadlines.run({}, start + seconds(40));
  EXPECT_EQ(deadlines.next(), std::nullopt);
  deadlines.drain_until(start + seconds(50));
  deadlines.run({Wait::drain}, start + seconds(41));
  EXPECT_EQ(deadlines.expired(start + seconds(50)), Wait::drain);
}

TEST(Deadlines, ATrickleIsTooSlow) {
  HttpLimits limits;
  limits.body = seconds(60);
  limits.least_rate = 100;
  limits.rate_window = seconds(10);
  Deadlines deadlines(limits);
  SteadyTime now{std::chrono::hours(1)};
  const SteadyTime start = now;
  deadlines.run({Wait::body}, now);
  for (int i = 0; i < 9; ++i) deadlines.progress(Wait::body, 99, now += seconds(1));
  EXPECT_EQ(deadlines.expired(start + seconds(9)), std::nullopt);
  EXPECT_EQ(deadlines.expired(start + seconds(10)), Wait::body);
  deadlines.progress(Wait::body, 109, now);  // 1000 bytes: the next window
  EXPECT_EQ(deadlines.next(), now + seconds(10));
}

TEST(Deadlines, EveryWaitHasARule) {
  for (const Wait wait : {Wait::handshake, Wait::first, Wait::idle, Wait::write, Wait::linger, Wait::drain})
    EXPECT_EQ(expiry_rule(wait).then, Expiry::close);
  for (const Wait wait : {Wait::head, Wait::request, Wait::body}) EXPECT_EQ(expiry_rule(wait).then, Expiry::answer);
}

// --- peers

TEST(PeerBook, LimitsConnections) {
  PeerLimits limits;
  limits.connections = 4;
  limits.reserve = 1;
  limits.connections_per_peer = 2;
  PeerBook book(limits);
  std::vector<PeerBook::Visit> visits;
  visits.push_back(book.enter("a", false));
  EXPECT_EQ(book.refuses("a", false), PeerBook::Refused::no);
  visits.push_back(book.enter("a", false));
  EXPECT_EQ(book.refuses("a", false), PeerBook::Refused::too_many_of_peer);
  EXPECT_EQ(book.refuses("a", true), PeerBook::Refused::no);
  visits.push_back(book.enter("b", false));
  EXPECT_EQ(book.refuses("c", false), PeerBook::Refused::too_many);
  EXPECT_EQ(book.refuses("root", true), PeerBook::Refused::no);
  visits.push_back(book.enter("root", true));
  EXPECT_EQ(book.refuses("root", true), PeerBook::Refused::too_many);
  visits.erase(visits.begin());
  EXPECT_EQ(book.connections("a"), 1U);
  EXPECT_EQ(book.connections(), 3U);
}

TEST(PeerBook, LimitsRequestsAndBytesAndWakesWhoWaits) {
  PeerLimits limits;
  limits.requests_per_peer = 2;
  limits.bytes_per_peer = 100;
  PeerBook book(limits);
  PeerBook::Visit one = book.enter("a", false), two = book.enter("a", false), other = book.enter("b", false);
  int notes = 0;
  two.on_room([&] { ++notes; });
  EXPECT_TRUE(one.begin_request());
  EXPECT_TRUE(one.begin_request());
  EXPECT_FALSE(two.begin_request());
  EXPECT_TRUE(other.begin_request());
  EXPECT_EQ(notes, 0);
  one.end_request();
  EXPECT_EQ(notes, 1);
  EXPECT_TRUE(two.begin_request());
  EXPECT_EQ(book.requests("a"), 2U);
  one.hold(60);
  two.hold(40);
  EXPECT_FALSE(two.may_read());
  EXPECT_FALSE(two.may_read());  // once is enough
  EXPECT_TRUE(other.may_read());
  one.hold(10);
  EXPECT_EQ(notes, 2);
  EXPECT_TRUE(two.may_read());
  EXPECT_EQ(book.bytes("a"), 50U);
  one = {};
  EXPECT_EQ(book.bytes("a"), 40U);
  EXPECT_EQ(book.requests("a"), 1U);
}

TEST(PeerBook, MayEndBeforeItsVisits) {
  auto book = std::make_unique<PeerBook>(PeerLimits{});
  PeerBook::Visit one = book->enter("a", false);
  book.reset();
  EXPECT_TRUE(one.begin_request());
  one.hold(7);
}

// --- the order of answers

TEST(Pipeline, AnswersInOrderAndReadsAheadWithinBounds) {
  HttpLimits limits;
  limits.parse_ahead = 3;
  limits.held_answers = 100;
  Pipeline pipeline(limits);
  EXPECT_EQ(pipeline.front(), 0U);
  EXPECT_EQ(pipeline.begin(), 1U);
  EXPECT_EQ(pipeline.begin(), 2U);
  EXPECT_TRUE(pipeline.may_begin());
  pipeline.hold(1, 1000);  // on its way: holds nobody up
  EXPECT_TRUE(pipeline.may_begin());
  pipeline.hold(2, 101);
  EXPECT_FALSE(pipeline.may_begin());
  EXPECT_EQ(pipeline.bytes(), 1101U);
  EXPECT_EQ(pipeline.front(), 1U);
  pipeline.end_front();
  EXPECT_EQ(pipeline.front(), 2U);
  EXPECT_TRUE(pipeline.may_begin());
  EXPECT_EQ(pipeline.begin(), 3U);
  EXPECT_EQ(pipeline.begin(), 4U);
  EXPECT_FALSE(pipeline.may_begin());
  pipeline.end_front();
  EXPECT_TRUE(pipeline.may_begin());
  pipeline.begin_no_more();
  EXPECT_FALSE(pipeline.may_begin());
}

}  // namespace
}  // namespace larder::http
