// The check in front of libtorrent (docs/design.md, Hashes and segments): every block is checked against its leaf
// before libtorrent sees it, since a piece that fails its hash corrupts the heap of libtorrent 2.0.8. A peer that sends
// a bad block is cut and reported. Connections to another agent than the one dialled, to refused and to dropped agents
// end at the handshake. Network thread.
#pragma once

#include <libtorrent/extensions.hpp>
#include <libtorrent/peer_connection_handle.hpp>
#include <memory>

#include "peer/swarm/swarm_window.h"

namespace larder::peer {

// One connection.
class BlockGuard final : public libtorrent::peer_plugin {
 public:
  BlockGuard(libtorrent::peer_connection_handle connection, std::shared_ptr<TorrentStorage> storage);
  ~BlockGuard() override;
  BlockGuard(const BlockGuard&) = delete;
  BlockGuard& operator=(const BlockGuard&) = delete;

  // Returns the peer's id; all zero over plain TCP if the peer dialled.
  [[nodiscard]] const AgentId& agent() const { return agent_; }
  void cut();

  libtorrent::string_view type() const override { return "larder"; }
  void on_connected() override;
  bool on_handshake(libtorrent::span<const char> reserved) override;
  void on_disconnect(const libtorrent::error_code& error) override;
  bool on_piece(const libtorrent::peer_request& request, libtorrent::span<const char> bytes) override;
  bool on_request(const libtorrent::peer_request& request) override;
  void sent_payload(int bytes) override;

 private:
  // After so many bytes enough requests are in flight that a request may wait for others without a stall.
  static constexpr std::uint64_t kMuch = 8 * kMiB;

  [[nodiscard]] bool acceptable();
  void gather_requests(std::uint64_t bytes);
  void on_ended();

  libtorrent::peer_connection_handle connection_;
  std::shared_ptr<TorrentStorage> storage_;
  AgentId agent_{};
  bool asked_for_ = false;  // this agent dialled the peer
  bool connected_ = false;
  bool ended_ = false;
  std::uint64_t received_ = 0;  // bytes received while only_takes_
  bool gathers_ = false;        // small packets wait for each other (no TCP_NODELAY)
  bool only_takes_ = true;      // the peer has requested nothing
};

// One torrent.
class TorrentGuard final : public libtorrent::torrent_plugin {
 public:
  explicit TorrentGuard(std::shared_ptr<TorrentStorage> storage) : storage_(std::move(storage)) {}
  std::shared_ptr<libtorrent::peer_plugin> new_connection(
      const libtorrent::peer_connection_handle& connection) override;
  bool on_pause() override { return storage_->redialling; }

 private:
  std::shared_ptr<TorrentStorage> storage_;
};

}  // namespace larder::peer
