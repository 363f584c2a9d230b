// The peer of a libtorrent connection: its identity, its socket options and its end. The only file that reaches into
// libtorrent's connections. Network thread; private to the swarm.
#pragma once

#include <libtorrent/peer_connection_handle.hpp>
#include <libtorrent/socket.hpp>
#include <optional>

#include "peer/common/endpoint.h"
#include "peer/group/keys.h"

namespace larder::peer {

// Returns the Ed25519 key of the certificate that the peer proved in the TLS handshake; nullopt over plain TCP.
[[nodiscard]] std::optional<AgentId> agent_of(const libtorrent::peer_connection_handle& connection);
// Sets TCP_NODELAY: otherwise small torrents would wait 40 ms for an acknowledgement. With `without` false small
// packets wait for each other, which saves one packet for each request where this agent only downloads.
void send_without_delay(const libtorrent::peer_connection_handle& connection, bool without = true);
// Stops reading, so that libtorrent does not wait for the peer's end of TLS, which may take 3 s.
void stop_reading(const libtorrent::peer_connection_handle& connection);

[[nodiscard]] Endpoint from_libtorrent(const libtorrent::tcp::endpoint& endpoint);
[[nodiscard]] libtorrent::tcp::endpoint to_libtorrent(const Endpoint& endpoint);

}  // namespace larder::peer
