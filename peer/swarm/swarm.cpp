#include "peer/swarm/swarm.h"

#include <algorithm>
#include <utility>

#include "base/io/log.h"
#include "peer/swarm/swarm_impl.h"
#include "peer/swarm/torrent_form.h"

namespace larder::peer {
namespace {

constexpr Duration kSweep = std::chrono::seconds(1);
constexpr std::size_t kMaxToldNews = 32;

Error renewed() {
  return {ErrorCode::cancelled, "go on with the swarm", "the group's certificates were renewed; ask the peers again"};
}

}  // namespace

// Carries the events of a fetch's torrent to the loop. The mailbox is closed before the swarm is destroyed.
class LibtorrentSwarm::FetchSink final : public TorrentListener {
 public:
  FetchSink(LibtorrentSwarm& swarm, SwarmFetchId id) : swarm_(swarm), mailbox_(swarm.mailbox_), id_(id) {}
  void on_blocks_ready() override {
    mailbox_->post([&swarm = swarm_, id = id_] { swarm.deliver(id); });
  }
  void on_bad_block(const AgentId& from) override {
    mailbox_->post([&swarm = swarm_, id = id_, from] {
      if (const auto events = swarm.events_of(id)) events->on_bad_block(from);
    });
  }
  void on_peer_lost(const AgentId& peer) override {
    mailbox_->post([&swarm = swarm_, id = id_, peer] {
      if (const auto events = swarm.events_of(id)) events->on_peer_lost(peer);
    });
  }
  void on_failed(const Error& error) override {
    mailbox_->post([&swarm = swarm_, id = id_, error] { swarm.fetch_failed(id, error); });
  }

 private:
  LibtorrentSwarm& swarm_;
  std::shared_ptr<Mailbox> mailbox_;
  SwarmFetchId id_;
};

LibtorrentSwarm::LibtorrentSwarm(const SwarmSettings& settings, SwarmCredentials credentials, Runtime runtime)
    : settings_(settings),
      credentials_(std::move(credentials)),
      runtime_(runtime),
      mailbox_(std::make_shared<Mailbox>(runtime.executor)) {}

LibtorrentSwarm::~LibtorrentSwarm() {
  mailbox_->close();
  runtime_.timers.cancel(idle_timer_);
  runtime_.timers.cancel(sweep_timer_);
  for (const auto& line : lines_) line->session->begin_to_end();
  lines_.clear();
}

Status LibtorrentSwarm::start() {
  auto first = make_line(true);
  if (!first) return tl::unexpected<Error>(first.error());
  lines_.push_back(std::move(*first));
  read_news(main());  // news from before the line was in lines_
  close_idle_torrents();
  sweep();
  return {};
}

void LibtorrentSwarm::sweep() {
  sweep_timer_ = runtime_.timers.after(kSweep, [this] { sweep(); });
  main().session->post([session = main().session.get(), known = known_] {
    session->sweep_handshakes(
        [&known](const Endpoint& remote) { return known->empty() || known->contains(remote.address); });
  });
}

void LibtorrentSwarm::read_news(Line& line) {
  for (const SessionNews& news : line.session->pop_news()) {
    if (news.root.empty()) {
      // Logged once: libtorrent retries listening where an address is not available.
      if (logged_news_.size() >= kMaxToldNews) logged_news_.clear();
      if (logged_news_.insert(news.error.text()).second) log::warn("swarm: {}", news.error.text());
      continue;
    }
    on_torrent_failed(line, news);
  }
}

void LibtorrentSwarm::on_torrent_failed(const Line& line, const SessionNews& news) {
  const auto fetch = std::find_if(fetches_.begin(), fetches_.end(), [&](const auto& entry) {
    return entry.second.line == &line && to_hex(entry.second.storage->id().root) == news.root;
  });
  if (fetch != fetches_.end()) return fetch_failed(fetch->first, news.error);
  if (&line != &main()) return;
  const auto served = std::find_if(served_.begin(), served_.end(),
                                   [&news](const auto& entry) { return to_hex(entry.first.root) == news.root; });
  if (served != served_.end()) serve_failed(served->first, news.error);
}

void LibtorrentSwarm::set_credentials(const SwarmCredentials& credentials) {
  credentials_ = credentials;
  while (!served_.empty()) serve_failed(served_.begin()->first, renewed());
  std::vector<SwarmFetchId> ids;
  for (const auto& [id, fetch] : fetches_) ids.push_back(id);
  for (const SwarmFetchId id : ids) mailbox_->post([this, id] { fetch_failed(id, renewed()); });
}

void LibtorrentSwarm::set_rates(std::uint64_t upload, std::uint64_t download) {
  settings_.upload_rate = upload;
  settings_.download_rate = download;
  share_rates();
}

void LibtorrentSwarm::listen_anew() {
  main().session->post([session = main().session.get()] { session->listen_anew(); });
}

void LibtorrentSwarm::set_refused(std::vector<AgentId> agents) {
  refused_ = {agents.begin(), agents.end()};
  for (const auto& line : lines_) {
    std::vector<std::shared_ptr<TorrentStorage>> storages;
    for (const auto& [id, fetch] : fetches_) {
      if (fetch.line == line.get()) storages.push_back(fetch.storage);
    }
    for (const auto& [key, served] : served_) {
      if (line.get() == &main()) storages.push_back(served.storage);
    }
    line->session->post([shared = line->shared, refused = refused_, storages = std::move(storages)] {
      shared->refused = refused;
      for (const auto& storage : storages) storage->cut_refused();
    });
  }
}

void LibtorrentSwarm::set_known(std::vector<Endpoint> addresses) {
  auto known = std::make_shared<std::set<Address>>();
  for (const Endpoint& endpoint : addresses) known->insert(endpoint.address);
  known_ = std::move(known);
}

LibtorrentSwarm::Fetch* LibtorrentSwarm::find_fetch(SwarmFetchId id) {
  const auto found = fetches_.find(id);
  return found == fetches_.end() ? nullptr : &found->second;
}

std::shared_ptr<SwarmEvents> LibtorrentSwarm::events_of(SwarmFetchId id) {
  deliver(id);  // blocks that came before the event
  const Fetch* const fetch = find_fetch(id);
  return fetch == nullptr ? nullptr : fetch->events;
}

SwarmFetchId LibtorrentSwarm::fetching(const TorrentId& torrent, const Line& line) const {
  for (const auto& [id, fetch] : fetches_) {
    if (fetch.line == &line && fetch.storage->id() == torrent) return id;
  }
  return 0;
}

Status LibtorrentSwarm::check_fetch(const SwarmFetch& what) const {
  const std::string doing = "fetch the window " + to_hex(what.torrent.root);
  if (auto status = check_leaf_count(what.torrent, what.leaves); !status) return status;
  if (!what.leaves_proven) {
    if (auto status = check_leaves(what.torrent, what.leaves); !status) return status;
  }
  if (what.peers.size() > PeerBook::kMaxPeers) {
    return fail(ErrorCode::invalid_argument, doing, std::to_string(what.peers.size()) + " peers, at most 16");
  }
  return {};
}

Result<SwarmFetchId> LibtorrentSwarm::fetch(SwarmFetch what, std::shared_ptr<SwarmEvents> events) {
  if (auto status = check_fetch(what); !status) return tl::unexpected<Error>(status.error());
  if (fetches_.size() >= settings_.max_fetches) {
    ++refused_fetches_;
    return fail(ErrorCode::limit_exceeded, "fetch the window " + to_hex(what.torrent.root),
                std::to_string(fetches_.size()) + " fetches are under way, as many as may be");
  }
  auto line = line_for(what.torrent);
  if (!line) return tl::unexpected<Error>(line.error());
  const SwarmFetchId id = ++last_fetch_;
  auto storage =
      std::make_shared<TorrentStorage>(TorrentStorage::Setup{what.torrent, std::move(what.leaves), std::move(what.held),
                                                             std::move(what.content), what.offset},
                                       std::make_shared<FetchSink>(*this, id), (*line)->shared);
  Fetch fetch;
  fetch.line = *line;
  fetch.storage = storage;
  fetch.events = std::move(events);
  fetch.wanted.resize(storage->pieces());
  fetches_.emplace(id, std::move(fetch));
  share_rates();
  SwarmSession* const session = (*line)->session.get();
  session->post([session, storage, credentials = credentials_, peers = std::move(what.peers)] {
    const Status status = session->open(storage, credentials, peers);
    if (status) {
      session->want_nothing(storage);  // the peers are being dialled by now
    } else {
      storage->sink().on_failed(status.error());
    }
  });
  return id;
}

void LibtorrentSwarm::want(SwarmFetchId id, std::vector<ByteRange> ranges) {
  Fetch* const fetch = find_fetch(id);
  if (fetch == nullptr) return;
  const TorrentStorage& storage = *fetch->storage;
  std::vector<bool> wanted(storage.pieces());
  for (const ByteRange& range : ranges) {
    const std::uint64_t end = std::min(range.end(), storage.id().length);
    for (std::uint64_t piece = range.offset / storage.piece_length(); piece * storage.piece_length() < end; ++piece) {
      wanted[piece] = true;
    }
  }
  std::vector<std::pair<std::uint64_t, bool>> changes;
  for (std::uint64_t piece = 0; piece < wanted.size(); ++piece) {
    if (wanted[piece] != fetch->wanted[piece]) changes.emplace_back(piece, wanted[piece]);
  }
  if (changes.empty()) return;
  const bool begins = std::find(fetch->wanted.begin(), fetch->wanted.end(), true) == fetch->wanted.end();
  fetch->wanted = std::move(wanted);
  SwarmSession* const session = fetch->line->session.get();
  session->post([session, storage = fetch->storage, changes = std::move(changes), begins] {
    session->want(storage, changes);
    if (begins) session->dial(storage);
  });
}

void LibtorrentSwarm::add_peers(SwarmFetchId id, const std::vector<SwarmPeer>& peers) {
  const Fetch* const fetch = find_fetch(id);
  if (fetch == nullptr) return;
  SwarmSession* const session = fetch->line->session.get();
  session->post([session, storage = fetch->storage, peers] { session->add_peers(storage, peers); });
}

void LibtorrentSwarm::drop_peer(SwarmFetchId id, const AgentId& peer) {
  const Fetch* const fetch = find_fetch(id);
  if (fetch == nullptr) return;
  fetch->line->session->post([storage = fetch->storage, peer] {
    storage->book().drop_peer(peer);
    storage->cut_connections(peer);
  });
}

void LibtorrentSwarm::consumed(SwarmFetchId id, ByteRange range) {
  const Fetch* const fetch = find_fetch(id);
  if (fetch == nullptr) return;
  fetch->line->session->post([storage = fetch->storage, range] { storage->consumed(range); });
}

void LibtorrentSwarm::stop(SwarmFetchId id) {
  const auto found = fetches_.find(id);
  if (found == fetches_.end()) return;
  Fetch fetch = std::move(found->second);
  fetches_.erase(found);
  close_torrent(*fetch.line, fetch.storage);
  share_rates();
  if (fetch.serve_after) open_served(std::move(*fetch.serve_after), std::move(fetch.serve_after_waiting));
}

void LibtorrentSwarm::deliver(SwarmFetchId id) {
  const Fetch* const fetch = find_fetch(id);
  if (fetch == nullptr) return;
  const std::shared_ptr<TorrentStorage> storage = fetch->storage;
  const std::shared_ptr<SwarmEvents> events = fetch->events;
  for (BlockQueue::Span& span : storage->queue().take_spans()) {
    if (find_fetch(id) == nullptr) return;  // stopped in an event
    events->on_blocks(span.offset, std::move(span.bytes), span.from);
  }
}

void LibtorrentSwarm::fetch_failed(SwarmFetchId id, const Error& error) {
  const auto events = events_of(id);
  if (events == nullptr) return;
  log::info("swarm: a fetch ended root={} detail={}", to_hex(find_fetch(id)->storage->id().root), error.text());
  stop(id);
  events->on_failed(error);
}

void LibtorrentSwarm::close_torrent(Line& line, const std::shared_ptr<TorrentStorage>& storage) {
  line.session->post([session = line.session.get(), storage] { session->close(storage); });
}

SwarmFigures LibtorrentSwarm::figures() const {
  SwarmFigures out;
  out.torrents = fetches_.size() + served_.size();
  out.refused_fetches = refused_fetches_;
  for (const auto& line : lines_) {
    out.connections += line->shared->connections;
    out.uploaded += line->shared->uploaded;
    out.downloaded += line->shared->downloaded;
    out.bad_blocks += line->shared->bad_blocks;
  }
  return out;
}

Result<std::unique_ptr<Swarm>> make_swarm(const SwarmSettings& settings, const SwarmCredentials& credentials,
                                          Runtime runtime) {
  auto swarm = std::make_unique<LibtorrentSwarm>(settings, credentials, runtime);
  if (Status status = swarm->start(); !status) return tl::unexpected<Error>(status.error());
  return swarm;
}

}  // namespace larder::peer
