#include <algorithm>
#include <utility>

#include "peer/swarm/swarm_impl.h"

namespace larder::peer {
namespace {

// Each line has threads of its own. With so many fetches of one torrent in flight, a further one is refused.
constexpr std::size_t kMaxLines = 8;

}  // namespace

Result<std::unique_ptr<LibtorrentSwarm::Line>> LibtorrentSwarm::make_line(bool listens) {
  auto line = std::make_unique<Line>();
  line->shared = std::make_shared<SwarmShared>();
  line->shared->encryption = settings_.encryption;
  line->shared->verify_reads = settings_.verify_reads;
  line->shared->refused = refused_;
  auto session = SwarmSession::start(
      settings_, line->shared,
      [this, mailbox = mailbox_, made = line.get()] {
        mailbox->post([this, made] {
          // The line may be missing: its start may have failed.
          const auto found = std::ranges::find_if(lines_, [made](const auto& one) { return one.get() == made; });
          if (found != lines_.end()) read_news(**found);
        });
      },
      listens);
  if (!session) return tl::unexpected<Error>(session.error());
  line->session = std::move(*session);
  line->rates = {settings_.upload_rate, settings_.download_rate};
  return line;
}

// Returns the first line on which the torrent is neither fetched nor served, or a new line. A served torrent is not
// withdrawn for the fetch, since peers are downloading it.
Result<LibtorrentSwarm::Line*> LibtorrentSwarm::line_for(const TorrentId& torrent) {
  for (const auto& line : lines_) {
    const bool served = line.get() == &main() && served_.contains(torrent);
    if (!served && fetching(torrent, *line) == 0) return line.get();
  }
  if (lines_.size() >= kMaxLines) {
    return fail(ErrorCode::busy, "fetch the window " + to_hex(torrent.root),
                std::to_string(kMaxLines) + " fetches of it are under way");
  }
  auto line = make_line(false);
  if (!line) return tl::unexpected<Error>(line.error());
  lines_.push_back(std::move(*line));
  return lines_.back().get();
}

bool LibtorrentSwarm::in_use(const Line& line) const {
  return &line == &main() ||
         std::ranges::any_of(fetches_, [&line](const auto& entry) { return entry.second.line == &line; });
}

// Divides the download limit among the lines in use. Only the first line serves, so it has the whole upload limit.
void LibtorrentSwarm::share_rates() {
  const auto lines =
      static_cast<std::uint64_t>(std::ranges::count_if(lines_, [this](const auto& line) { return in_use(*line); }));
  const std::uint64_t upload = settings_.upload_rate;
  const std::uint64_t download =
      settings_.download_rate == 0 ? 0 : std::max<std::uint64_t>(1, settings_.download_rate / lines);
  for (const auto& line : lines_) {
    if (std::exchange(line->rates, {upload, download}) == std::pair{upload, download}) continue;
    line->session->post([session = line->session.get(), upload, download] { session->set_rates(upload, download); });
  }
}

}  // namespace larder::peer
