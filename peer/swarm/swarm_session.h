// libtorrent's session on a thread of its own. Work is handed over with post(), since libtorrent's calls do not block
// on its own thread. Only start() and, for a bounded time, the destructor wait for that thread. Private to the swarm.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_function.h"
#include "peer/swarm/swarm_window.h"

namespace larder::peer {

// An alert of the session, to be read on the loop.
struct SessionNews {
  std::string root;  // hex, of the torrent concerned; empty: the session's own
  Error error;
};

class SwarmSession {
 public:
  // `news_ready` is called on any thread when pop_news() has something; it must not block.
  // Without `listens` the session only dials.
  static Result<std::unique_ptr<SwarmSession>> start(const SwarmSettings& settings, std::shared_ptr<SwarmShared> shared,
                                                     std::function<void()> news_ready, bool listens = true);
  ~SwarmSession();      // waits for libtorrent's end, 5 s at most
  void begin_to_end();  // begins the end without waiting, so that several sessions end at the same time
  SwarmSession(const SwarmSession&) = delete;
  SwarmSession& operator=(const SwarmSession&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::vector<SessionNews> pop_news();

  void post(Task task);  // on the network thread, in order

  // The rest on the network thread only.
  // Opens a torrent: adds it paused, sets its certificate, resumes it. Peers are dialled at once.
  Status open(const std::shared_ptr<TorrentStorage>& storage, const SwarmCredentials& credentials,
              const std::vector<SwarmPeer>& peers);
  void close(const std::shared_ptr<TorrentStorage>& storage);
  void add_peers(const std::shared_ptr<TorrentStorage>& storage, const std::vector<SwarmPeer>& peers);
  void dial(const std::shared_ptr<TorrentStorage>& storage);  // dials known peers without a connection at once
  // want() takes pairs of piece and whether it is wanted from now on. A torrent with nothing wanted does not dial.
  void want_nothing(const std::shared_ptr<TorrentStorage>& storage);
  void want(const std::shared_ptr<TorrentStorage>& storage, const std::vector<std::pair<std::uint64_t, bool>>& pieces);
  void set_rates(std::uint64_t upload, std::uint64_t download);
  void listen_anew();  // listens at new addresses; for a session that listens
  // Ends TLS handshakes that take too long or are too many (handshake_sweep.h): libtorrent does neither.
  void sweep_handshakes(const std::function<bool(const Endpoint&)>& known);

 private:
  struct Network;
  SwarmSession() = default;

  std::shared_ptr<Network> network_;
  std::thread thread_;
  std::uint16_t port_ = 0;
  bool ending_ = false;
};

}  // namespace larder::peer
