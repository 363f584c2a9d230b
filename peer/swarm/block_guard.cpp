#include "peer/swarm/block_guard.h"

#include <libtorrent/error_code.hpp>
#include <libtorrent/operations.hpp>
#include <libtorrent/peer_request.hpp>
#include <utility>

#include "base/io/log.h"
#include "peer/swarm/peer_identity.h"

namespace larder::peer {

namespace lt = libtorrent;

BlockGuard::BlockGuard(lt::peer_connection_handle connection, std::shared_ptr<TorrentStorage> storage)
    : connection_(std::move(connection)), storage_(std::move(storage)), asked_for_(connection_.is_outgoing()) {
  if (asked_for_) agent_ = storage_->book().at(from_libtorrent(connection_.remote())).value_or(AgentId{});
}

BlockGuard::~BlockGuard() {
  on_ended();
}

void BlockGuard::cut() {
  connection_.disconnect(lt::errors::peer_banned, lt::operation_t::bittorrent,
                         lt::peer_connection_interface::peer_error);
}

void BlockGuard::on_connected() {
  send_without_delay(connection_);
}

bool BlockGuard::on_handshake(lt::span<const char> /*reserved*/) {
  send_without_delay(connection_);
  if (!acceptable()) {
    cut();
    return true;  // false would remove the guard from the connection
  }
  connected_ = true;
  storage_->add_guard(*this);
  storage_->book().on_connected(agent_);
  return true;
}

// Returns whether the certificate's agent is the one that was dialled, and neither refused nor dropped.
bool BlockGuard::acceptable() {
  if (storage_->shared().encryption) {
    const std::optional<AgentId> proven = agent_of(connection_);
    if (!proven) return false;
    if (asked_for_ && *proven != agent_) {
      log::warn("swarm: another agent answers dialled={} answered={}", agent_name(agent_), agent_name(*proven));
      return false;
    }
    agent_ = *proven;
  }
  return !storage_->shared().refused.contains(agent_) && !storage_->book().was_dropped(agent_);
}

void BlockGuard::on_disconnect(const lt::error_code& error) {
  log::debug("swarm: connection ended agent={} connected={} reason={}", agent_name(agent_), connected_,
             error.message());
  stop_reading(connection_);
  on_ended();
}

void BlockGuard::on_ended() {
  if (std::exchange(ended_, true)) return;
  storage_->remove_guard(*this);
  if (connected_ || asked_for_) {
    if (storage_->book().on_connection_ended(agent_, connected_)) storage_->sink().on_peer_lost(agent_);
  }
}

bool BlockGuard::on_piece(const lt::peer_request& request, lt::span<const char> bytes) {
  const Bytes block(reinterpret_cast<const std::byte*>(bytes.data()), static_cast<std::size_t>(bytes.size()));
  const std::uint64_t offset = storage_->offset_of(request);
  if (request.start >= 0 && offset % kBlockSize == 0 && storage_->matches(offset / kBlockSize, block)) {
    storage_->set_sender(agent_);
    gather_requests(block.size());
    return false;
  }
  ++storage_->shared().bad_blocks;
  log::warn("swarm: a block does not match its leaf hash agent={} root={} offset={}", agent_name(agent_),
            to_hex(storage_->id().root), offset);
  if (agent_ != AgentId{}) storage_->book().drop_peer(agent_);
  storage_->sink().on_bad_block(agent_);
  connection_.disconnect(lt::errors::too_many_corrupt_pieces, lt::operation_t::bittorrent,
                         lt::peer_connection_interface::peer_error);
  return true;
}

void BlockGuard::gather_requests(std::uint64_t bytes) {
  if (gathers_ || !only_takes_) return;
  received_ += bytes;
  if (received_ < kMuch) return;
  gathers_ = true;
  send_without_delay(connection_, false);
}

// Returns true, which ignores the request, for a torrent without content to read from.
bool BlockGuard::on_request(const lt::peer_request& /*request*/) {
  only_takes_ = false;
  if (std::exchange(gathers_, false)) send_without_delay(connection_);
  return !storage_->gives();
}

void BlockGuard::sent_payload(int bytes) {
  storage_->shared().uploaded += static_cast<std::uint64_t>(bytes);
}

std::shared_ptr<lt::peer_plugin> TorrentGuard::new_connection(const lt::peer_connection_handle& connection) {
  return std::make_shared<BlockGuard>(connection, storage_);
}

}  // namespace larder::peer
