#include "base/text/host_port.h"

#include <gtest/gtest.h>

namespace larder {
namespace {

TEST(HostPort, TakesNamesAndAddresses) {
  EXPECT_EQ(parse_host_port("pc7.office.example:7475"), (HostPort{"pc7.office.example", 7475}));
  EXPECT_EQ(parse_host_port("localhost:1"), (HostPort{"localhost", 1}));
  EXPECT_EQ(parse_host_port("192.0.2.7:65535"), (HostPort{"192.0.2.7", 65535}));
  EXPECT_EQ(parse_host_port("[2001:db8::7]:7475"), (HostPort{"2001:db8::7", 7475}));
}

TEST(HostPort, RefusesTheRest) {
  for (const char* bad : {"",
                          ":",
                          "host",
                          "host:",
                          ":7475",
                          "host:0",
                          "host:65536",
                          "host:+1",
                          "host: 1",
                          "host:1 ",
                          "2001:db8::7:7475",
                          "[192.0.2.7]:1",
                          "[]:1",
                          "[::1:1",
                          "a b:1",
                          "-a:1",
                          "a-:1",
                          "a..b:1",
                          "300.1.1.1:1",
                          "1.2.3:1",
                          "http://a:1",
                          "a/b:1",
                          "[fe80::1%eth0]:1"})
    EXPECT_EQ(parse_host_port(bad), std::nullopt) << bad;
  EXPECT_EQ(parse_host_port(std::string_view("127.0.0.1\0:1", 12)), std::nullopt);
  EXPECT_EQ(parse_host_port(std::string(64, 'a') + ":1"), std::nullopt);
  EXPECT_EQ(parse_host_port(std::string(300, 'a') + ":1"), std::nullopt);
}

TEST(HostPort, NumericAddresses) {
  for (const char* good : {"127.0.0.1", "0.0.0.0", "::", "::1", "2001:db8::7"}) EXPECT_TRUE(is_numeric_address(good));
  for (const char* bad : {"", "localhost", "127.1", "127.0.0.1:1", "[::1]", "fe80::1%2", "1.2.3.4/8"})
    EXPECT_FALSE(is_numeric_address(bad)) << bad;
}

TEST(HostPort, NamesOfServices) {
  EXPECT_TRUE(is_host_name("_larder._udp.office.example"));
  EXPECT_TRUE(is_host_name("_larder._udp.office.example."));
  EXPECT_FALSE(is_host_name("."));
  EXPECT_FALSE(is_host_name(""));
}

}  // namespace
}  // namespace larder
