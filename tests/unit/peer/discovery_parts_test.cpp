// The small deciding parts around discovery's sockets.
#include <gtest/gtest.h>

#include "peer/discovery/interfaces.h"
#include "peer/discovery/receive_budget.h"
#include "peer/discovery/udp_socket.h"
#include "peer/discovery/wake_watch.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SteadyTime kNow = SteadyTime(seconds(1000));

Endpoint address(const std::string& text) {
  return *parse_endpoint(text.find(':') == std::string::npos ? text + ":0" : "[" + text + "]:0");
}

Interface interface(unsigned index, std::vector<std::string> addresses, bool up = true, bool loopback = false) {
  Interface made{index, "if" + std::to_string(index), up, loopback, !loopback, {}};
  for (const std::string& each : addresses) made.addresses.push_back(address(each));
  return made;
}

TEST(Interfaces, MulticastGoesWhereItCanBeHeard) {
  const std::vector<Interface> all = {interface(1, {"127.0.0.1", "::1"}, true, true),
                                      interface(2, {"192.0.2.7", "fe80::7"}), interface(3, {"198.51.100.7"}),
                                      interface(4, {"203.0.113.7"}, false), interface(5, {})};
  EXPECT_EQ(multicast_interfaces(all, {}, true), (std::vector<unsigned>{2, 3}));
  EXPECT_EQ(multicast_interfaces(all, {}, false), (std::vector<unsigned>{2}));
  EXPECT_EQ(multicast_interfaces(all, {address("198.51.100.7")}, true), (std::vector<unsigned>{3}));
  EXPECT_EQ(multicast_interfaces(all, {address("198.51.100.7")}, false), std::vector<unsigned>{});
  EXPECT_EQ(multicast_interfaces(all, {address("127.0.0.3")}, true), (std::vector<unsigned>{1}));
  EXPECT_EQ(multicast_interfaces(all, {address("::1")}, false), (std::vector<unsigned>{1}));
  EXPECT_EQ(multicast_interfaces(all, {address("192.0.2.99")}, true), std::vector<unsigned>{}) << "not here (yet)";
}

TEST(Interfaces, TheNumberIsBounded) {
  std::vector<Interface> many;
  for (unsigned i = 1; i < 100; ++i) many.push_back(interface(i, {"192.0.2." + std::to_string(i)}));
  EXPECT_EQ(multicast_interfaces(many, {}, true).size(), kMaxMulticastInterfaces);
}

TEST(Interfaces, TheNearestOwnAddressSends) {
  const std::vector<Endpoint> own = {address("127.0.0.2"), address("192.0.2.7"), address("::1"),
                                     address("2001:db8::7")};
  EXPECT_EQ(nearest(own, address("192.0.2.200")), 1);
  EXPECT_EQ(nearest(own, address("127.0.0.9")), 0);
  EXPECT_EQ(nearest(own, address("2001:db8:1::1")), 3);
  EXPECT_EQ(nearest({address("192.0.2.7")}, address("::1")), -1);
}

TEST(Interfaces, OnLinkIsWhatNeedsNoRouter) {
  Interface wire;
  wire.addresses = {*parse_endpoint("192.0.2.7:0"), *parse_endpoint("[2001:db8::7]:0")};
  wire.prefixes = {96 + 24, 64};
  const std::vector<std::pair<const char*, bool>> rows{{"192.0.2.200:1", true},
                                                       {"192.0.3.1:1", false},
                                                       {"[2001:db8::1]:1", true},
                                                       {"[2001:db8:0:1::1]:1", false},
                                                       {"127.0.0.1:1", false}};
  for (const auto& [text, wanted] : rows) EXPECT_EQ(on_link({wire}, *parse_endpoint(text)), wanted) << text;
}

TEST(Endpoint, WhereOneMachineCanBe) {
  struct Row {
    const char* text;
    bool one_machine, loopback;
  };
  for (const Row& row : {Row{"192.0.2.7:1", true, false},
                         {"127.8.9.1:1", true, true},
                         {"[::1]:1", true, true},
                         {"[2001:db8::1]:1", true, false},
                         {"[fe80::1%2]:1", true, false},
                         {"192.0.2.7:0", false, false},
                         {"0.0.0.0:1", false, false},
                         {"224.0.0.1:1", false, false},
                         {"239.255.76.82:1", false, false},
                         {"255.255.255.255:1", false, false},
                         {"[::]:1", false, false},
                         {"[ff02::4c52]:1", false, false},
                         {"[::7f00:1]:1", false, false}}) {
    EXPECT_EQ(parse_endpoint(row.text)->is_one_machine(), row.one_machine) << row.text;
    EXPECT_EQ(parse_endpoint(row.text)->is_loopback(), row.loopback) << row.text;
  }
  EXPECT_TRUE(listens_on_loopback({"192.0.2.7", "127.3.0.1"}));
  EXPECT_FALSE(listens_on_loopback({}));
  EXPECT_FALSE(listens_on_loopback({"192.0.2.7", "nonsense"}));
}

TEST(Interfaces, ThisMachineHasALoopback) {
  const auto all = list_interfaces();
  ASSERT_TRUE(all) << all.error().text();
  EXPECT_EQ(multicast_interfaces(*all, {address("127.0.0.2")}, true).size(), 1u);
}

TEST(WakeWatch, TellsSuspendAndStandstillFromBeingBusy) {
  WakeWatch watch;
  EXPECT_FALSE(watch.notice_wake(kNow, seconds(50)));
  EXPECT_FALSE(watch.notice_wake(kNow + seconds(1), seconds(50) + milliseconds(1)));
  EXPECT_TRUE(watch.notice_wake(kNow + seconds(2), seconds(60))) << "suspended for ten seconds";
  EXPECT_FALSE(watch.notice_wake(kNow + seconds(3), seconds(60)));
  EXPECT_FALSE(watch.notice_wake(kNow + seconds(6), seconds(60))) << "only busy";
  EXPECT_TRUE(watch.notice_wake(kNow + seconds(36), seconds(60))) << "stopped and continued";
}

TEST(ReceiveBudget, AFloodFromOneAddressOrFromManyLeavesKnownPeersTheirs) {
  ReceiveBudget budget;
  std::size_t opened = 0;
  for (int i = 0; i < 10'000; ++i) opened += budget.admit_datagram(address("192.0.2.1"), false, kNow) ? 1U : 0U;
  EXPECT_EQ(opened, 100u);
  for (int i = 0; i < 10'000; ++i) {
    const auto from = address("198.51." + std::to_string(i / 250) + "." + std::to_string(i % 250));
    opened += budget.admit_datagram(from, false, kNow) ? 1U : 0U;
  }
  EXPECT_EQ(opened, 600u);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(budget.admit_datagram(address("192.0.2.2"), true, kNow));
  // Time gives some back; a stranger that has become known has a new one.
  EXPECT_TRUE(budget.admit_datagram(address("192.0.2.1"), false, kNow + seconds(1)));
  EXPECT_TRUE(budget.admit_datagram(address("198.51.39.249"), true, kNow));
}

}  // namespace
}  // namespace larder::peer
