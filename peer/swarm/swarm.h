// The swarm (docs/design.md, Hashes and segments; The LAN): moves windows of contents between agents with libtorrent's
// SSL torrents. Called on the loop thread, events on the loop thread; libtorrent has a thread of its own, disk reads
// have theirs. Owned by main.
//
// A torrent is a window of a content, named by root and length alone. Every block is checked against its leaf hash
// before libtorrent sees it; a peer that sends a bad one is cut and named. Only who downloads dials.
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
#include "cache/cache.h"
#include "peer/common/endpoint.h"
#include "peer/group/keys.h"

namespace larder::peer {

struct SwarmWindow {
  Digest root{};             // BEP 52 root of the window (cache/record/segments.h: of a segment, or of the whole)
  std::uint64_t length = 0;  // bytes, more than 0
  friend bool operator==(const SwarmWindow&, const SwarmWindow&) = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): version 14 sees a null pointer in what the compiler makes of it
  friend auto operator<=>(const SwarmWindow&, const SwarmWindow&) = default;
};

// Certificates that every torrent of the group carries or shows.
struct SwarmCredentials {
  std::string authority_pem;
  std::string certificate_pem;
  std::string private_key_pem;
};

struct SwarmSettings {
  std::vector<std::string> listen;  // numeric addresses to listen on; empty: all
  std::uint16_t port = 7476;        // 0: any
  bool encryption = true;           // false: plain TCP
  std::uint64_t upload_rate = 0;    // bytes/s to all peers together, 0: unlimited
  std::uint64_t download_rate = 0;
  unsigned max_connections = 200;
  std::size_t max_fetches = 256;
  Duration idle_close = std::chrono::seconds(60);  // a served torrent without peers goes after so long
  // Bytes read for others are held against their leaves first, so that a rotten disk is found here and not by them.
  // Off only to play a liar.
  bool verify_reads = true;
};

struct SwarmPeer {
  AgentId agent{};
  Endpoint swarm;
};

class SwarmEvents {
 public:
  virtual ~SwarmEvents() = default;
  // Whole blocks that match their leaves, in any order, each once; `offset` in the window, block-aligned.
  virtual void on_blocks(std::uint64_t offset, Buffer bytes, const AgentId& from) = 0;
  virtual void on_bad_block(const AgentId& from) = 0;  // it was cut
  virtual void on_peer_lost(const AgentId& peer) = 0;  // could not be reached, or went away
  virtual void on_failed(const Error& error) = 0;      // nothing more comes; at most once, last
};

using SwarmFetchId = std::uint64_t;

struct SwarmFetch {
  SwarmWindow window;
  std::vector<Digest> leaves;    // one for each block of the window; they fold to window.root (checked by fetch)
  std::vector<SwarmPeer> peers;  // whom to dial, at most 16
  std::vector<ByteRange> held;   // of the window: what is here already
  // To read what is held, and what was written meanwhile, for other downloaders; null: nothing is given away.
  std::shared_ptr<cache::ContentLease> content;
  std::uint64_t offset = 0;    // of the window in the content's file
  bool leaves_proven = false;  // they were checked: of 512 MiB that takes as long as 2 MiB take on the line
};

struct SwarmFigures {
  std::uint64_t torrents = 0;
  std::uint64_t connections = 0;
  std::uint64_t uploaded = 0;  // payload bytes since start
  std::uint64_t downloaded = 0;
  std::uint64_t bad_blocks = 0;
  std::uint64_t refused_fetches =
      0;  // since start, since as many as may be were under way: the origin was asked instead
};

class Swarm {
 public:
  virtual ~Swarm() = default;  // ends libtorrent within a bounded time

  [[nodiscard]] virtual std::uint16_t port() const = 0;  // really listened on
  // New certificates (joined, renewed): torrents of the old ones end.
  virtual void set_credentials(const SwarmCredentials& credentials) = 0;
  virtual void set_rates(std::uint64_t upload, std::uint64_t download) = 0;
  // Looks at the machine's addresses and listens at those where it does not yet. Costs nothing where nothing is new,
  // and ends no connection. libtorrent does so by itself when an address comes, but not when its interface goes up
  // later.
  virtual void listen_anew() {}
  // Agents that are not talked to whoever dials, all of them, replacing earlier ones: revoked members. Connections with
  // them end. Needs encryption: over plain TCP nobody proves who it is.
  virtual void set_refused(std::vector<AgentId> /*agents*/) {}
  // From where TLS handshakes are waited for (ports do not count), replacing earlier ones; empty: from everywhere.
  // Others are ended within a second. Whom a fetch dials needs not be among them.
  virtual void set_known(std::vector<Endpoint> /*addresses*/) {}

  // Serves a window of a whole content or of committed segments. `done` once the torrent accepts connections; at once
  // when it does already. Ends by itself when idle, and when the bytes cannot be read.
  struct Serve {
    SwarmWindow window;
    std::vector<Digest> leaves;
    std::shared_ptr<cache::ContentLease> content;
    std::uint64_t offset = 0;
  };
  virtual void serve(Serve what, UniqueFunction<void(Status)> done) = 0;
  [[nodiscard]] virtual bool serves(const SwarmWindow& window) const = 0;
  virtual void withdraw(const SwarmWindow& window) = 0;  // judged bad, dropped

  // invalid_argument where the leaves do not fold to the root.
  [[nodiscard]] virtual Result<SwarmFetchId> fetch(SwarmFetch what, std::shared_ptr<SwarmEvents> events) = 0;
  // The ranges of the window that are wanted now (all of them, replacing earlier ones); nothing is fetched before.
  virtual void want(SwarmFetchId fetch, std::vector<ByteRange> ranges) = 0;
  virtual void add_peers(SwarmFetchId fetch, const std::vector<SwarmPeer>& peers) = 0;
  virtual void drop_peer(SwarmFetchId fetch, const AgentId& peer) = 0;  // stalled: cut, and not dialled again
  // So many bytes of on_blocks are on the disk: bounds what is in memory, and makes them readable for others.
  virtual void consumed(SwarmFetchId fetch, std::uint64_t offset, std::uint64_t bytes) = 0;
  virtual void stop(SwarmFetchId fetch) = 0;  // no event follows

  [[nodiscard]] virtual SwarmFigures figures() const = 0;
  // Has `answer` called on the swarm's own thread when its turn comes: a watchdog's question.
  virtual void ask(UniqueFunction<void()> answer) { answer(); }
};

[[nodiscard]] Result<std::unique_ptr<Swarm>> make_swarm(const SwarmSettings& settings,
                                                        const SwarmCredentials& credentials, Runtime runtime);

}  // namespace larder::peer
