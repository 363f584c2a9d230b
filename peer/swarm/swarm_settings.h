// Settings of libtorrent for a private swarm on a LAN. Pure; any thread. Private to the swarm.
#pragma once

#include <libtorrent/settings_pack.hpp>

#include "peer/swarm/swarm.h"

namespace larder::peer {

// Returns all settings except the rates, which are limits of the local peer class (swarm_session.cpp).
[[nodiscard]] libtorrent::settings_pack swarm_settings_pack(const SwarmSettings& settings);
// Returns the tick's settings. Quota is given out per tick, so ticks are shorter while a rate limits.
[[nodiscard]] libtorrent::settings_pack swarm_tick(bool limited);
// Returns libtorrent's form: "10.0.0.1:7476s,[2001:db8::7]:7476s"; `s` marks a TLS listener.
[[nodiscard]] std::string swarm_listen_interfaces(const SwarmSettings& settings, std::uint16_t port);

// Size of one connection's receive buffer: bytes that can still arrive after a fetch asked for a pause
// (torrent_disk.h). TLS gives 16 KiB at a time whatever the size. Above the allocator's mapping threshold
// (process_setup.cpp) each growth costs fresh pages.
inline constexpr int kMaxReceiveBuffer = 256 * 1024;

}  // namespace larder::peer
