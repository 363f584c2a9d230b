#include <algorithm>
#include <utility>

#include "base/io/log.h"
#include "peer/swarm/swarm_impl.h"
#include "peer/swarm/torrent_form.h"

namespace larder::peer {
namespace {

constexpr std::size_t kMaxServed = 512;
constexpr std::uint64_t kMaxServedBlocks = 2 * 1024 * 1024;  // 32 GiB of contents: 128 MiB of leaf hashes

}  // namespace

class LibtorrentSwarm::ServeSink final : public TorrentListener {
 public:
  ServeSink(LibtorrentSwarm& swarm, const TorrentId& torrent)
      : swarm_(swarm), mailbox_(swarm.mailbox_), torrent_(torrent) {}
  void on_blocks_ready() override {}
  void on_bad_block(const AgentId& /*from*/) override {}
  void on_peer_lost(const AgentId& /*peer*/) override {}
  void on_failed(const Error& error) override {
    mailbox_->post([&swarm = swarm_, torrent = torrent_, error] { swarm.serve_failed(torrent, error); });
  }

 private:
  LibtorrentSwarm& swarm_;
  std::shared_ptr<Mailbox> mailbox_;
  TorrentId torrent_;
};

void LibtorrentSwarm::answer(UniqueFunction<void(Status)> done, Status status) {
  if (!done) return;
  mailbox_->post([done = std::move(done), status = std::move(status)]() mutable { done(std::move(status)); });
}

void LibtorrentSwarm::answer_all(std::vector<UniqueFunction<void(Status)>> waiting, const Status& status) {
  for (auto& done : waiting) answer(std::move(done), status);
}

void LibtorrentSwarm::serve(Serve what, UniqueFunction<void(Status)> done) {
  const auto found = served_.find(what.torrent);
  if (found != served_.end()) {
    found->second.used = runtime_.clock.now();
    // Another content with the same bytes may be the one that stays offered.
    found->second.still_offered = std::move(what.still_offered);
    if (found->second.open) return answer(std::move(done), {});
    found->second.waiting.push_back(std::move(done));
    return;
  }
  // A running fetch serves the bytes that it has; the torrent itself is served after the fetch.
  if (Fetch* const fetch = find_fetch(fetching(what.torrent, main()))) {
    const bool gives = fetch->storage->gives();
    fetch->serve_after = std::make_unique<Serve>(std::move(what));
    if (gives) {
      answer(std::move(done), {});
    } else {
      fetch->serve_after_waiting.push_back(std::move(done));
    }
    return;
  }
  std::vector<UniqueFunction<void(Status)>> waiting;
  waiting.push_back(std::move(done));
  open_served(std::move(what), std::move(waiting));
}

void LibtorrentSwarm::open_served(Serve what, std::vector<UniqueFunction<void(Status)>> waiting) {
  const std::string doing = "serve the window " + to_hex(what.torrent.root);
  if (what.content == nullptr) {
    return answer_all(std::move(waiting), fail(ErrorCode::invalid_argument, doing, "there is no content to read"));
  }
  if (Status status = check_leaves(what.torrent, what.leaves); !status) return answer_all(std::move(waiting), status);
  if (Status status = make_room(what.leaves.size()); !status) return answer_all(std::move(waiting), status);
  const TorrentId key = what.torrent;
  served_blocks_ += what.leaves.size();
  Served served;
  served.storage = std::make_shared<TorrentStorage>(
      TorrentStorage::Setup{what.torrent, std::move(what.leaves), {}, std::move(what.content), what.offset, true},
      std::make_shared<ServeSink>(*this, key), main().shared);
  served.used = runtime_.clock.now();
  served.still_offered = std::move(what.still_offered);
  served.waiting = std::move(waiting);
  const std::shared_ptr<TorrentStorage> storage = served.storage;
  served_.emplace(key, std::move(served));
  main().session->post([this, mailbox = mailbox_, session = main().session.get(), storage, credentials = credentials_] {
    mailbox->post([this, storage, status = session->open(storage, credentials, {})] { opened(storage, status); });
  });
}

void LibtorrentSwarm::opened(const std::shared_ptr<TorrentStorage>& storage, const Status& status) {
  const auto found = served_.find(storage->id());
  if (found == served_.end() || found->second.storage != storage) return;  // withdrawn meanwhile
  if (!status) return serve_failed(storage->id(), status.error());
  found->second.open = true;
  answer_all(std::exchange(found->second.waiting, {}), {});
}

// Withdraws idle torrents, the one used longest ago first, until there is room; torrents with connections stay.
Status LibtorrentSwarm::make_room(std::uint64_t blocks) {
  while (served_.size() >= kMaxServed || served_blocks_ + blocks > kMaxServedBlocks) {
    auto oldest = served_.end();
    for (auto it = served_.begin(); it != served_.end(); ++it) {
      const bool idle = it->second.open && it->second.storage->connections() == 0;
      if (idle && (oldest == served_.end() || it->second.used < oldest->second.used)) oldest = it;
    }
    if (oldest == served_.end()) {
      return fail(ErrorCode::busy, "serve another window", "as many as may be are in use; ask again later");
    }
    withdraw(TorrentId(oldest->first));
  }
  return {};
}

void LibtorrentSwarm::withdraw(const TorrentId& torrent) {
  const TorrentId key = torrent;
  serve_failed(key, {ErrorCode::not_found, "serve the window " + to_hex(key.root), "it was withdrawn"});
}

void LibtorrentSwarm::serve_failed(const TorrentId& torrent, const Error& error) {
  const auto found = served_.find(torrent);
  if (found == served_.end()) return;
  if (error.code != ErrorCode::not_found) {
    log::warn("swarm: no longer served root={} detail={}", to_hex(torrent.root), error.text());
  }
  Served served = std::move(found->second);
  served_.erase(found);
  served_blocks_ -= served.storage->blocks();
  close_torrent(main(), served.storage);
  answer_all(std::move(served.waiting), tl::unexpected<Error>(error));
}

void LibtorrentSwarm::end_unshared() {
  std::vector<TorrentId> ended;
  for (const auto& [key, served] : served_) {
    if (served.still_offered && !served.still_offered()) ended.push_back(key);
  }
  for (const TorrentId& key : ended) {
    log::info("swarm: what is not offered any more is served no more root={}", to_hex(key.root));
    withdraw(key);
  }
}

void LibtorrentSwarm::close_idle_torrents() {
  end_unshared();
  const SteadyTime now = runtime_.clock.now();
  std::vector<TorrentId> idle;
  for (auto& [key, served] : served_) {
    if (served.storage->connections() > 0 || !served.open) served.used = now;
    if (now - served.used >= settings_.idle_close) idle.push_back(key);
  }
  for (const TorrentId& key : idle) {
    log::debug("swarm: nobody takes root={}", to_hex(key.root));
    withdraw(key);
  }
  const Duration pace =
      std::clamp<Duration>(settings_.idle_close / 4, std::chrono::milliseconds(20), std::chrono::seconds(5));
  idle_timer_ = runtime_.timers.after(pace, [this] { close_idle_torrents(); });
}

}  // namespace larder::peer
