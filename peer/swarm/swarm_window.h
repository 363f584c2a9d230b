// One window that is open in libtorrent: what the block check, the disk and the peers' connections share. Network
// thread only, unless said otherwise; held by the session and by libtorrent's torrent. Private to the swarm.
//
// A block that arrived is in memory until its owner wrote it (consumed). Only then libtorrent hears that it was
// written, and of a piece that its hash is right once all of it was written: so nothing is announced to others that
// cannot be read, and a hash never overtakes a write.
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
#include "peer/swarm/batching.h"
#include "peer/swarm/block_queue.h"
#include "peer/swarm/peer_book.h"
#include "peer/swarm/swarm.h"

namespace larder::peer {

class BlockGuard;

// What a window tells its owner. Any thread; must not block.
class WindowSink {
 public:
  virtual ~WindowSink() = default;
  virtual void blocks_ready() = 0;  // take them from blocks()
  virtual void bad_block(const AgentId& from) = 0;
  virtual void peer_lost(const AgentId& peer) = 0;
  virtual void failed(const Error& error) = 0;  // the window is of no more use
};

// Of the whole swarm.
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

class Window {
 public:
  struct What {
    SwarmWindow window;
    std::vector<Digest> leaves;
    std::vector<ByteRange> held;  // of the window; all of it where it is served
    std::shared_ptr<cache::ContentLease> content;
    std::uint64_t offset = 0;  // of the window in the content's file
    bool serving = false;
  };
  using WriteDone = std::function<void(const libtorrent::storage_error&)>;
  using HashDone =
      std::function<void(libtorrent::piece_index_t, const libtorrent::sha1_hash&, const libtorrent::storage_error&)>;

  // In memory for one fetch; beyond it connections are read no further. What their receive buffers hold already still
  // comes, so that at most 32 MiB lie here with 16 peers.
  static constexpr std::uint64_t kHighWater = 16 * kMiB;
  static constexpr std::uint64_t kLowWater = 8 * kMiB;

  Window(What what, std::shared_ptr<WindowSink> sink, std::shared_ptr<SwarmShared> shared);

  // Facts; any thread.
  [[nodiscard]] const SwarmWindow& id() const { return what_.window; }
  [[nodiscard]] const std::vector<Digest>& leaves() const { return what_.leaves; }
  [[nodiscard]] bool serving() const { return what_.serving; }
  [[nodiscard]] std::uint64_t blocks() const { return what_.leaves.size(); }
  [[nodiscard]] std::uint64_t piece_length() const { return piece_length_; }
  [[nodiscard]] std::uint64_t blocks_in_piece() const { return piece_length_ / kBlockSize; }
  [[nodiscard]] std::uint64_t pieces() const;
  [[nodiscard]] std::uint32_t block_length(std::uint64_t block) const;
  [[nodiscard]] std::uint64_t offset_of(const libtorrent::peer_request& request) const;
  // Whether a block has its leaf. libtorrent 2.0.8 pads the last block of a torrent to its full length on the wire.
  [[nodiscard]] bool matches(std::uint64_t block, Bytes bytes) const;
  [[nodiscard]] WindowSink& sink() const { return *sink_; }
  [[nodiscard]] SwarmShared& shared() const { return *shared_; }
  [[nodiscard]] BlockQueue& queue() { return queue_; }
  [[nodiscard]] std::uint32_t connections() const { return connections_; }
  // Reads from the content's file, on a reader thread, zeros beyond the window's end; bytes that are not those of the
  // leaves are an error.
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> into) const;

  // What libtorrent is told when the torrent is added: pieces that are here, and pieces of which some blocks are.
  [[nodiscard]] bool piece_readable(std::uint64_t piece) const;
  [[nodiscard]] bool readable(std::uint64_t offset, std::uint64_t length) const;
  [[nodiscard]] bool arrived(std::uint64_t block) const { return arrived_[block]; }
  [[nodiscard]] bool gives() const { return what_.content != nullptr; }

  // Of the disk. True when the connection shall pause until `observer` hears of room.
  [[nodiscard]] bool write(std::uint64_t offset, Bytes block, std::weak_ptr<libtorrent::disk_observer> observer,
                           WriteDone done);
  // Blocks wait for more to come before the owner is told: it is to be told when a pause was long enough.
  [[nodiscard]] bool waits_to_tell() const { return batch_.waits(); }
  void tell();
  // Kept until all of the piece is readable. False when it is: the caller answers at once, and has `done` still. It is
  // never copied: `into` points to what it owns.
  [[nodiscard]] bool wait_for_hash(libtorrent::piece_index_t piece, libtorrent::span<libtorrent::sha256_hash> into,
                                   HashDone& done);
  void fill_hashes(libtorrent::piece_index_t piece, libtorrent::span<libtorrent::sha256_hash> into) const;
  void consumed(std::uint64_t offset, std::uint64_t bytes);
  void want(std::uint64_t piece, bool wanted);
  // Everything that waits, ended as aborted: to be run by the caller, outside of libtorrent's call.
  [[nodiscard]] std::vector<std::function<void()>> abandon();

  // Of the connections.
  void set_sender(const AgentId& agent) { sender_ = agent; }  // of the block that write() gets next
  void add_guard(BlockGuard& guard);
  void remove_guard(BlockGuard& guard);
  void cut(const AgentId& agent);  // every connection with it
  void cut_refused();
  [[nodiscard]] PeerBook& book() { return book_; }

  libtorrent::torrent_handle handle;
  bool redialling = false;  // inside the pause that only makes libtorrent dial at once

 private:
  struct WaitingHash {
    libtorrent::span<libtorrent::sha256_hash> into;
    HashDone done;
  };
  void mark_held();
  [[nodiscard]] ByteRange blocks_within(std::uint64_t offset, std::uint64_t bytes) const;
  void answer_hashes(std::uint64_t first_block, std::uint64_t blocks);
  void make_room();

  What what_;
  std::uint32_t piece_length_;
  std::shared_ptr<WindowSink> sink_;
  std::shared_ptr<SwarmShared> shared_;
  std::vector<bool> arrived_;   // here, in memory or on disk
  std::vector<bool> readable_;  // on disk
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
