#include "peer/swarm/peer_identity.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <libtorrent/aux_/socket_type.hpp>
#include <libtorrent/peer_connection.hpp>

namespace larder::peer {
namespace {

namespace lt = libtorrent;
using Plain = lt::tcp::socket;
using Secure = lt::ssl_stream<lt::tcp::socket>;

constexpr std::size_t kMapped = 12;  // bytes before a.b.c.d in ::ffff:a.b.c.d

Plain* transport(const lt::peer_connection_handle& connection) {
  const std::shared_ptr<lt::peer_connection> peer = connection.native_handle();
  if (!peer) return nullptr;
  if (auto* const secure = boost::get<Secure>(&peer->get_socket())) return &secure->next_layer();
  return boost::get<Plain>(&peer->get_socket());
}

}  // namespace

std::optional<AgentId> agent_of(const lt::peer_connection_handle& connection) {
  const std::shared_ptr<lt::peer_connection> peer = connection.native_handle();
  if (!peer) return std::nullopt;
  auto* const secure = boost::get<Secure>(&peer->get_socket());
  if (secure == nullptr) return std::nullopt;
  X509* const certificate = SSL_get0_peer_certificate(secure->handle());
  if (certificate == nullptr) return std::nullopt;
  EVP_PKEY* const key = X509_get0_pubkey(certificate);
  AgentId agent;
  std::size_t size = agent.size();
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(agent.data()), &size) != 1 ||
      size != agent.size()) {
    return std::nullopt;
  }
  return agent;
}

void send_without_delay(const lt::peer_connection_handle& connection, bool without) {
  lt::error_code ignored;  // without the option the connection is only slower
  if (auto* const socket = transport(connection)) socket->set_option(lt::tcp::no_delay(without), ignored);
}

void stop_reading(const lt::peer_connection_handle& connection) {
  lt::error_code ignored;  // the socket is not connected (any more)
  if (auto* const socket = transport(connection)) socket->shutdown(lt::tcp::socket::shutdown_receive, ignored);
}

Endpoint from_libtorrent(const lt::tcp::endpoint& endpoint) {
  Endpoint made;
  made.port = endpoint.port();
  const lt::address address = endpoint.address();
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    made.address[kMapped - 2] = made.address[kMapped - 1] = std::byte{0xff};
    std::transform(bytes.begin(), bytes.end(), made.address.begin() + kMapped,
                   [](unsigned char byte) { return std::byte{byte}; });
    return made;
  }
  const auto bytes = address.to_v6().to_bytes();
  std::transform(bytes.begin(), bytes.end(), made.address.begin(), [](unsigned char byte) { return std::byte{byte}; });
  made.scope = static_cast<std::uint32_t>(address.to_v6().scope_id());
  return made;
}

lt::tcp::endpoint to_libtorrent(const Endpoint& endpoint) {
  if (endpoint.is_v4()) {
    lt::address_v4::bytes_type bytes;
    std::transform(endpoint.address.begin() + kMapped, endpoint.address.end(), bytes.begin(),
                   [](std::byte byte) { return std::to_integer<unsigned char>(byte); });
    return {lt::address_v4(bytes), endpoint.port};
  }
  lt::address_v6::bytes_type bytes;
  std::transform(endpoint.address.begin(), endpoint.address.end(), bytes.begin(),
                 [](std::byte byte) { return std::to_integer<unsigned char>(byte); });
  return {lt::address_v6(bytes, endpoint.scope), endpoint.port};
}

}  // namespace larder::peer
