#include "base/io/tcp_socket.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace larder {
namespace {

using testing::HasSubstr;

TEST(TcpSocket, AnyPortOfAnAddress) {
  const auto socket = listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(socket) << socket.error().text();
  EXPECT_NE(local_port(socket->get()), 0);
  const auto taken = listen_tcp("127.0.0.1", local_port(socket->get()));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::connect_failed);
  EXPECT_THAT(taken.error().text(), HasSubstr("choose another port"));
}

TEST(TcpSocket, AnAddressThatIsNotThisMachinesOrIsNone) {
  EXPECT_EQ(listen_tcp("192.0.2.1", 0).error().code, ErrorCode::not_found);
  EXPECT_EQ(listen_tcp("localhost", 0).error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(listen_tcp("2001:db8::1", 7).error().text(), HasSubstr("[2001:db8::1]:7"));
}

TEST(TcpSocket, WhoIsAtTheOtherEnd) {
  const auto listening = listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(listening);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(local_port(listening->get()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const UniqueFd accepted(::accept4(listening->get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(peer_network(accepted.get()), "127.0.0.1");
  EXPECT_EQ(peer_network(listening->get()), "") << "it is no connection";
}

TEST(TcpSocket, OfIpv6TheNetworkCounts) {
  const auto listening = listen_tcp("::1", 0);
  if (!listening) GTEST_SKIP() << "there is no IPv6 here";
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(local_port(listening->get()));
  address.sin6_addr = in6addr_loopback;
  const UniqueFd client(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const UniqueFd accepted(::accept4(listening->get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(peer_network(accepted.get()), "::/64");
}

}  // namespace
}  // namespace larder
