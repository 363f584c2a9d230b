// Whether agents reach each other: where the swarm listens, which ports answer, what others say, places of one agent.
#include <gtest/gtest.h>

#include "peer/discovery/peer_table.h"
#include "peer/reach/listening.h"
#include "peer/reach/reach_book.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Endpoint at(const std::string& text) {
  return *parse_endpoint(text);
}

AgentId agent(std::uint8_t number) {
  AgentId id{};
  id[0] = std::byte{number};
  return id;
}

Interface card(const std::string& name, std::vector<std::string> addresses, bool up = true) {
  Interface out;
  out.index = 2;
  out.name = name;
  out.up = up;
  for (const std::string& one : addresses) out.addresses.push_back(at(one));
  return out;
}

Interface loopback() {
  Interface out = card("lo", {"127.0.0.1:0", "[::1]:0"});
  out.loopback = true;
  return out;
}

using Found = std::vector<Endpoint>;

TEST(NotListened, AddressesOfInterfacesThatAreUp) {
  const std::vector<Interface> all = {loopback(), card("eth0", {"10.0.0.2:0", "[fe80::1%2]:0"}),
                                      card("eth1", {"10.0.0.3:0"}), card("eth2", {"10.0.1.2:0"}, false)};
  const Found on_loopback = {at("127.0.0.1:7476"), at("[::1]:7476")};
  EXPECT_EQ(not_listened(all, {}, on_loopback, 7476), (Found{at("10.0.0.2:7476"), at("10.0.0.3:7476")}));
  Found listening = on_loopback;
  listening.push_back(at("10.0.0.2:7476"));
  listening.push_back(at("10.0.0.3:7475"));
  EXPECT_EQ(not_listened(all, {}, listening, 7476), Found{at("10.0.0.3:7476")}) << "each card of a network counts";
  listening.push_back(at("10.0.0.3:7476"));
  EXPECT_TRUE(not_listened(all, {}, listening, 7476).empty());
  EXPECT_TRUE(not_listened(all, {}, {at("0.0.0.0:7476")}, 7476).empty());
  EXPECT_EQ(not_listened(all, {}, {at("[::]:7476")}, 7476).size(), 2U) << "of the other family";
  EXPECT_EQ(not_listened(all, {"0.0.0.0"}, on_loopback, 7476).size(), 2U);
}

TEST(NotListened, OfIPv6OneAddressIsEnoughAndNoneBesideIPv4) {
  const Interface six = card("eth0", {"[2001:db8::7]:0", "[2001:db8::8]:0", "[fe80::1%2]:0"});
  EXPECT_EQ(not_listened({six}, {}, {}, 1), Found{at("[2001:db8::7]:1")});
  EXPECT_TRUE(not_listened({six}, {}, {at("[2001:db8::8]:1")}, 1).empty());
  const Interface both = card("eth0", {"10.0.0.2:0", "[2001:db8::7]:0"});
  EXPECT_TRUE(not_listened({both}, {}, {at("10.0.0.2:1")}, 1).empty()) << "a temporary address may be out of use";
}

TEST(NotListened, OfConfiguredAddressesThoseThatAreHere) {
  const std::vector<Interface> all = {loopback(), card("eth0", {"10.0.0.2:0"})};
  EXPECT_EQ(not_listened(all, {"10.0.0.2", "10.9.9.9"}, {}, 1), Found{at("10.0.0.2:1")});
  EXPECT_EQ(not_listened(all, {"127.0.0.5"}, {}, 1), Found{at("127.0.0.5:1")});
  EXPECT_TRUE(not_listened(all, {"127.0.0.5"}, {at("127.0.0.5:1")}, 1).empty());
}

class ReachBookTest : public ::testing::Test {
 protected:
  ReachBook::News fail_once(ReachPort port = ReachPort::swarm, std::optional<SteadyTime> heard = std::nullopt) {
    const SteadyTime began = now_;
    now_ += seconds(3);
    const auto news =
        book_.tried(kAgent, port, at("10.0.0.2:7476"), "no answer within 3 s", began, heard.value_or(now_), now_);
    book_.finished(kAgent, now_);
    return news;
  }
  const AgentId kAgent = agent(7);
  SteadyTime now_{std::chrono::hours(1)};
  ReachBook book_;
};

TEST_F(ReachBookTest, TwoVainTriesOfAnAgentThatSpeaksAreTold) {
  book_.appeared(kAgent, 1, now_);
  EXPECT_TRUE(book_.due(4, now_).empty()) << "not all try a newcomer at once";
  now_ += ReachBook::kSoon;
  EXPECT_EQ(book_.due(4, now_), std::vector<AgentId>{kAgent});
  EXPECT_TRUE(book_.due(4, now_).empty()) << "it is being tried";
  EXPECT_EQ(fail_once(), ReachBook::News::none);
  EXPECT_FALSE(book_.unreached(kAgent));
  now_ += ReachBook::kApart;
  EXPECT_EQ(book_.due(4, now_), std::vector<AgentId>{kAgent});
  EXPECT_EQ(fail_once(), ReachBook::News::lost);
  ASSERT_TRUE(book_.unreached(kAgent));
  EXPECT_EQ(unreached_text(*book_.unreached(kAgent)),
            "TCP 7476 of 10.0.0.2 does not answer (no answer within 3 s, 2 times)");
  EXPECT_TRUE(book_.answers(kAgent, ReachPort::catalogue));
  EXPECT_EQ(fail_once(), ReachBook::News::none) << "told once";
  EXPECT_EQ(book_.tried(kAgent, ReachPort::swarm, at("10.0.0.2:7476"), "", now_, now_, now_), ReachBook::News::back);
  EXPECT_FALSE(book_.unreached(kAgent));
}

TEST_F(ReachBookTest, WhoWasJustSwitchedOffIsNotTold) {
  book_.appeared(kAgent, 0, now_);
  const SteadyTime last = now_ - seconds(1);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(fail_once(ReachPort::catalogue, last), ReachBook::News::none);
  EXPECT_TRUE(book_.due(4, now_ + seconds(30)).empty()) << "nor tried for ever";
}

TEST_F(ReachBookTest, ASuspicionTriesAtOnceAndAgainNotWhileItIsKnown) {
  book_.appeared(kAgent, 0, now_);
  EXPECT_EQ(book_.due(4, now_).size(), 1U);
  book_.tried(kAgent, ReachPort::swarm, at("10.0.0.2:7476"), "", now_, now_, now_);
  book_.finished(kAgent, now_);
  EXPECT_TRUE(book_.due(4, now_ + minutes(4)).empty());
  book_.suspect(kAgent, now_ + seconds(1));
  EXPECT_TRUE(book_.due(4, now_ + seconds(1)).empty()) << "of many windows that are lost not each has it tried";
  now_ += ReachBook::kSuspectAgain;
  EXPECT_EQ(book_.due(4, now_).size(), 1U);
  fail_once();
  now_ += seconds(1);
  fail_once();
  book_.suspect(kAgent, now_);
  EXPECT_TRUE(book_.due(4, now_).empty());
  EXPECT_EQ(book_.due(4, now_ + ReachBook::kAgain).size(), 1U);
}

TEST_F(ReachBookTest, DownloadsThatNeverBeginAreToldAlthoughThePortAnswers) {
  for (unsigned i = 1; i <= ReachBook::kDials; ++i) {
    now_ += seconds(2);
    EXPECT_EQ(book_.dial_failed(kAgent, at("10.0.0.2:7476"), now_ + milliseconds(1)),
              i == ReachBook::kDials ? ReachBook::News::lost : ReachBook::News::none);
    EXPECT_EQ(book_.dial_failed(kAgent, at("10.0.0.2:7476"), now_ + milliseconds(2)), ReachBook::News::none)
        << "windows of one transfer count once";
  }
  EXPECT_EQ(book_.tried(kAgent, ReachPort::swarm, at("10.0.0.2:7476"), "", now_, now_, now_), ReachBook::News::none);
  EXPECT_TRUE(book_.unreached(kAgent));
  EXPECT_EQ(book_.delivered(kAgent, now_), ReachBook::News::back);
  EXPECT_FALSE(book_.unreached(kAgent));
}

TEST_F(ReachBookTest, IsBounded) {
  for (unsigned i = 0; i < ReachBook::kMaxAgents + 100; ++i) {
    AgentId id{};
    id[0] = static_cast<std::byte>(i & 0xff);
    id[1] = static_cast<std::byte>(i >> 8);
    book_.appeared(id, 0.5, now_ + milliseconds(i));
  }
  EXPECT_EQ(book_.size(), ReachBook::kMaxAgents);
}

TEST(ReachSayings, LastUntilTheyAreTakenBackOrNotRepeated) {
  ReachReports said;
  SteadyTime now{std::chrono::hours(1)};
  const ReachMessage blocked{{{ReachPort::catalogue, true, 7475}, {ReachPort::swarm, false, 7476}}};
  EXPECT_TRUE(said.on_report(agent(1), blocked, now));
  EXPECT_FALSE(said.on_report(agent(1), blocked, now));
  EXPECT_EQ(said.all(now), std::vector<AgentId>{agent(1)});
  EXPECT_EQ(ports_text(said.reported_by(agent(1), now)), "TCP 7476");
  EXPECT_TRUE(said.all(now + ReachReports::kValid).empty());
  EXPECT_TRUE(said.on_report(agent(1), {{{ReachPort::swarm, true, 7476}}}, now));
  EXPECT_TRUE(said.all(now).empty());
}

TEST(PeerTable, AnotherPlaceIsTakenWhereOneDoesNotAnswer) {
  PeerTable table;
  const Hello hello{7475, 7476, true, false, 1, "desk", {}, {}};
  const SteadyTime now{std::chrono::hours(1)};
  table.on_hello(agent(1), 1, hello, at("10.0.0.3:7475"), true, now);
  table.on_hello(agent(1), 1, hello, at("10.0.0.2:7475"), true, now + seconds(1));
  EXPECT_EQ(table.find_peer(agent(1))->from, at("10.0.0.2:7475"));
  EXPECT_TRUE(table.mark_place(agent(1), at("10.0.0.2:7475"), false, now + seconds(2)));
  EXPECT_EQ(table.find_peer(agent(1))->from, at("10.0.0.3:7475"));
  table.on_hello(agent(1), 1, hello, at("10.0.0.2:7475"), true, now + seconds(10));
  EXPECT_EQ(table.find_peer(agent(1))->from, at("10.0.0.3:7475")) << "it speaks there, and is not reached there";
  EXPECT_TRUE(table.mark_place(agent(1), at("10.0.0.3:7475"), false, now + seconds(11)));
  EXPECT_EQ(table.find_peer(agent(1))->from, at("10.0.0.2:7475")) << "no place is better";
  EXPECT_FALSE(table.mark_place(agent(1), at("10.0.0.2:7475"), true, now + seconds(12)));
  table.on_hello(agent(1), 2, hello, at("10.0.0.3:7475"), true, now + seconds(20));
  EXPECT_EQ(table.find_peer(agent(1))->from, at("10.0.0.3:7475")) << "a new run begins anew";
}

}  // namespace
}  // namespace larder::peer
