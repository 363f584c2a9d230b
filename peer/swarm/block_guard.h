// The check in front of libtorrent (docs/design.md, Hashes and segments): every block is held against its leaf before
// libtorrent sees it, since a piece that fails its hash corrupts the heap of libtorrent 2.0.8. Who sends a bad one is
// cut and named. Connections with agents other than the one dialled, refused ones and dropped ones end at the
// handshake. Network thread.
#pragma once

#include <libtorrent/extensions.hpp>
#include <libtorrent/peer_connection_handle.hpp>
#include <memory>

#include "peer/swarm/swarm_window.h"

namespace larder::peer {

// One connection.
class BlockGuard final : public libtorrent::peer_plugin {
 public:
  BlockGuard(libtorrent::peer_connection_handle connection, std::shared_ptr<Window> window);
  ~BlockGuard() override;
  BlockGuard(const BlockGuard&) = delete;
  BlockGuard& operator=(const BlockGuard&) = delete;

  // All zero over plain TCP for who dialled us.
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
  // By then so many requests are on their way that none is missed when it waits for others.
  static constexpr std::uint64_t kMuch = 8 * kMiB;

  [[nodiscard]] bool acceptable();
  void gather_requests(std::uint64_t bytes);
  void ended();

  libtorrent::peer_connection_handle connection_;
  std::shared_ptr<Window> window_;
  AgentId agent_{};
  bool asked_for_ = false;  // we dialled it
  bool connected_ = false;
  bool ended_ = false;
  std::uint64_t taken_ = 0;  // bytes, while only taking
  bool gathers_ = false;     // its requests
  bool only_takes_ = true;
};

// One torrent.
class WindowGuard final : public libtorrent::torrent_plugin {
 public:
  explicit WindowGuard(std::shared_ptr<Window> window) : window_(std::move(window)) {}
  std::shared_ptr<libtorrent::peer_plugin> new_connection(
      const libtorrent::peer_connection_handle& connection) override;
  bool on_pause() override { return window_->redialling; }

 private:
  std::shared_ptr<Window> window_;
};

}  // namespace larder::peer
