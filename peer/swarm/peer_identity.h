// Who is at the other end of a connection of libtorrent, how its bytes leave, and how it ends. The only file that looks
// into libtorrent's connections. Network thread; private to the swarm.
#pragma once

#include <libtorrent/peer_connection_handle.hpp>
#include <libtorrent/socket.hpp>
#include <optional>

#include "peer/common/endpoint.h"
#include "peer/group/keys.h"

namespace larder::peer {

// The Ed25519 key of the certificate that the other end proved in the TLS handshake; none over plain TCP.
[[nodiscard]] std::optional<AgentId> agent_of(const libtorrent::peer_connection_handle& connection);
// Small windows would wait 40 ms for an acknowledgement otherwise. Not `without`: what is small waits for one and goes
// together, which saves who takes much and gives nothing a packet for each request.
void send_without_delay(const libtorrent::peer_connection_handle& connection, bool without = true);
// Nothing more is read: the end of TLS is sent and not waited for, which may take libtorrent 3 s.
void stop_reading(const libtorrent::peer_connection_handle& connection);

[[nodiscard]] Endpoint from_libtorrent(const libtorrent::tcp::endpoint& endpoint);
[[nodiscard]] libtorrent::tcp::endpoint to_libtorrent(const Endpoint& endpoint);

}  // namespace larder::peer
