// Download: the neighbours, and downloads without the origin.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/transfer/download.h"
#include "agent/transfer/source/peer_source.h"
#include "base/io/log.h"
#include "cache/cache.h"
#include "peer/trust/own_attestations.h"

namespace larder::agent {
namespace {

// Maximum time that the origin waits for the neighbours' first answer; a later supply joins the running fill. Their
// look-up began with the probe (prefetch_lookup), and idle neighbours answer within milliseconds: this is for a busy
// office.
constexpr Duration kGrace = std::chrono::milliseconds(300);
// The same where some neighbour is known to have an edition of the URL: only the answer which one is missing.
constexpr Duration kGraceOfHolders = std::chrono::milliseconds(400);

// The origin, or the way to it, did not answer. An HTTP status of any kind is an answer.
bool is_unreachable(ErrorCode code) {
  constexpr std::array kCodes = {ErrorCode::network_unreachable, ErrorCode::name_not_resolved,
                                 ErrorCode::connect_failed,      ErrorCode::connection_lost,
                                 ErrorCode::timed_out,           ErrorCode::no_progress,
                                 ErrorCode::tls_failed};
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

}  // namespace

bool Download::asks_neighbours() const {
  if (context_.neighbours == nullptr || !request_.use_peers || request_.origin_alone || !request_.ranges.empty()) {
    return false;
  }
  return reach_of(before_answer_) == origin::Reach::everybody && context_.neighbours->anyone();
}

PaceRules Download::pace() const {
  PaceRules rules{request_.patience, request_.peer_min_rate};
  for (const MemberPtr& member : members_) rules.patience = std::min(rules.patience, member->request.patience);
  return rules;
}

// Asks the neighbours for the version. The content exists already, so that received blocks can be given on.
void Download::look_up_holders() {
  // Without the origin, peers are the only source: wait longer for their answer.
  const bool holders = offline_ || context_.neighbours->promising(request_.target.url.canonical());
  const Duration grace = holders ? kGraceOfHolders : kGrace;
  grace_timer_ = context_.runtime.timers.after(grace, [weak = weak_from_this(), attempt = attempt_] {
    const auto self = weak.lock();
    if (!self || self->ended_ || self->attempt_ != attempt) return;
    self->grace_timer_ = 0;
    log::debug("neighbours have not answered in time url={}", log::redact_url(self->request_.target.url.canonical()));
    self->begin_fill();
  });
  const auto found = [weak = weak_from_this(), attempt = attempt_](std::shared_ptr<peer::Supply> supply) {
    const auto self = weak.lock();
    if (self && !self->ended_ && self->attempt_ == attempt) self->on_supply(std::move(supply));
  };
  // A content that other jobs may not find is not given to neighbours while it is filled either.
  peer::NeighbourQuery query{edition_->version, found_by_others_ ? content_ : cache::ContentId()};
  const bool any_segment = edition_->ranges && !edition_->one_stream;
  const bool one_segment = cache::SegmentLayout(map_.content_size().value_or(0)).count() == 1;
  query.gives = found_by_others_ && offers() && (any_segment || one_segment);
  query.patience = pace().patience;
  query.min_rate = request_.peer_min_rate;
  context_.neighbours->find_supply(std::move(query), found);
}

void Download::on_supply(std::shared_ptr<peer::Supply> supply) {
  const auto self = shared_from_this();
  if (supply && supply->size() != map_.content_size()) {
    log::warn("neighbours offer another size, not taken file={} size={} offered={}", members_.front()->file_id(),
              map_.content_size().value_or(0), supply->size());
    supply.reset();
  }
  if (waiting_) {
    supply_ = std::move(supply);
    return begin_fill();
  }
  if (supply && fill_) fill_->add_source(std::make_shared<PeerSource>(context_.runtime, std::move(supply)));
}

// Reports the segments: those from the origin are attested, and compared with what was judged bad before.
void Download::attest_segments(const std::vector<cache::SegmentInfo>& segments, const cache::ContentId& held) {
  const bool tells = context_.neighbours != nullptr && edition_ && offers() && !offline_ && request_.ranges.empty();
  if (!tells) return;
  context_.neighbours->fetched(edition_->version, segments);
  if (held != content_) context_.neighbours->merged(edition_->version, segments, held);
}

// Returns true if the content mixes segments of peers and of the origin under a contradicted version: they may be of
// two editions. A content entirely from peers is of one, since the first attester is believed for all of it.
bool Download::mixes_editions() const {
  std::uint64_t from_peers = 0, bytes = 0;
  for (const cache::SegmentInfo& segment : writer()->committed()) {
    from_peers += segment.peer_bytes;
    bytes += segment.range.length;
  }
  const bool all_from_peers = from_peers == bytes && bytes == map_.content_size();
  return from_peers > 0 && !all_from_peers && !offline_ && context_.neighbours->contradicted(edition_->version);
}

// Compares each segment that came partly from peers and partly from the origin with its attestation.
void Download::check_contradiction() {
  if (contradicted_ || !edition_ || context_.neighbours == nullptr) return;
  const auto& committed = writer()->committed();
  contradicted_ = mixes_editions();
  const bool mixed = std::any_of(committed.begin(), committed.end(), [](const cache::SegmentInfo& segment) {
    return segment.peer_bytes > 0 && segment.peer_bytes < segment.range.length;
  });
  if (!mixed && !contradicted_) return;
  const Digest version = peer::version_digest(edition_->version);
  contradicted_ =
      contradicted_ || std::any_of(committed.begin(), committed.end(), [&version](const cache::SegmentInfo& segment) {
        return peer::contradicted(version, segment);
      });
  // A content that is finishing reaches its end even without the download: finish_content() handles that case.
  if (contradicted_ && !finishing_) post_contradiction();
}

// Posted, since the caller is in a callback of the writer.
void Download::post_contradiction() {
  context_.runtime.executor.post([weak = weak_from_this(), attempt = attempt_] {
    const auto self = weak.lock();
    if (self && !self->ended_ && self->attempt_ == attempt) self->on_origin_contradicts();
  });
}

void Download::on_origin_contradicts() {
  context_.neighbours->judged_bad(edition_->version, writer()->committed());
  request_.origin_alone = true;
  start_over("the origin's bytes are not what other agents attested, nothing is taken from peers");
}

bool Download::may_go_offline(const Error& error) const {
  // A request that is private by itself gets no edition that was fetched for others.
  const bool may_be_shared = reach_of(before_answer_) != origin::Reach::own_job;
  // Servers and firewalls hang up on headers that they do not like, such as a User-Agent: such an error does not mean
  // that the origin is unreachable.
  const auto& options = request_.target.options;
  const bool asks_plainly = may_be_shared && (!options || options->headers.empty());
  return request_.offline_ok && asks_plainly && !edition_ && !offline_ && request_.ranges.empty() &&
         !request_.origin_alone && !request_.no_cache && is_unreachable(error.code);
}

// Returns a shareable partial content of an earlier attempt, of a version that the origin named; null if none.
const cache::ContentInfo* Download::begun() const {
  for (const MemberPtr& member : members_) {
    for (const cache::ContentInfo& info : member->own_contents) {
      const bool partial = info.state == cache::ContentState::partial && info.shareable && info.size;
      if (partial && info.versions.size() == 1 && info.versions.front().has_validator() &&
          info.versions.front().url == request_.target.url.canonical()) {
        return &info;
      }
    }
  }
  return nullptr;
}

// Returns true if the origin named the version when the file was begun: neighbours may have the rest.
bool Download::may_go_on(const Error& error) const {
  return is_unreachable(error.code) && !edition_ && !unreachable_ && !request_.no_cache && asks_neighbours() &&
         begun() != nullptr;
}

void Download::go_on_without_origin(const Error& error) {
  const cache::ContentInfo& info = *begun();
  unreachable_ = error;
  offline_ = info.created;
  ++attempt_;
  end_fill();
  origin::Edition edition;
  edition.version = info.versions.front();
  edition.ranges = true;
  edition.effective_url = edition.version.url;
  if (set_edition(edition)) choose_content();
}

// Adds the bytes that no neighbour gives to the error, where neighbours replaced the origin.
Error Download::what_is_missing(const Error& error) {
  const cache::ContentWriter* into = writer();
  if (!unreachable_ || !offline_ || into == nullptr || !into->size()) return error;
  Error told = *unreachable_;
  told.detail += fmt::format("; {} of {} bytes are missing, and no neighbour gives them",
                             *into->size() - bytes_of(into->committed()), *into->size());
  return told;
}

void Download::go_offline(const Error& error) {
  unreachable_ = error;
  offline_ = context_.runtime.clock.wall();  // until the edition's fetch time is known
  ++attempt_;
  end_fill();
  using Found = std::optional<cache::ContentInfo>;
  context_.cache.find_newest(request_.target.url.canonical(), guard<Found>([](Download& self, Result<Found> info) {
                               if (!info) log::warn("cache not asked error={}", info.error().text());
                               const bool usable = info && *info && (*info)->state == cache::ContentState::complete &&
                                                   (*info)->shareable;
                               if (usable) return self.offline_from_cache(**info);
                               self.offline_from_peers();
                             }));
}

void Download::offline_from_cache(const cache::ContentInfo& info) {
  origin::Edition edition;
  const auto& versions = info.versions;
  const auto of_url = std::find_if(versions.begin(), versions.end(), [this](const cache::Version& version) {
    return version.url == request_.target.url.canonical();
  });
  if (of_url == versions.end()) return offline_from_peers();
  edition.version = *of_url;
  edition.effective_url = of_url->url;
  offline_ = info.created;
  if (set_edition(edition)) use_content(info);
}

void Download::offline_from_peers() {
  const Error error = *unreachable_;
  if (!asks_neighbours()) return fail_members(error);
  const auto found = [weak = weak_from_this(), attempt = attempt_](std::optional<peer::NewestEdition> newest) {
    const auto self = weak.lock();
    if (!self || self->ended_ || self->attempt_ != attempt) return;
    if (newest && newest->supply) return self->on_newest_edition(std::move(*newest));
    self->fail_members(*self->unreachable_);
  };
  context_.neighbours->find_newest(request_.target.url.canonical(), found);
}

void Download::on_newest_edition(peer::NewestEdition newest) {
  const auto self = shared_from_this();
  const bool right = newest.version.url == request_.target.url.canonical() && newest.version.has_validator() &&
                     newest.version.size && *newest.version.size > 0 && newest.version.size == newest.supply->size();
  if (!right) return fail_members(*unreachable_);
  origin::Edition edition;
  edition.version = std::move(newest.version);
  edition.ranges = true;
  edition.effective_url = edition.version.url;
  offline_ = newest.fetched;
  supply_ = std::move(newest.supply);
  if (set_edition(edition)) choose_content();
}

}  // namespace larder::agent
