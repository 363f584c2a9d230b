// The swarm (docs/design.md, Hashes and segments; The LAN): moves contents and segments of them between agents with
// libtorrent's SSL torrents. Owned by agent/lan.
//
// Thread: methods, events and `done` on the loop thread; libtorrent and the disk reads have threads of their own.
// Re-entrancy: events and `done` never come from within a method; an event may call any method. After the destructor
// none comes, also no `done` that is still due.
//
// A torrent is a content or one segment of it, named by root and length alone. Every block is checked against its leaf
// hash before libtorrent sees it; a peer that sends a bad one is cut and reported. Only the downloading side dials.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/hash/buffer.h"
#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/loop.h"
#include "base/text/units.h"
#include "cache/content_lease.h"
#include "peer/common/endpoint.h"
#include "peer/group/keys.h"

namespace larder::peer {

struct TorrentId {
  Digest root{};             // BEP 52 root of its bytes (cache/record/segments.h: of a segment, or of the whole)
  std::uint64_t length = 0;  // bytes, more than 0
  friend bool operator==(const TorrentId&, const TorrentId&) = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): version 14 sees a null pointer in what the compiler makes of it
  friend auto operator<=>(const TorrentId&, const TorrentId&) = default;
};

// Certificates that every torrent of the group carries or shows.
struct SwarmCredentials {
  std::string authority_pem;
  std::string certificate_pem;
  std::string private_key_pem;
};

struct SwarmSettings {
  std::vector<std::string> listen;  // numeric addresses to listen on; empty: all
  std::uint16_t port = 7476;        // 0: any free one
  bool encryption = true;           // false: plain TCP
  std::uint64_t upload_rate = 0;    // bytes/s to all peers together, 0: unlimited
  std::uint64_t download_rate = 0;
  unsigned max_connections = 200;
  std::size_t max_fetches = 256;
  Duration idle_close = std::chrono::seconds(60);  // a served torrent without peers is closed after this time
  // Bytes read for peers are checked against their leaves first, so that a bad disk is found here and not by the peers.
  // Off only in tests, to play a liar.
  bool verify_reads = true;
};

struct SwarmPeer {
  AgentId agent{};
  Endpoint swarm;
};

class SwarmEvents {
 public:
  virtual ~SwarmEvents() = default;
  // Called with whole blocks that match their leaves, in any order, each once; `offset` in the torrent, block-aligned.
  virtual void on_blocks(std::uint64_t offset, Buffer bytes, const AgentId& from) = 0;
  virtual void on_bad_block(const AgentId& from) = 0;  // the peer sent a bad block and was cut
  virtual void on_peer_lost(const AgentId& peer) = 0;  // the peer could not be reached, or went away
  virtual void on_failed(const Error& error) = 0;      // the fetch has ended; at most once, last
};

using SwarmFetchId = std::uint64_t;

struct SwarmFetch {
  TorrentId torrent;
  std::vector<Digest> leaves;    // one for each block; they fold to torrent.root (checked unless leaves_proven)
  std::vector<SwarmPeer> peers;  // to dial, at most 16
  std::vector<ByteRange> held;   // ranges of the torrent that are here already
  // Held and consumed ranges are read from it for other downloaders; null: nothing is served.
  std::shared_ptr<cache::ContentLease> content;
  std::uint64_t offset = 0;    // of the torrent in the content's file
  bool leaves_proven = false;  // the caller checked them: for 512 MiB that takes as long as 2 MiB on the line
};

struct SwarmFigures {
  std::uint64_t torrents = 0;
  std::uint64_t connections = 0;
  std::uint64_t uploaded = 0;  // payload bytes since start
  std::uint64_t downloaded = 0;
  std::uint64_t bad_blocks = 0;
  std::uint64_t refused_fetches =
      0;  // since start: fetches refused as max_fetches were in flight; the origin was asked instead
};

class Swarm {
 public:
  virtual ~Swarm() = default;  // ends libtorrent, and waits for that 5 s at most

  [[nodiscard]] virtual std::uint16_t port() const = 0;  // the bound port
  // Replaces the certificates (joined, renewed). Served torrents end, and so do fetches, with on_failed().
  virtual void set_credentials(const SwarmCredentials& credentials) = 0;
  virtual void set_rates(std::uint64_t upload, std::uint64_t download) = 0;
  // Listens at addresses of this machine where it does not yet. Costs nothing where no address is new, and ends no
  // connection. libtorrent does so by itself when an address is added, but not when its interface goes up later.
  virtual void listen_anew() {}
  // Sets all refused agents (revoked members), replacing earlier ones: connections with them end, in both directions.
  // Needs encryption: over plain TCP no peer proves its identity.
  virtual void set_refused(std::vector<AgentId> /*agents*/) {}
  // Sets the addresses from which incoming TLS handshakes are accepted (ports do not count), replacing earlier ones;
  // empty: from every address. Others are ended within a second. Peers that a fetch dials need not be among them.
  virtual void set_known(std::vector<Endpoint> /*addresses*/) {}

  // Serves a torrent of a whole content or of committed segments. `done` comes once the torrent accepts connections, or
  // with an error. If the torrent is being fetched, the fetch serves it, and the torrent itself is served after the
  // fetch. Serving ends by itself when idle, and when the bytes cannot be read.
  struct Serve {
    TorrentId torrent;
    std::vector<Digest> leaves;
    std::shared_ptr<cache::ContentLease> content;
    std::uint64_t offset = 0;
    // Returns whether the content is still offered. Called on the loop thread, from end_unshared(). Empty: always.
    std::function<bool()> still_offered = {};
  };
  virtual void serve(Serve what, UniqueFunction<void(Status)> done) = 0;
  [[nodiscard]] virtual bool serves(const TorrentId& torrent) const = 0;
  // Stops serving the torrents whose content is not offered any more (Serve::still_offered): members that download them
  // are cut. Done every 5 s at the latest in any case.
  virtual void end_unshared() {}

  // Starts a fetch; peers are dialled at once. Errors: invalid_argument where the leaves do not fit the torrent or
  // there are more than 16 peers, limit_exceeded with max_fetches in flight, busy with 8 fetches of this torrent in
  // flight.
  [[nodiscard]] virtual Result<SwarmFetchId> fetch(SwarmFetch what, std::shared_ptr<SwarmEvents> events) = 0;
  // Sets the wanted ranges of the torrent, all of them, replacing earlier ones; no byte is fetched before this call.
  virtual void want(SwarmFetchId fetch, std::vector<ByteRange> ranges) = 0;
  virtual void add_peers(SwarmFetchId fetch, const std::vector<SwarmPeer>& peers) = 0;
  virtual void drop_peer(SwarmFetchId fetch, const AgentId& peer) = 0;  // cuts it, and does not dial it again
  // Back-pressure: reports that bytes of on_blocks() are in the content's file. They leave the memory, and other peers
  // can be served them.
  virtual void consumed(SwarmFetchId fetch, ByteRange range) = 0;
  virtual void stop(SwarmFetchId fetch) = 0;  // no event follows

  [[nodiscard]] virtual SwarmFigures figures() const = 0;
  // Calls `answer` on the swarm's own thread, for a watchdog.
  virtual void ask_thread(UniqueFunction<void()> answer) { answer(); }
};

[[nodiscard]] Result<std::unique_ptr<Swarm>> make_swarm(const SwarmSettings& settings,
                                                        const SwarmCredentials& credentials, Runtime runtime);

}  // namespace larder::peer
