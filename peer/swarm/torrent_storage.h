// One torrent that is open in libtorrent: the state shared by the block check, the disk and the peers' connections.
// Network thread only, unless stated otherwise; held by the swarm and by libtorrent's torrent. Private to the swarm.
//
// A block that arrived stays in memory until its owner has written it (consumed). Only then is it reported to
// libtorrent as written, and a piece as hashed once all of it is written. So no piece is announced to peers before it
// can be read, and a hash never overtakes a write.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <libtorrent/disk_observer.hpp>
#include <libtorrent/error_code.hpp>
#include <libtorrent/peer_request.hpp>
#include <libtorrent/sha1_hash.hpp>
#include <libtorrent/span.hpp>
#include <libtorrent/torrent_handle.hpp>
#include <libtorrent/units.hpp>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/hash/merkle.h"
#include "cache/record/interval_set.h"
#include "peer/swarm/batching.h"
#include "peer/swarm/block_queue.h"
#include "peer/swarm/peer_book.h"
#include "peer/swarm/swarm.h"

namespace larder::peer {

class BlockGuard;

// Receives a torrent's events. Called on any thread; must not block.
class TorrentListener {
 public:
  virtual ~TorrentListener() = default;
  virtual void on_blocks_ready() = 0;  // blocks are in queue()
  virtual void on_bad_block(const AgentId& from) = 0;
  virtual void on_peer_lost(const AgentId& peer) = 0;
  virtual void on_failed(const Error& error) = 0;  // the torrent cannot be used any more
};

// State shared by all torrents of a session.
struct SwarmShared {
  bool encryption = true;
  bool verify_reads = true;
  std::set<AgentId> refused;  // network thread
  // Any thread.
  std::atomic<std::uint64_t> connections = 0;
  std::atomic<std::uint64_t> uploaded = 0;
  std::atomic<std::uint64_t> downloaded = 0;
  std::atomic<std::uint64_t> bad_blocks = 0;
};

class TorrentStorage {
 public:
  struct Setup {
    TorrentId torrent;
    std::vector<Digest> leaves;
    std::vector<ByteRange> held;  // ranges of the torrent; ignored where it is served, since all of it is there
    std::shared_ptr<cache::ContentLease> content;
    std::uint64_t offset = 0;  // of the torrent in the content's file
    bool serving = false;
  };
  using WriteDone = std::function<void(const libtorrent::storage_error&)>;
  using HashDone =
      std::function<void(libtorrent::piece_index_t, const libtorrent::sha1_hash&, const libtorrent::storage_error&)>;

  // Back-pressure: bytes in memory for one fetch, above which connections are paused until kLowWater is reached. The
  // bytes in their receive buffers still come, so that at most 32 MiB lie here with 16 peers.
  static constexpr std::uint64_t kHighWater = 16 * kMiB;
  static constexpr std::uint64_t kLowWater = 8 * kMiB;

  TorrentStorage(Setup what, std::shared_ptr<TorrentListener> sink, std::shared_ptr<SwarmShared> shared);

  // Facts; any thread.
  [[nodiscard]] const TorrentId& id() const { return what_.torrent; }
  [[nodiscard]] const std::vector<Digest>& leaves() const { return what_.leaves; }
  [[nodiscard]] bool serving() const { return what_.serving; }
  [[nodiscard]] std::uint64_t blocks() const { return what_.leaves.size(); }
  [[nodiscard]] std::uint64_t piece_length() const { return piece_length_; }
  [[nodiscard]] std::uint64_t blocks_in_piece() const { return piece_length_ / kBlockSize; }
  [[nodiscard]] std::uint64_t pieces() const;
  [[nodiscard]] std::uint32_t block_length(std::uint64_t block) const;
  [[nodiscard]] std::uint64_t offset_of(const libtorrent::peer_request& request) const;
  // Returns whether the bytes match the block's leaf. libtorrent 2.0.8 pads the last block of a torrent to its full
  // length on the wire.
  [[nodiscard]] bool matches(std::uint64_t block, Bytes bytes) const;
  [[nodiscard]] TorrentListener& sink() const { return *sink_; }
  [[nodiscard]] SwarmShared& shared() const { return *shared_; }
  [[nodiscard]] BlockQueue& queue() { return queue_; }
  [[nodiscard]] std::uint32_t connections() const { return connections_; }
  // Reads from the content's file, on a reader thread, with zeros beyond the torrent's end. Error: content_damaged
  // where the bytes do not match the leaves.
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> into) const;

  // State reported to libtorrent when the torrent is added: complete pieces, and blocks of incomplete ones.
  [[nodiscard]] bool piece_readable(std::uint64_t piece) const;
  [[nodiscard]] bool readable(ByteRange range) const;
  [[nodiscard]] bool has_arrived(std::uint64_t block) const { return arrived_[block]; }
  [[nodiscard]] bool gives() const { return what_.content != nullptr; }

  // Called by the disk with an arrived block. True: the connection is to pause until `observer` is called.
  [[nodiscard]] bool write(std::uint64_t offset, Bytes block, std::weak_ptr<libtorrent::disk_observer> observer,
                           WriteDone done);
  // Returns whether arrived blocks are not reported yet, as they wait for more: call report_arrivals() after
  // kBatchPause.
  [[nodiscard]] bool has_unreported_arrivals() const { return batch_.waits(); }
  void report_arrivals();
  // Keeps `done` until all of the piece is readable. False: it is readable, and the caller answers and keeps `done`.
  // `done` is never copied: `into` points to memory that it owns.
  [[nodiscard]] bool wait_for_hash(libtorrent::piece_index_t piece, libtorrent::span<libtorrent::sha256_hash> into,
                                   HashDone& done);
  void fill_hashes(libtorrent::piece_index_t piece, libtorrent::span<libtorrent::sha256_hash> into) const;
  void consumed(ByteRange range);
  void want(std::uint64_t piece, bool wanted);
  // Removes all waiting writes and hashes and returns tasks that end them as aborted. The caller runs these outside of
  // libtorrent's call.
  [[nodiscard]] std::vector<std::function<void()>> abandon();

  // Called by the connections.
  void set_sender(const AgentId& agent) { sender_ = agent; }  // of the block in the next write()
  void add_guard(BlockGuard& guard);
  void remove_guard(BlockGuard& guard);
  void cut_connections(const AgentId& agent);  // ends every connection with the agent
  void cut_refused();
  [[nodiscard]] PeerBook& book() { return book_; }

  libtorrent::torrent_handle handle;
  bool redialling = false;  // during the pause and resume that make libtorrent dial at once

 private:
  struct WaitingHash {
    libtorrent::span<libtorrent::sha256_hash> into;
    HashDone done;
  };
  void mark_held();
  [[nodiscard]] cache::Interval blocks_within(ByteRange range) const;
  void answer_hashes(cache::Interval blocks);
  void make_room();

  Setup what_;
  std::uint32_t piece_length_;
  std::shared_ptr<TorrentListener> sink_;
  std::shared_ptr<SwarmShared> shared_;
  std::vector<bool> arrived_;   // by block: in memory or on disk
  std::vector<bool> readable_;  // by block: on disk
  std::vector<bool> wanted_;    // by piece
  BlockQueue queue_;
  ArrivalBatch batch_;
  std::uint64_t buffered_ = 0;
  AgentId sender_{};
  std::unordered_map<std::uint64_t, WriteDone> writes_;  // by block
  std::map<std::uint64_t, WaitingHash> hashes_;          // by piece
  std::vector<std::weak_ptr<libtorrent::disk_observer>> paused_;
  std::set<BlockGuard*> guards_;
  PeerBook book_;
  std::atomic<std::uint32_t> connections_ = 0;
};

}  // namespace larder::peer
