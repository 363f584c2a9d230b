#include "peer/swarm/swarm_session.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/ip_filter.hpp>
#include <libtorrent/peer_class.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/session_params.hpp>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/io/log.h"
#include "peer/common/card_binding.h"
#include "peer/swarm/block_guard.h"
#include "peer/swarm/handshake_sweep.h"
#include "peer/swarm/peer_identity.h"
#include "peer/swarm/swarm_settings.h"
#include "peer/swarm/torrent_form.h"
#include "peer/swarm/window_disk.h"

namespace larder::peer {
namespace {

namespace lt = libtorrent;
namespace asio = boost::asio;

constexpr auto kMaxEnding = std::chrono::seconds(5);  // libtorrent waits 3 s for the end of a TLS connection

Error error_of(std::string doing, const lt::error_code& error) {
  return {ErrorCode::internal, std::move(doing), error.message()};
}

// Puts every address into the local class: always unchoked and under one limit, even where the LAN has public
// addresses.
void one_peer_class(lt::session& session) {
  const auto bit = std::uint32_t{1} << static_cast<std::uint32_t>(lt::session::local_peer_class_id);
  lt::ip_filter filter;
  filter.add_rule(lt::make_address("0.0.0.0"), lt::make_address("255.255.255.255"), bit);
  filter.add_rule(lt::make_address("::"), lt::make_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), bit);
  session.set_peer_class_filter(filter);
}

void limit_peer_class(lt::session& session, std::uint64_t upload, std::uint64_t download) {
  const auto limit = [](std::uint64_t rate) {
    return static_cast<int>(std::min<std::uint64_t>(rate, std::numeric_limits<int>::max()));
  };
  lt::peer_class_info info = session.get_peer_class(lt::session::local_peer_class_id);
  info.ignore_unchoke_slots = true;
  info.connection_limit_factor = 100;
  info.upload_limit = limit(upload);
  info.download_limit = limit(download);
  session.set_peer_class(lt::session::local_peer_class_id, info);
}

lt::bitfield blocks_of(const TorrentStorage& storage, std::uint64_t piece) {
  const std::uint64_t first = piece * storage.blocks_in_piece();
  const std::uint64_t count = std::min(storage.blocks_in_piece(), storage.blocks() - first);
  lt::bitfield blocks(static_cast<int>(count), false);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (storage.has_arrived(first + i)) blocks.set_bit(static_cast<int>(i));
  }
  return blocks;
}

void tell_what_is_held(const TorrentStorage& storage, lt::add_torrent_params& params) {
  params.have_pieces.resize(static_cast<int>(storage.pieces()), false);
  for (std::uint64_t piece = 0; piece < storage.pieces(); ++piece) {
    const lt::piece_index_t index(static_cast<int>(piece));
    if (storage.piece_readable(piece)) {
      params.have_pieces.set_bit(index);
    } else if (const lt::bitfield blocks = blocks_of(storage, piece); !blocks.none_set()) {
      params.unfinished_pieces.emplace(index, blocks);
    }
  }
}

// Adds a peer to the torrent's book. True: dial it. libtorrent silently skips link-local addresses (peer_list.cpp,
// 2.0.8), so such a peer is reported as lost.
bool add_to_book(TorrentStorage& storage, const SwarmPeer& peer) {
  if (!storage.book().add_peer(peer)) return false;
  if (!peer.swarm.is_link_local()) return true;
  if (storage.book().on_connection_ended(peer.agent, false)) storage.sink().on_peer_lost(peer.agent);
  return false;
}

}  // namespace

// All state of the network thread. If libtorrent does not end in time, all of it is left behind and nothing destroyed.
struct SwarmSession::Network {
  explicit Network(std::shared_ptr<SwarmShared> of_swarm) : shared(std::move(of_swarm)) {}

  std::shared_ptr<SwarmShared> shared;
  asio::io_context context{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> keep{context.get_executor()};
  std::shared_ptr<TorrentRegistry> expected = std::make_shared<TorrentRegistry>();
  lt::session_proxy proxy;  // keeps libtorrent's objects until all handlers that they posted have run
  std::unique_ptr<lt::session> session;
  HandshakeSweep handshakes;
  std::uint64_t last_path = 0;

  std::mutex mutex;
  std::condition_variable ended_changed;
  bool ended = false;

  void work() {
    for (;;) {
      try {
        context.run();
        break;
      } catch (const std::exception& thrown) {
        log::error("swarm: libtorrent threw detail={}", thrown.what());
      }
    }
    const std::lock_guard lock(mutex);
    ended = true;
    ended_changed.notify_all();
  }

  bool wait_for_end() {
    std::unique_lock lock(mutex);
    return ended_changed.wait_for(lock, kMaxEnding, [this] { return ended; });
  }

  void make_session(const SwarmSettings& settings, bool listens) {
    lt::settings_pack pack = swarm_settings_pack(settings);
    if (!listens) pack.set_str(lt::settings_pack::listen_interfaces, "");
    lt::session_params params(std::move(pack), std::vector<std::shared_ptr<lt::plugin>>{});
    params.disk_io_constructor = [registry = expected](lt::io_context& network, const lt::settings_interface&,
                                                       lt::counters&) -> std::unique_ptr<lt::disk_interface> {
      return std::make_unique<TorrentDisk>(network, registry);
    };
    session = std::make_unique<lt::session>(std::move(params), context, lt::session_flags_t{});
  }

  lt::session& live() { return *session; }
};

Result<std::unique_ptr<SwarmSession>> SwarmSession::start(const SwarmSettings& settings,
                                                          std::shared_ptr<SwarmShared> shared,
                                                          std::function<void()> news_ready, bool listens) try {
  leave_sockets_untied();
  std::unique_ptr<SwarmSession> made(new SwarmSession);
  made->network_ = std::make_shared<Network>(std::move(shared));
  Network& network = *made->network_;
  network.make_session(settings, listens);
  made->thread_ = std::thread([keep = made->network_] { keep->work(); });

  lt::session& session = network.live();
  if (listens) made->port_ = settings.encryption ? session.ssl_listen_port() : session.listen_port();
  if (made->port_ != 0 && settings.port == 0 && settings.listen.size() != 1) {
    // Any free port, but the same one on every address.
    lt::settings_pack pack;
    pack.set_str(lt::settings_pack::listen_interfaces, swarm_listen_interfaces(settings, made->port_));
    session.apply_settings(pack);
    made->port_ = settings.encryption ? session.ssl_listen_port() : session.listen_port();
  }
  if (listens && made->port_ == 0) {
    std::string reasons;
    for (const SessionNews& news : made->pop_news()) reasons += (reasons.empty() ? "" : "; ") + news.error.detail;
    return fail(ErrorCode::invalid_state, "listen for the swarm on " + swarm_listen_interfaces(settings, settings.port),
                (reasons.empty() ? "no address could be bound" : reasons) + "; choose another swarm_port");
  }
  one_peer_class(session);
  limit_peer_class(session, settings.upload_rate, settings.download_rate);
  session.set_alert_notify(news_ready);
  return made;
} catch (const std::exception& thrown) {
  return fail(ErrorCode::internal, "start the swarm", thrown.what());
}

void SwarmSession::begin_to_end() {
  if (!thread_.joinable() || std::exchange(ending_, true)) return;
  // Ends pending handshakes first: libtorrent's own end frees them before their handlers have run.
  post([network = network_.get()] {
    HandshakeSweep::end_all(network->live());
    asio::post(network->context, [network] {
      asio::post(network->context, [network] {
        network->proxy = network->session->abort();
        network->session.reset();
        network->keep.reset();
      });
    });
  });
}

SwarmSession::~SwarmSession() {
  if (!thread_.joinable()) return;  // libtorrent did not start
  begin_to_end();
  if (network_->wait_for_end()) {
    thread_.join();
  } else {
    log::error("swarm: libtorrent did not end in time; its thread is left behind");
    thread_.detach();
  }
}

std::vector<SessionNews> SwarmSession::pop_news() {
  std::vector<lt::alert*> alerts;
  network_->live().pop_alerts(&alerts);
  std::vector<SessionNews> news;
  for (const lt::alert* alert : alerts) {
    log::debug("swarm: libtorrent {}: {}", alert->what(), alert->message());
    if (const auto* failed = lt::alert_cast<lt::torrent_error_alert>(alert)) {
      // No DH parameters are given; TLS 1.3 needs none.
      if (std::string_view(failed->filename()) == "[dh params]") continue;
      news.push_back({failed->torrent_name(), error_of("keep a torrent going", failed->error)});
    } else if (const auto* wrong = lt::alert_cast<lt::hash_failed_alert>(alert)) {
      news.push_back({wrong->torrent_name(), {ErrorCode::internal, "keep a torrent going", wrong->message()}});
    } else if (const auto* deaf = lt::alert_cast<lt::listen_failed_alert>(alert)) {
      news.push_back({"", {ErrorCode::invalid_state, "listen for the swarm", deaf->message()}});
    }
  }
  return news;
}

void SwarmSession::post(Task task) {
  asio::post(network_->context, std::move(task));
}

Status SwarmSession::open(const std::shared_ptr<TorrentStorage>& storage, const SwarmCredentials& credentials,
                          const std::vector<SwarmPeer>& peers) try {
  const bool secure = network_->shared->encryption;
  auto params = form_torrent(storage->id(), storage->leaves(), secure ? credentials.authority_pem : std::string());
  if (!params) return tl::unexpected<Error>(params.error());
  params->save_path = "/window/" + std::to_string(++network_->last_path);
  tell_what_is_held(*storage, *params);
  params->extensions.emplace_back([storage](const lt::torrent_handle&, lt::client_data_t) {
    return std::static_pointer_cast<lt::torrent_plugin>(std::make_shared<TorrentGuard>(storage));
  });
  for (const SwarmPeer& peer : peers) {
    if (add_to_book(*storage, peer)) params->peers.push_back(to_libtorrent(peer.swarm));
  }
  network_->expected->emplace(params->save_path, storage);
  lt::error_code error;
  const std::string path = params->save_path;
  storage->handle = network_->live().add_torrent(std::move(*params), error);
  network_->expected->erase(path);
  if (error) return tl::unexpected<Error>(error_of("open the torrent of " + to_hex(storage->id().root), error));
  if (secure) {
    storage->handle.set_ssl_certificate_buffer(credentials.certificate_pem, credentials.private_key_pem, "");
  }
  storage->handle.resume();
  return {};
} catch (const std::exception& thrown) {
  close(storage);
  return fail(ErrorCode::internal, "open the torrent of " + to_hex(storage->id().root), thrown.what());
}

void SwarmSession::close(const std::shared_ptr<TorrentStorage>& storage) try {
  if (storage->handle.is_valid()) network_->live().remove_torrent(storage->handle);
} catch (const std::exception& thrown) {
  log::error("swarm: cannot close a torrent root={} detail={}", to_hex(storage->id().root), thrown.what());
}

void SwarmSession::add_peers(const std::shared_ptr<TorrentStorage>& storage, const std::vector<SwarmPeer>& peers) try {
  bool any = false;
  for (const SwarmPeer& peer : peers) {
    if (!add_to_book(*storage, peer)) continue;
    storage->handle.connect_peer(to_libtorrent(peer.swarm));
    any = true;
  }
  if (any) dial(storage);
} catch (const std::exception& thrown) {
  log::warn("swarm: cannot add peers root={} detail={}", to_hex(storage->id().root), thrown.what());
}

void SwarmSession::dial(const std::shared_ptr<TorrentStorage>& storage) try {
  // libtorrent dials at its tick of a second, and at once on resume. TorrentGuard::on_pause() cancels the pause itself.
  storage->redialling = true;
  storage->handle.pause();
  storage->redialling = false;
  storage->handle.resume();
} catch (const std::exception& thrown) {
  log::warn("swarm: cannot dial root={} detail={}", to_hex(storage->id().root), thrown.what());
}

void SwarmSession::want_nothing(const std::shared_ptr<TorrentStorage>& storage) try {
  for (std::uint64_t piece = 0; piece < storage->pieces(); ++piece) storage->want(piece, false);
  storage->handle.prioritize_pieces(std::vector<lt::download_priority_t>(storage->pieces(), lt::dont_download));
} catch (const std::exception& thrown) {
  log::warn("swarm: cannot say what is wanted root={} detail={}", to_hex(storage->id().root), thrown.what());
}

void SwarmSession::want(const std::shared_ptr<TorrentStorage>& storage,
                        const std::vector<std::pair<std::uint64_t, bool>>& pieces) try {
  std::vector<std::pair<lt::piece_index_t, lt::download_priority_t>> priorities;
  priorities.reserve(pieces.size());
  for (const auto& [piece, wanted] : pieces) {
    storage->want(piece, wanted);
    priorities.emplace_back(lt::piece_index_t(static_cast<int>(piece)),
                            wanted ? lt::default_priority : lt::dont_download);
  }
  storage->handle.prioritize_pieces(priorities);
} catch (const std::exception& thrown) {
  log::warn("swarm: cannot say what is wanted root={} detail={}", to_hex(storage->id().root), thrown.what());
}

void SwarmSession::set_rates(std::uint64_t upload, std::uint64_t download) {
  network_->live().apply_settings(swarm_tick(upload != 0 || download != 0));
  limit_peer_class(network_->live(), upload, download);
}

void SwarmSession::listen_anew() try {
  network_->live().reopen_network_sockets(lt::reopen_network_flags_t{});
} catch (const std::exception& thrown) {
  log::warn("swarm: cannot listen anew detail={}", thrown.what());
}

void SwarmSession::sweep_handshakes(const std::function<bool(const Endpoint&)>& known) {
  const std::size_t ended = network_->handshakes.sweep(network_->live(), known);
  if (ended != 0) log::info("swarm: ended connections without a handshake count={}", ended);
}

}  // namespace larder::peer
