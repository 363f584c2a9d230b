#include "peer/swarm/torrent_form.h"

#include <algorithm>
#include <bit>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/bencode.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/torrent_info.hpp>

#include "base/hash/merkle.h"

namespace larder::peer {
namespace {

namespace lt = libtorrent;

constexpr std::uint64_t kLargeFrom = 16 * kMiB;
constexpr std::uint32_t kSmallPiece = 64 * 1024;
constexpr std::uint32_t kLargePiece = 256 * 1024;

std::string raw(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Encodes the torrent. Only the info dictionary is hashed. Piece layers are left out: the catalogue sends the leaves.
std::string encode_torrent(const TorrentId& id, const std::string& authority_pem) {
  const std::string name = to_hex(id.root);
  lt::entry file;
  file["length"] = static_cast<std::int64_t>(id.length);
  file["pieces root"] = raw(id.root);
  lt::entry torrent;
  lt::entry& info = torrent["info"];
  info["file tree"][name][""] = file;
  info["meta version"] = 2;
  info["name"] = name;
  info["piece length"] = torrent_piece_length(id.length);
  info["private"] = 1;
  if (!authority_pem.empty()) info["ssl-cert"] = authority_pem;
  std::string text;
  lt::bencode(std::back_inserter(text), torrent);
  return text;
}

// Adds the leaves, with the mask of their positions: the shortest form from which libtorrent can answer and check all
// hashes. A torrent of one block has no tree besides its root.
void add_tree(lt::add_torrent_params& params, std::span<const Digest> leaves) {
  if (leaves.size() < 2) return;
  const std::size_t width = std::bit_ceil(leaves.size());
  std::vector<lt::sha256_hash> tree;
  tree.reserve(leaves.size());
  for (const Digest& leaf : leaves) tree.emplace_back(reinterpret_cast<const char*>(leaf.data()));
  std::vector<bool> mask(2 * width - 1, false);
  std::fill_n(mask.begin() + static_cast<std::ptrdiff_t>(width - 1), leaves.size(), true);
  params.merkle_trees.push_back(std::move(tree));
  params.merkle_tree_mask.push_back(std::move(mask));
}

}  // namespace

std::uint32_t torrent_piece_length(std::uint64_t window_length) {
  return window_length < kLargeFrom ? kSmallPiece : kLargePiece;
}

Status check_leaf_count(const TorrentId& id, std::span<const Digest> leaves) {
  const std::string doing = "open the window " + to_hex(id.root);
  if (id.length == 0 || id.length > kMaxTorrentLength) {
    return fail(ErrorCode::invalid_argument, doing,
                "its length is " + std::to_string(id.length) + " bytes; 1 byte to 4 GiB can travel as one");
  }
  if (leaves.size() != block_count(id.length)) {
    return fail(
        ErrorCode::invalid_argument, doing,
        std::to_string(leaves.size()) + " leaf hashes for " + std::to_string(block_count(id.length)) + " blocks");
  }
  return {};
}

Status check_leaves(const TorrentId& id, std::span<const Digest> leaves) {
  if (auto counted = check_leaf_count(id, leaves); !counted) return counted;
  if (content_root(leaves) != id.root) {
    return fail(ErrorCode::invalid_argument, "open the window " + to_hex(id.root),
                "the leaf hashes do not fold to the root");
  }
  return {};
}

Result<lt::add_torrent_params> form_torrent(const TorrentId& id, std::span<const Digest> leaves,
                                            const std::string& authority_pem) try {
  const std::string text = encode_torrent(id, authority_pem);
  lt::error_code error;
  const lt::bdecode_node node = lt::bdecode(text, error);
  if (error) return fail(ErrorCode::internal, "form the torrent of " + to_hex(id.root), error.message());
  lt::add_torrent_params params;
  params.ti = std::make_shared<lt::torrent_info>(node, error);
  if (error) return fail(ErrorCode::internal, "form the torrent of " + to_hex(id.root), error.message());
  params.flags = lt::torrent_flags::paused | lt::torrent_flags::no_verify_files |
                 lt::torrent_flags::sequential_download | lt::torrent_flags::apply_ip_filter;
  add_tree(params, leaves);
  return params;
} catch (const std::exception& thrown) {
  return fail(ErrorCode::internal, "form the torrent of " + to_hex(id.root), thrown.what());
}

}  // namespace larder::peer
