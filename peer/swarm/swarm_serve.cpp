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

class LibtorrentSwarm::ServeSink final : public WindowSink {
 public:
  ServeSink(LibtorrentSwarm& swarm, const SwarmWindow& window)
      : swarm_(swarm), mailbox_(swarm.mailbox_), window_(window) {}
  void blocks_ready() override {}
  void bad_block(const AgentId& /*from*/) override {}
  void peer_lost(const AgentId& /*peer*/) override {}
  void failed(const Error& error) override {
    mailbox_->post([&swarm = swarm_, window = window_, error] { swarm.serve_failed(window, error); });
  }

 private:
  LibtorrentSwarm& swarm_;
  std::shared_ptr<Mailbox> mailbox_;
  SwarmWindow window_;
};

void LibtorrentSwarm::answer(UniqueFunction<void(Status)> done, Status status) {
  if (!done) return;
  mailbox_->post([done = std::move(done), status = std::move(status)]() mutable { done(std::move(status)); });
}

void LibtorrentSwarm::answer_all(std::vector<UniqueFunction<void(Status)>> waiting, const Status& status) {
  for (auto& done : waiting) answer(std::move(done), status);
}

void LibtorrentSwarm::serve(Serve what, UniqueFunction<void(Status)> done) {
  const auto found = served_.find(what.window);
  if (found != served_.end()) {
    found->second.used = runtime_.clock.now();
    // Another content with the same bytes may be the one that stays offered.
    found->second.still_offered = std::move(what.still_offered);
    if (found->second.open) return answer(std::move(done), {});
    found->second.waiting.push_back(std::move(done));
    return;
  }
  // A running fetch serves the bytes that it has; the window itself is served after the fetch.
  if (Fetch* const fetch = find(fetching(what.window, main()))) {
    const bool gives = fetch->window->gives();
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
  const std::string doing = "serve the window " + to_hex(what.window.root);
  if (what.content == nullptr) {
    return answer_all(std::move(waiting), fail(ErrorCode::invalid_argument, doing, "there is no content to read"));
  }
  if (Status status = check_leaves(what.window, what.leaves); !status) return answer_all(std::move(waiting), status);
  if (Status status = make_room(what.leaves.size()); !status) return answer_all(std::move(waiting), status);
  const SwarmWindow key = what.window;
  served_blocks_ += what.leaves.size();
  Served served;
  served.window = std::make_shared<Window>(
      Window::What{what.window, std::move(what.leaves), {}, std::move(what.content), what.offset, true},
      std::make_shared<ServeSink>(*this, key), main().shared);
  served.used = runtime_.clock.now();
  served.still_offered = std::move(what.still_offered);
  served.waiting = std::move(waiting);
  const std::shared_ptr<Window> window = served.window;
  served_.emplace(key, std::move(served));
  main().session->run([this, mailbox = mailbox_, session = main().session.get(), window, credentials = credentials_] {
    mailbox->post([this, window, status = session->open(window, credentials, {})] { opened(window, status); });
  });
}

void LibtorrentSwarm::opened(const std::shared_ptr<Window>& window, const Status& status) {
  const auto found = served_.find(window->id());
  if (found == served_.end() || found->second.window != window) return;  // withdrawn meanwhile
  if (!status) return serve_failed(window->id(), status.error());
  found->second.open = true;
  answer_all(std::exchange(found->second.waiting, {}), {});
}

// Withdraws idle windows, the one used longest ago first, until there is room; windows with connections stay.
Status LibtorrentSwarm::make_room(std::uint64_t blocks) {
  while (served_.size() >= kMaxServed || served_blocks_ + blocks > kMaxServedBlocks) {
    auto oldest = served_.end();
    for (auto it = served_.begin(); it != served_.end(); ++it) {
      const bool idle = it->second.open && it->second.window->connections() == 0;
      if (idle && (oldest == served_.end() || it->second.used < oldest->second.used)) oldest = it;
    }
    if (oldest == served_.end()) {
      return fail(ErrorCode::busy, "serve another window", "as many as may be are in use; ask again later");
    }
    withdraw(SwarmWindow(oldest->first));
  }
  return {};
}

void LibtorrentSwarm::withdraw(const SwarmWindow& window) {
  const SwarmWindow key = window;
  serve_failed(key, {ErrorCode::not_found, "serve the window " + to_hex(key.root), "it was withdrawn"});
}

void LibtorrentSwarm::serve_failed(const SwarmWindow& window, const Error& error) {
  const auto found = served_.find(window);
  if (found == served_.end()) return;
  if (error.code != ErrorCode::not_found) {
    log::warn("swarm: no longer served root={} detail={}", to_hex(window.root), error.text());
  }
  Served served = std::move(found->second);
  served_.erase(found);
  served_blocks_ -= served.window->blocks();
  close_window(main(), served.window);
  answer_all(std::move(served.waiting), tl::unexpected<Error>(error));
}

void LibtorrentSwarm::end_unshared() {
  std::vector<SwarmWindow> ended;
  for (const auto& [key, served] : served_) {
    if (served.still_offered && !served.still_offered()) ended.push_back(key);
  }
  for (const SwarmWindow& key : ended) {
    log::info("swarm: what is not offered any more is served no more root={}", to_hex(key.root));
    withdraw(key);
  }
}

void LibtorrentSwarm::look_for_idle() {
  end_unshared();
  const SteadyTime now = runtime_.clock.now();
  std::vector<SwarmWindow> idle;
  for (auto& [key, served] : served_) {
    if (served.window->connections() > 0 || !served.open) served.used = now;
    if (now - served.used >= settings_.idle_close) idle.push_back(key);
  }
  for (const SwarmWindow& key : idle) {
    log::debug("swarm: nobody takes root={}", to_hex(key.root));
    withdraw(key);
  }
  const Duration pace =
      std::clamp<Duration>(settings_.idle_close / 4, std::chrono::milliseconds(20), std::chrono::seconds(5));
  idle_timer_ = runtime_.timers.after(pace, [this] { look_for_idle(); });
}

}  // namespace larder::peer
