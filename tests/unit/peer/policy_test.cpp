// What may be shared and when this agent serves.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "peer/offer/serving_policy.h"
#include "peer/offer/share_policy.h"
#include "peer/offer/system_facts.h"
#include "tests/support/temp_directory.h"

namespace larder::peer {
namespace {

TEST(UrlGlob, StarsStandForAnythingAndNothingElseDoes) {
  const std::string url = "https://intranet.example/a/b.iso?x=1";
  for (const char* pattern : {"https://intranet.example/*", "*", "**", "*.iso?x=1", "https://*/a/*", "*INTRANET*",
                              "https://intranet.example/a/b.iso?x=1", "https://intranet.example/a/b.iso?x=1*"})
    EXPECT_TRUE(matches_url_glob(pattern, url)) << pattern;
  for (const char* pattern : {"", "https://intranet.example", "*.iso", "https://other*", "*x=2",
                              "https://intranet?example/*", "https://intranet.example/a/b.iso?x=1?"})
    EXPECT_FALSE(matches_url_glob(pattern, url)) << pattern;
  EXPECT_TRUE(matches_url_glob("*a*a*a*b", std::string(1000, 'a') + "b"));
  EXPECT_FALSE(matches_url_glob("*a*a*a*b", std::string(1000, 'a')));
}

TEST(SharePolicy, SizesAndUrls) {
  const SharePolicy policy({"https://intranet.example/*", "*.key"}, 1000);
  EXPECT_TRUE(policy.may_offer("https://e.example/x", 1000));
  EXPECT_FALSE(policy.may_offer("https://e.example/x", 999));
  EXPECT_TRUE(policy.may_offer("https://e.example/x", std::nullopt));
  EXPECT_TRUE(policy.may_ask("https://e.example/x"));
  for (const char* url : {"https://intranet.example/x", "https://e.example/my.KEY"}) {
    EXPECT_FALSE(policy.may_offer(url, 5000)) << url;
    EXPECT_FALSE(policy.may_ask(url)) << url;
  }
  EXPECT_TRUE(SharePolicy().may_offer("https://intranet.example/x", 0));
}

TEST(ServingPolicy, EachReasonAndItsExceptions) {
  const ServingRules rules{true, false, 30};
  EXPECT_EQ(serving_stop(rules, {}), ServingStop::none);
  EXPECT_EQ(serving_stop({false, true, 0}, {}), ServingStop::configured);
  EXPECT_EQ(serving_stop(rules, {true, false, 100}), ServingStop::metered);
  EXPECT_EQ(serving_stop({true, true, 30}, {true, false, 100}), ServingStop::none);
  EXPECT_EQ(serving_stop(rules, {false, true, 29}), ServingStop::battery);
  EXPECT_EQ(serving_stop(rules, {false, true, 30}), ServingStop::none);
  EXPECT_EQ(serving_stop(rules, {false, false, 5}), ServingStop::none) << "charging";
  EXPECT_EQ(serving_stop({true, false, 0}, {false, true, 1}), ServingStop::none);
  EXPECT_EQ(serving_stop_text(ServingStop::none, rules, {}), "");
  EXPECT_NE(serving_stop_text(ServingStop::battery, rules, {false, true, 29}).find("29 %"), std::string::npos);
  EXPECT_NE(serving_stop_text(ServingStop::metered, rules, {}).find("peer.serve_metered"), std::string::npos);
  EXPECT_NE(serving_stop_text(ServingStop::configured, rules, {}).find("peer.serve"), std::string::npos);
}

class SystemFactsTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root() + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  void battery(const std::string& name, const std::string& capacity, const std::string& status) {
    write("/sys/class/power_supply/" + name + "/type", "Battery\n");
    write("/sys/class/power_supply/" + name + "/capacity", capacity + "\n");
    write("/sys/class/power_supply/" + name + "/status", status + "\n");
  }
  void route(const std::string& name, unsigned metric) {
    routes_ += name + "\t00000000\t0102A8C0\t0003\t0\t0\t" + std::to_string(metric) + "\t00000000\t0\t0\t0\n";
    write("/proc/net/route", routes_);
  }
  [[nodiscard]] std::string root() const { return directory_.path(); }
  test::TempDirectory directory_;
  std::string routes_ =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "wwan0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
};

TEST_F(SystemFactsTest, NothingThereIsMainsAndNotMetered) {
  EXPECT_EQ(read_serving_facts(root()), ServingFacts{});
}

TEST_F(SystemFactsTest, ADischargingBatteryCountsTheMousesDoesNot) {
  battery("BAT0", "40", "Discharging");
  battery("BAT1", "20", "Unknown");
  battery("hid-mouse", "3", "Discharging");
  write("/sys/class/power_supply/hid-mouse/scope", "Device\n");
  EXPECT_EQ(read_serving_facts(root()), (ServingFacts{false, true, 30}));
  write("/sys/class/power_supply/AC/type", "Mains\n");
  write("/sys/class/power_supply/AC/online", "1\n");
  EXPECT_FALSE(read_serving_facts(root()).on_battery);
}

TEST_F(SystemFactsTest, GarbageIsNoBattery) {
  battery("BAT0", "much", "Discharging");
  EXPECT_EQ(read_serving_facts(root()), ServingFacts{});
}

TEST_F(SystemFactsTest, AModemIsMeteredWhileTheDefaultRouteGoesOverIt) {
  write("/sys/class/net/wwan0/uevent", "DEVTYPE=wwan\nINTERFACE=wwan0\n");
  write("/sys/class/net/eth0/uevent", "INTERFACE=eth0\n");
  route("wwan0", 700);
  EXPECT_TRUE(read_serving_facts(root()).metered);
  route("eth0", 100);
  EXPECT_FALSE(read_serving_facts(root()).metered);
}

TEST_F(SystemFactsTest, ATetheredPhoneIsKnownByItsDriver) {
  route("usb0", 100);
  std::filesystem::create_directories(root() + "/sys/class/net/usb0/device");
  std::filesystem::create_symlink("../../bus/usb/drivers/rndis_host", root() + "/sys/class/net/usb0/device/driver");
  EXPECT_TRUE(read_serving_facts(root()).metered);
  std::filesystem::remove(root() + "/sys/class/net/usb0/device/driver");
  std::filesystem::create_symlink("../../bus/usb/drivers/r8152", root() + "/sys/class/net/usb0/device/driver");
  EXPECT_FALSE(read_serving_facts(root()).metered) << "a network adapter";
}

}  // namespace
}  // namespace larder::peer
