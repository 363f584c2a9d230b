#include "peer/supply/newest_lookup.h"

#include <algorithm>
#include <utility>

#include "peer/messages/catalogue_paths.h"
#include "peer/trust/attesters.h"
#include "peer/trust/proof.h"

namespace larder::peer {
namespace {

constexpr unsigned kOk = 200;

// Returns when the attesters fetched the content. Per segment the latest attestation counts, and over the segments the
// earliest of these: the edition is no newer than that.
std::optional<WallTime> fetched_at(const Manifest& manifest, const Digest& version, const Digest& group,
                                   const std::function<bool(const AgentId&)>& not_heard) {
  std::optional<std::uint64_t> earliest;
  for (const ManifestSegment& segment : manifest.segments) {
    const auto attestations = decode_attestations(segment.attestations);
    if (!attestations) return std::nullopt;
    std::optional<std::uint64_t> of_segment;
    for (const Attestation& attestation : *attestations) {
      const bool counts = attestation.version == version && attestation.root == segment.root &&
                          attestation.segment == segment.index && !not_heard(attestation.agent) &&
                          check(attestation, group);
      if (counts) of_segment = std::max(of_segment.value_or(0), attestation.at_s);
    }
    if (!of_segment) return std::nullopt;
    earliest = std::min(earliest.value_or(*of_segment), *of_segment);
  }
  if (!earliest || *earliest > static_cast<std::uint64_t>(INT64_MAX) / 1'000'000'000) return std::nullopt;
  return from_unix_ns(static_cast<std::int64_t>(*earliest) * 1'000'000'000);
}

}  // namespace

NewestLookup::NewestLookup(std::shared_ptr<LookupTools> tools, std::string url, const Digest& url_key,
                           const Digest& group, Found found)
    : tools_(std::move(tools)), url_(std::move(url)), url_key_(url_key), group_(group), found_(std::move(found)) {}

NewestLookup::~NewestLookup() {
  stop();
}

void NewestLookup::stop() {
  auto found = std::exchange(found_, nullptr);
  if (!found) return;
  for (const CallId call : calls_) tools_->link.cancel(call);
  tools_->runtime.timers.cancel(std::exchange(deadline_, 0));
  tools_->runtime.executor.post([found = std::move(found)]() mutable { found(std::nullopt); });
}

void NewestLookup::start() {
  // The timer keeps the look-up until answer_newest() or stop().
  deadline_ = tools_->runtime.timers.after(kWithin, [self = shared_from_this()] { self->answer_newest(); });
  tools_->discovery.ask({{KeyKind::url, url_key_}}, [weak = weak_from_this()](const std::vector<Holder>& holders) {
    if (const auto self = weak.lock()) self->on_holders(holders);
  });
}

void NewestLookup::on_holders(const std::vector<Holder>& holders) {
  if (!found_) return;
  for (const Holder& holder : holders) {
    const KnownPeer* peer = tools_->discovery.peers().find_peer(holder.agent);
    if (!peer || !holder.item.complete || tools_->refused(holder.agent) || calls_.size() >= kAsked) continue;
    CatalogueCall call;
    call.to = peer->catalogue();
    call.agent = holder.agent;
    call.target = target_of(ManifestQuery{url_key_, KeyKind::url, false});
    call.timeout = kWithin;
    auto id = std::make_shared<CallId>(0);
    *id = tools_->link.call(std::move(call), [weak = weak_from_this(), id](Result<CatalogueResponse> answer) {
      const auto self = weak.lock();
      if (!self || !self->found_) return;
      self->calls_.erase(*id);
      self->on_manifest(answer);
      if (self->calls_.empty()) self->answer_newest();
    });
    calls_.insert(*id);
  }
  if (calls_.empty()) answer_newest();
}

void NewestLookup::on_manifest(const Result<CatalogueResponse>& answer) {
  if (!answer || answer->status != kOk) return;
  const auto said = decode_manifest(answer->body);
  if (!said || !said->complete) return;
  const cache::Version version{url_, said->size, said->etag, said->last_modified};
  if (!version.has_validator()) return;
  take_certificates(said->certificates, tools_->members, tools_->runtime.clock.wall());
  const auto fetched = fetched_at(*said, version_digest(version), group_, tools_->not_heard);
  if (fetched && (!best_ || *fetched > best_->fetched)) best_ = FoundEdition{version, *fetched};
}

void NewestLookup::answer_newest() {
  auto found = std::exchange(found_, nullptr);
  if (!found) return;
  const auto self = shared_from_this();
  for (const CallId call : calls_) tools_->link.cancel(call);
  tools_->runtime.timers.cancel(std::exchange(deadline_, 0));
  found(std::move(best_));
}

}  // namespace larder::peer
