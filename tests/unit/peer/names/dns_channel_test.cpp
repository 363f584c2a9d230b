// Questions to a name server on 127.0.0.1, in the loop of the test.
#include "peer/names/dns_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <optional>

#include "base/io/unique_fd.h"
#include "tests/unit/peer/names/played_dns.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kService = "_larder._udp.office.example";

class DnsChannelTest : public ::testing::Test {
 protected:
  std::unique_ptr<DnsChannel> open() { return DnsChannel::open(loop_, dns_.place()).value(); }
  bool wait_for(const std::function<bool()>& done) {
    const SteadyTime end = loop_.now() + seconds(20);
    while (!done() && loop_.now() < end) loop_.context().run_one_for(milliseconds(5));
    return done();
  }
  // Whatever is due in the loop.
  void settle() {
    while (loop_.context().run_one_for(milliseconds(50)) != 0) {
    }
  }
  Result<SrvAnswer> srv(DnsChannel& channel, const std::string& name = kService) {
    std::optional<Result<SrvAnswer>> answer;
    channel.ask_srv(name, [&](Result<SrvAnswer> told) { answer = std::move(told); });
    EXPECT_FALSE(answer) << "not within the call";
    if (!wait_for([&] { return answer.has_value(); })) return fail(ErrorCode::internal, "test", "no answer");
    return *answer;
  }
  static std::size_t descriptors() {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
  }

  Loop loop_;
  PlayedDns dns_{loop_};
};

TEST_F(DnsChannelTest, TellsSrvRecordsAndAddresses) {
  dns_.say(kService, kDnsSrv, {.records = {dns_srv(2, 0, 7475, "b.example"), dns_srv(1, 0, 7476, "a.example")}});
  dns_.say("a.example", kDnsA, {.records = {dns_address("192.0.2.7"), dns_address("192.0.2.7")}});
  dns_.say("a.example", kDnsAaaa, {.records = {dns_address("2001:db8::7")}});
  const auto channel = open();
  const auto answer = srv(*channel);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->records, (std::vector<SrvRecord>{{1, 0, 7476, "a.example"}, {2, 0, 7475, "b.example"}}));
  EXPECT_EQ(answer->ttl, seconds(60));
  std::optional<Result<std::vector<Endpoint>>> addresses;
  channel->ask_addresses("a.example", [&](Result<std::vector<Endpoint>> told) { addresses = std::move(told); });
  ASSERT_TRUE(wait_for([&] { return addresses.has_value(); }));
  ASSERT_TRUE(*addresses) << addresses->error().text();
  std::vector<std::string> hosts;
  for (const Endpoint& one : **addresses) hosts.push_back(one.host());
  std::sort(hosts.begin(), hosts.end());
  EXPECT_EQ(hosts, (std::vector<std::string>{"192.0.2.7", "2001:db8::7"}));
}

TEST_F(DnsChannelTest, ANameIsCompleteAndWhatDoesNotExistIsSaid) {
  ::setenv("LOCALDOMAIN", "search.example", 1);
  const auto channel = open();
  ::unsetenv("LOCALDOMAIN");
  EXPECT_EQ(srv(*channel).error().code, ErrorCode::not_found);
  EXPECT_EQ(srv(*channel, "_larder._udp").error().code, ErrorCode::not_found);
  EXPECT_EQ(dns_.asked(), (std::vector<std::string>{"SRV " + kService, "SRV _larder._udp"})) << "no search list";
  dns_.say(kService, kDnsSrv, {});
  EXPECT_EQ(srv(*channel).error().code, ErrorCode::not_found) << "the name exists, without such records";
  dns_.say(kService, kDnsSrv, {.code = 2});
  EXPECT_EQ(srv(*channel).error().code, ErrorCode::name_not_resolved) << "the server failed: that says nothing";
  EXPECT_EQ(srv(*channel, std::string(70, 'x') + ".example").error().code, ErrorCode::name_not_resolved);
}

TEST_F(DnsChannelTest, WhatDoesNotFitADatagramComesByTcp) {
  DnsReply many{.truncated_over_udp = true};
  for (std::uint16_t i = 0; i < 200; ++i) many.records.push_back(dns_srv(1, i, 7475, "a.example"));
  dns_.say(kService, kDnsSrv, many);
  const auto channel = open();
  const auto answer = srv(*channel);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->records.size(), kMaxSrvRecords);
  EXPECT_EQ(answer->records.front().weight, 199) << "the heaviest are kept";
  EXPECT_EQ(dns_.asked(), (std::vector<std::string>{"SRV " + kService, "SRV " + kService + " tcp"}));
}

TEST_F(DnsChannelTest, AServerThatIsNotThereIsNoAnswer) {
  const auto channel = DnsChannel::open(loop_, "127.0.0.1:1").value();
  EXPECT_EQ(srv(*channel).error().code, ErrorCode::name_not_resolved);
  EXPECT_FALSE(DnsChannel::open(loop_, "no server"));
}

TEST_F(DnsChannelTest, GarbageIsRefusedOrPassedOver) {
  const DnsReply good{.records = {dns_srv(1, 0, 7475, "a.example")}};
  // With the right question, and broken behind it: the answer is refused at once.
  const auto spoil = [&](std::function<DnsBytes(DnsBytes)> how) {
    DnsReply reply = good;
    reply.spoilt = std::move(how);
    dns_.say(kService, kDnsSrv, reply);
    const auto channel = open();
    return srv(*channel);
  };
  const std::size_t question_end = 12 + dns_name(kService).size() + 4;
  for (const std::size_t left : {question_end, question_end + 1, question_end + 11, question_end + 20}) {
    const auto cut = spoil([left](DnsBytes answer) {
      answer.resize(left);
      return answer;
    });
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, ErrorCode::bad_response) << left;
  }
  const auto loop = spoil([question_end](DnsBytes answer) {
    answer[question_end] = static_cast<std::byte>(0xc0U | (question_end >> 8));
    answer[question_end + 1] = static_cast<std::byte>(question_end);
    return answer;
  });
  ASSERT_FALSE(loop);
  EXPECT_EQ(loop.error().code, ErrorCode::bad_response) << "a name that leads to itself";
  // Of another question, or none at all: it may be a stranger's, so the true answer is waited for.
  dns_.say(kService, kDnsSrv, {.records = good.records, .spoilt = [&](DnsBytes answer) {
                                 dns_.say(kService, kDnsSrv, good);
                                 answer[0] ^= std::byte{0xff};
                                 return answer;
                               }});
  const auto other = open();
  EXPECT_TRUE(srv(*other)) << "the second try is answered";
}

TEST_F(DnsChannelTest, AChannelThatEndsDropsItsQuestions) {
  dns_.say(kService, kDnsSrv, {.records = {dns_srv(1, 0, 7475, "a.example")}, .held = true});
  dns_.say("a.example", kDnsA, {.records = {dns_address("192.0.2.7")}});
  dns_.say("a.example", kDnsAaaa, {.silent = true});
  dns_.say("b.example", kDnsSrv,
           {.records = {dns_srv(1, 0, 7475, "a.example")}, .held = true, .truncated_over_udp = true});
  settle();
  const std::size_t before = descriptors();
  int told = 0;
  const auto held = std::make_shared<int>();
  {
    const auto channel = open();
    for (const std::string& name : {kService, std::string("b.example")}) {
      channel->ask_srv(name, [&told, held](const Result<SrvAnswer>&) { ++told; });
    }
    // One family has answered: c-ares would report a success while it is destroyed.
    channel->ask_addresses("a.example", [&told, held](const Result<std::vector<Endpoint>>&) { ++told; });
    ASSERT_TRUE(wait_for([&] { return dns_.asked("SRV b.example tcp") == 1 && dns_.asked().size() == 5; }));
    ASSERT_EQ(told, 0);
    EXPECT_GT(held.use_count(), 1);
  }
  dns_.let_go();
  settle();
  EXPECT_EQ(told, 0);
  EXPECT_EQ(held.use_count(), 1) << "what the callbacks hold is let go of";
  EXPECT_EQ(descriptors(), before);
}

// c-ares closes its sockets, and their numbers are given to others: the loop must have let go of them by then.
TEST_F(DnsChannelTest, SocketsAreClosedOnce) {
  std::vector<UniqueFd> others;
  {
    Loop inner;
    DnsChannel::open(inner, dns_.place()).value()->ask_srv(kService, [](const Result<SrvAnswer>&) {});
    for (int i = 0; i < 8; ++i) others.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  for (const UniqueFd& other : others) EXPECT_NE(::fcntl(other.get(), F_GETFD), -1) << other.get();
}

TEST_F(DnsChannelTest, TheAnswerMayDestroyTheChannel) {
  dns_.say(kService, kDnsSrv, {.records = {dns_srv(1, 0, 7475, "a.example")}});
  auto channel = open();
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    channel->ask_srv(kService, [&](const Result<SrvAnswer>&) {
      ++told;
      channel.reset();
    });
  }
  ASSERT_TRUE(wait_for([&] { return told > 0; }));
  settle();
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace larder::peer
