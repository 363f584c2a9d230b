// Settings of libtorrent for a private swarm on a LAN. Pure; any thread. Private to the swarm.
#pragma once

#include <libtorrent/settings_pack.hpp>

#include "peer/swarm/swarm.h"

namespace larder::peer {

// Everything but the rates, which are limits of the peer class of LAN addresses (swarm_session.cpp).
[[nodiscard]] libtorrent::settings_pack swarm_settings_pack(const SwarmSettings& settings);
// Quota is given out per tick: finer while a rate limits.
[[nodiscard]] libtorrent::settings_pack swarm_tick(bool limited);
// "10.0.0.1:7476s,[2001:db8::7]:7476s"; `s` marks a listener of TLS.
[[nodiscard]] std::string swarm_listen_interfaces(const SwarmSettings& settings, std::uint16_t port);

// Of one connection's receive buffer: what can still arrive after a fetch asked for a pause (window_disk.h). TLS gives
// 16 KiB at a time whatever its size; beyond the allocator's threshold for mapping (process_setup.cpp) each growth
// costs fresh pages.
inline constexpr int kMaxReceiveBuffer = 256 * 1024;

}  // namespace larder::peer
