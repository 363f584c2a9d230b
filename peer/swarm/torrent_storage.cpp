#include "peer/swarm/torrent_storage.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <libtorrent/disk_interface.hpp>
#include <utility>

#include "peer/swarm/block_guard.h"
#include "peer/swarm/torrent_form.h"

namespace larder::peer {
namespace {

namespace lt = libtorrent;

lt::storage_error aborted() {
  return {boost::asio::error::operation_aborted, lt::operation_t::file_write};
}

}  // namespace

TorrentStorage::TorrentStorage(Setup what, std::shared_ptr<TorrentListener> sink, std::shared_ptr<SwarmShared> shared)
    : what_(std::move(what)),
      piece_length_(torrent_piece_length(what_.torrent.length)),
      sink_(std::move(sink)),
      shared_(std::move(shared)),
      arrived_(what_.leaves.size(), what_.serving),
      readable_(what_.leaves.size(), what_.serving),
      wanted_(pieces()) {
  mark_held();
}

void TorrentStorage::mark_held() {
  for (const ByteRange& range : what_.held) {
    const cache::Interval held = blocks_within(range);
    for (std::uint64_t block = held.begin; block < held.end; ++block) {
      arrived_[block] = true;
      readable_[block] = gives();
    }
  }
}

std::uint64_t TorrentStorage::pieces() const {
  return (what_.torrent.length + piece_length_ - 1) / piece_length_;
}

std::uint32_t TorrentStorage::block_length(std::uint64_t block) const {
  return static_cast<std::uint32_t>(std::min(kBlockSize, what_.torrent.length - block * kBlockSize));
}

std::uint64_t TorrentStorage::offset_of(const lt::peer_request& request) const {
  return static_cast<std::uint64_t>(static_cast<int>(request.piece)) * piece_length_ +
         static_cast<std::uint64_t>(request.start);
}

bool TorrentStorage::matches(std::uint64_t block, Bytes bytes) const {
  if (block >= blocks() || bytes.size() < block_length(block)) return false;
  return sha256(bytes.first(block_length(block))) == what_.leaves[block];
}

Status TorrentStorage::read(std::uint64_t offset, std::span<std::byte> into) const {
  const std::uint64_t there = std::min<std::uint64_t>(into.size(), what_.torrent.length - offset);
  std::fill(into.begin() + static_cast<std::ptrdiff_t>(there), into.end(), std::byte{0});
  into = into.first(there);
  const std::string doing = "read " + std::to_string(into.size()) + " bytes at " +
                            std::to_string(what_.offset + offset) + " of a served content";
  const auto got = what_.content->file().read_at(what_.offset + offset, into);
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got != into.size()) {
    return fail(ErrorCode::content_damaged, doing, "the file ends after " + std::to_string(*got) + " of them");
  }
  const std::uint64_t block = offset / kBlockSize;
  const bool whole = offset % kBlockSize == 0 && into.size() == block_length(block);
  if (shared_->verify_reads && whole && !matches(block, into)) {
    return fail(ErrorCode::content_damaged, doing, "they are not the bytes that were stored");
  }
  return {};
}

bool TorrentStorage::readable(ByteRange range) const {
  if (!gives() || range.length == 0 || range.offset >= what_.torrent.length) return false;
  range.length = std::min(range.length, what_.torrent.length - range.offset);
  for (std::uint64_t block = range.offset / kBlockSize; block * kBlockSize < range.end(); ++block) {
    if (!readable_[block]) return false;
  }
  return true;
}

bool TorrentStorage::piece_readable(std::uint64_t piece) const {
  const std::uint64_t begin = piece * piece_length_;
  return readable({begin, std::min<std::uint64_t>(piece_length_, what_.torrent.length - begin)});
}

// Returns the blocks that lie completely in a range.
cache::Interval TorrentStorage::blocks_within(ByteRange range) const {
  const std::uint64_t end = std::min(what_.torrent.length, range.end());
  const std::uint64_t first = block_count(range.offset);
  const std::uint64_t last = end == what_.torrent.length ? blocks() : end / kBlockSize;
  return {first, std::max(first, last)};
}

bool TorrentStorage::write(std::uint64_t offset, Bytes block, std::weak_ptr<lt::disk_observer> observer,
                           WriteDone done) {
  const std::uint64_t index = offset / kBlockSize;
  block = block.first(block_length(index));
  shared_->downloaded += block.size();
  writes_.insert_or_assign(index, std::move(done));
  if (!arrived_[index]) {
    arrived_[index] = true;
    buffered_ += block.size();
    queue_.append(offset, block, sender_);
    if (batch_.on_arrived(block.size(), wanted_[index / blocks_in_piece()])) report_arrivals();
  }
  if (buffered_ < kHighWater) return false;
  paused_.push_back(std::move(observer));
  return true;
}

void TorrentStorage::report_arrivals() {
  if (!batch_.waits()) return;
  batch_.on_reported();
  sink_->on_blocks_ready();
}

void TorrentStorage::want(std::uint64_t piece, bool wanted) {
  if (wanted_[piece] == wanted) return;
  wanted_[piece] = wanted;
  const std::uint64_t first = piece * blocks_in_piece();
  const std::uint64_t end = std::min(blocks(), first + blocks_in_piece());
  std::uint64_t missing = 0;
  for (std::uint64_t block = first; block < end; ++block) {
    if (!arrived_[block]) ++missing;
  }
  if (wanted) {
    batch_.wanted(missing);
  } else {
    batch_.unwanted(missing);
  }
}

bool TorrentStorage::wait_for_hash(lt::piece_index_t piece, lt::span<lt::sha256_hash> into, HashDone& done) {
  const auto index = static_cast<std::uint64_t>(static_cast<int>(piece));
  if (piece_readable(index)) return false;
  hashes_.insert_or_assign(index, WaitingHash{into, std::move(done)});
  return true;
}

void TorrentStorage::fill_hashes(lt::piece_index_t piece, lt::span<lt::sha256_hash> into) const {
  std::uint64_t block = static_cast<std::uint64_t>(static_cast<int>(piece)) * blocks_in_piece();
  for (lt::sha256_hash& hash : into) {
    if (block >= blocks()) break;
    hash.assign(reinterpret_cast<const char*>(what_.leaves[block++].data()));
  }
}

void TorrentStorage::consumed(ByteRange range) {
  if (range.offset >= what_.torrent.length) return;
  const cache::Interval consumed = blocks_within(range);
  std::vector<WriteDone> written;
  for (std::uint64_t block = consumed.begin; block < consumed.end; ++block) {
    const auto waiting = writes_.find(block);
    if (waiting == writes_.end()) continue;
    readable_[block] = true;
    buffered_ -= std::min<std::uint64_t>(buffered_, block_length(block));
    written.push_back(std::move(waiting->second));
    writes_.erase(waiting);
  }
  for (const WriteDone& done : written) done({});
  answer_hashes(consumed);
  make_room();
}

void TorrentStorage::answer_hashes(cache::Interval blocks) {
  if (blocks.begin >= blocks.end) return;
  const std::uint64_t last = (blocks.end - 1) / blocks_in_piece();
  for (std::uint64_t piece = blocks.begin / blocks_in_piece(); piece <= last; ++piece) {
    const auto found = hashes_.find(piece);
    if (found == hashes_.end() || !piece_readable(piece)) continue;
    const WaitingHash waiting = std::move(found->second);
    hashes_.erase(found);
    const lt::piece_index_t index(static_cast<int>(piece));
    fill_hashes(index, waiting.into);
    waiting.done(index, {}, {});
  }
}

void TorrentStorage::make_room() {
  if (paused_.empty() || buffered_ > kLowWater) return;
  for (const auto& observer : std::exchange(paused_, {})) {
    if (const auto alive = observer.lock()) alive->on_disk();
  }
}

std::vector<std::function<void()>> TorrentStorage::abandon() {
  std::vector<std::function<void()>> tasks;
  for (auto& [block, done] : writes_) tasks.emplace_back([done = std::move(done)] { done(aborted()); });
  for (auto& [piece, waiting] : hashes_) {
    tasks.emplace_back([index = lt::piece_index_t(static_cast<int>(piece)), done = std::move(waiting.done)] {
      done(index, {}, aborted());
    });
  }
  writes_.clear();
  hashes_.clear();
  paused_.clear();
  return tasks;
}

void TorrentStorage::add_guard(BlockGuard& guard) {
  if (!guards_.insert(&guard).second) return;
  ++connections_;
  ++shared_->connections;
}

void TorrentStorage::remove_guard(BlockGuard& guard) {
  if (guards_.erase(&guard) == 0) return;
  --connections_;
  --shared_->connections;
}

void TorrentStorage::cut_connections(const AgentId& agent) {
  for (BlockGuard* const guard : std::vector(guards_.begin(), guards_.end())) {
    if (guard->agent() == agent) guard->cut();
  }
}

void TorrentStorage::cut_refused() {
  for (BlockGuard* const guard : std::vector(guards_.begin(), guards_.end())) {
    if (shared_->refused.contains(guard->agent())) guard->cut();
  }
}

}  // namespace larder::peer
