// The torrent of a content or a segment (docs/design.md, Hashes and segments): v2-only, private, one file, made
// identically by every agent, so that root and length determine the info-hash. Pure; any thread. Private to the swarm:
// includes libtorrent's headers.
#pragma once

#include <cstdint>
#include <libtorrent/add_torrent_params.hpp>
#include <span>
#include <string>

#include "base/hash/digest.h"
#include "base/result.h"
#include "peer/swarm/swarm.h"

namespace larder::peer {

// Returns the bytes of a piece: 64 KiB for torrents below 16 MiB, else 256 KiB. Never 16 KiB: libtorrent 2.0.8 then
// refuses good hashes.
[[nodiscard]] std::uint32_t torrent_piece_length(std::uint64_t window_length);

// Length of the longest torrent: its leaves are held in memory while it is open.
inline constexpr std::uint64_t kMaxTorrentLength = 4 * kGiB;

// check_leaf_count() checks that there is one leaf per block; check_leaves() also that they fold to the root. Error:
// invalid_argument.
[[nodiscard]] Status check_leaf_count(const TorrentId& id, std::span<const Digest> leaves);
[[nodiscard]] Status check_leaves(const TorrentId& id, std::span<const Digest> leaves);

// Returns parameters that add the torrent paused, unmanaged, without a check of files, and with the whole hash tree, so
// that neither side asks the other for hashes. `leaves` were checked. `authority_pem` empty: a torrent of plain TCP.
[[nodiscard]] Result<libtorrent::add_torrent_params> form_torrent(const TorrentId& id, std::span<const Digest> leaves,
                                                                  const std::string& authority_pem);

}  // namespace larder::peer
