// The swarm over libtorrent: the half on the loop. Its other half is on the network thread (swarm_session.h); the two
// share torrents and exchange tasks. Private to the swarm: swarm.cpp has the fetches, swarm_serve.cpp the served
// torrents, swarm_lines.cpp the lines.
//
// A session of libtorrent knows each torrent once. If the torrent to fetch is fetched or served already (two URLs with
// the same content), the fetch uses another session, which only dials: a line. The first line listens and serves all
// served torrents.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "peer/swarm/mailbox.h"
#include "peer/swarm/swarm.h"
#include "peer/swarm/swarm_session.h"
#include "peer/swarm/torrent_storage.h"

namespace larder::peer {

class LibtorrentSwarm final : public Swarm {
 public:
  LibtorrentSwarm(const SwarmSettings& settings, SwarmCredentials credentials, Runtime runtime);
  ~LibtorrentSwarm() override;
  LibtorrentSwarm(const LibtorrentSwarm&) = delete;
  LibtorrentSwarm& operator=(const LibtorrentSwarm&) = delete;

  Status start();

  [[nodiscard]] std::uint16_t port() const override { return main().session->port(); }
  void set_credentials(const SwarmCredentials& credentials) override;
  void set_rates(std::uint64_t upload, std::uint64_t download) override;
  void listen_anew() override;
  void set_refused(std::vector<AgentId> agents) override;
  void set_known(std::vector<Endpoint> addresses) override;

  void serve(Serve what, UniqueFunction<void(Status)> done) override;
  [[nodiscard]] bool serves(const TorrentId& torrent) const override { return served_.contains(torrent); }
  void end_unshared() override;

  [[nodiscard]] Result<SwarmFetchId> fetch(SwarmFetch what, std::shared_ptr<SwarmEvents> events) override;
  void want(SwarmFetchId id, std::vector<ByteRange> ranges) override;
  void add_peers(SwarmFetchId id, const std::vector<SwarmPeer>& peers) override;
  void drop_peer(SwarmFetchId id, const AgentId& peer) override;
  void consumed(SwarmFetchId id, ByteRange range) override;
  void stop(SwarmFetchId id) override;

  [[nodiscard]] SwarmFigures figures() const override;
  void ask_thread(UniqueFunction<void()> answer) override { main().session->post(std::move(answer)); }

 private:
  using Address = decltype(Endpoint::address);
  class FetchSink;
  class ServeSink;
  struct Line {
    std::shared_ptr<SwarmShared> shared;
    std::unique_ptr<SwarmSession> session;
    std::pair<std::uint64_t, std::uint64_t> rates;  // upload and download, as set last
  };
  struct Fetch {
    Line* line = nullptr;
    std::shared_ptr<TorrentStorage> storage;
    std::shared_ptr<SwarmEvents> events;
    std::vector<bool> wanted;                                       // by piece
    std::unique_ptr<Serve> serve_after;                             // to be served once this fetch has ended
    std::vector<UniqueFunction<void(Status)>> serve_after_waiting;  // `done` of those serve() calls
  };
  struct Served {
    std::shared_ptr<TorrentStorage> storage;
    SteadyTime used;
    bool open = false;
    std::function<bool()> still_offered;
    std::vector<UniqueFunction<void(Status)>> waiting;
  };

  void withdraw(const TorrentId& torrent);  // stops serving it
  [[nodiscard]] Fetch* find_fetch(SwarmFetchId id);
  [[nodiscard]] std::shared_ptr<SwarmEvents> events_of(SwarmFetchId id);
  [[nodiscard]] Status check_fetch(const SwarmFetch& what) const;
  [[nodiscard]] SwarmFetchId fetching(const TorrentId& torrent, const Line& line) const;  // 0: none
  [[nodiscard]] Line& main() const { return *lines_.front(); }
  [[nodiscard]] Result<Line*> line_for(const TorrentId& torrent);
  [[nodiscard]] Result<std::unique_ptr<Line>> make_line(bool listens);
  [[nodiscard]] bool in_use(const Line& line) const;
  void share_rates();
  void deliver(SwarmFetchId id);
  void fetch_failed(SwarmFetchId id, const Error& error);
  [[nodiscard]] Status make_room(std::uint64_t blocks);
  void open_served(Serve what, std::vector<UniqueFunction<void(Status)>> waiting);
  void opened(const std::shared_ptr<TorrentStorage>& storage, const Status& status);
  void serve_failed(const TorrentId& torrent, const Error& error);
  void close_torrent(Line& line, const std::shared_ptr<TorrentStorage>& storage);
  void read_news(Line& line);
  void on_torrent_failed(const Line& line, const SessionNews& news);
  void close_idle_torrents();
  void sweep();
  void answer(UniqueFunction<void(Status)> done, Status status);
  void answer_all(std::vector<UniqueFunction<void(Status)>> waiting, const Status& status);

  SwarmSettings settings_;
  SwarmCredentials credentials_;
  Runtime runtime_;
  std::shared_ptr<Mailbox> mailbox_;
  std::vector<std::unique_ptr<Line>> lines_;  // the first listens; once started never empty
  std::set<AgentId> refused_;
  std::map<SwarmFetchId, Fetch> fetches_;
  std::map<TorrentId, Served> served_;
  std::uint64_t served_blocks_ = 0;
  SwarmFetchId last_fetch_ = 0;
  std::uint64_t refused_fetches_ = 0;
  std::set<std::string> logged_news_;  // the session's own news, to log each once
  std::shared_ptr<const std::set<Address>> known_ = std::make_shared<std::set<Address>>();
  TimerId idle_timer_ = 0;
  TimerId sweep_timer_ = 0;
};

}  // namespace larder::peer
