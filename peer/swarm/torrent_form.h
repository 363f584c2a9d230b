// The torrent of a window (docs/design.md, Hashes and segments): v2-only, private, one file, made identically by
// everyone, so that whoever knows root and length knows the info-hash. Pure; any thread. Private to the swarm: brings
// libtorrent's headers along.
#pragma once

#include <cstdint>
#include <libtorrent/add_torrent_params.hpp>
#include <span>
#include <string>

#include "base/hash/digest.h"
#include "base/result.h"
#include "peer/swarm/swarm.h"

namespace larder::peer {

// Bytes in a piece: 64 KiB below 16 MiB, 256 KiB from there. Never 16 KiB: libtorrent 2.0.8 then refuses good hashes.
[[nodiscard]] std::uint32_t torrent_piece_length(std::uint64_t window_length);

// Longest window that is one torrent: its leaves are held in memory while it is open.
inline constexpr std::uint64_t kMaxTorrentLength = 4 * kGiB;

// Whether there is one leaf per block; and whether they fold to the root too. invalid_argument says what is wrong.
[[nodiscard]] Status check_leaf_count(const SwarmWindow& window, std::span<const Digest> leaves);
[[nodiscard]] Status check_leaves(const SwarmWindow& window, std::span<const Digest> leaves);

// Parameters that add the torrent paused, unmanaged, without a check of files, knowing the whole hash tree: neither
// side ever asks the other for hashes. `leaves` were checked. `authority_pem` empty: a torrent of plain TCP.
[[nodiscard]] Result<libtorrent::add_torrent_params> form_torrent(const SwarmWindow& window,
                                                                  std::span<const Digest> leaves,
                                                                  const std::string& authority_pem);

}  // namespace larder::peer
