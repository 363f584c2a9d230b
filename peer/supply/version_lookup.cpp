#include "peer/supply/version_lookup.h"

#include <algorithm>
#include <utility>

#include "base/io/log.h"
#include "peer/messages/catalogue_paths.h"
#include "peer/messages/segment_bitmap.h"
#include "peer/trust/attesters.h"

namespace larder::peer {
namespace {

constexpr unsigned kOk = 200, kBusy = 503;
constexpr std::size_t kManifestRoom = 64 * kKiB;  // of an answer, besides its segments' attestations
constexpr std::size_t kMaxOthers = 64;

std::set<std::uint64_t> segments_of(const std::vector<std::byte>& bitmap) {
  std::set<std::uint64_t> out;
  for (std::size_t i = 0; i < bitmap.size() * 8; ++i) {
    if (has_bit(bitmap, i)) out.insert(i);
  }
  return out;
}

std::size_t answer_bound(const cache::SegmentLayout& layout, bool with_bytes) {
  const std::size_t each = kMaxAttestations * kAttestationSize + 64;
  const auto segments = static_cast<std::size_t>(std::min<std::uint64_t>(layout.count(), kMaxManifestSegments));
  return kManifestRoom + segments * each + (with_bytes ? kMaxInline : 0);
}

}  // namespace

VersionLookup::VersionLookup(std::shared_ptr<LookupTools> tools, std::shared_ptr<SupplyImpl> supply,
                             std::vector<Holder> prefetched, Found found)
    : tools_(std::move(tools)),
      building_(std::move(supply)),
      supply_(building_),
      prefetched_(std::move(prefetched)),
      found_(std::move(found)) {
  // A small content comes with the catalogue's answer: one good holder is enough, and a second for its opinion.
  if (small()) together_ = kOpinions;
}

VersionLookup::~VersionLookup() {
  stop();
}

void VersionLookup::stop() {
  if (std::exchange(ended_, true)) return;
  if (query_ != 0) tools_->discovery.cancel(query_);
  for (const CallId call : calls_) tools_->link.cancel(call);
  for (const TimerId timer : {deadline_timer_, hedge_timer_, next_look_timer_, proofs_timer_, opinions_timer_})
    tools_->runtime.timers.cancel(timer);
  if (!found_) return;
  tools_->runtime.executor.post([found = std::exchange(found_, nullptr)]() mutable { found(nullptr); });
}

bool VersionLookup::small() const {
  const auto supply = supply_.lock();
  return supply && supply->size() <= kMaxInline;
}

bool VersionLookup::usable(const AgentId& agent) const {
  return agent != tools_->self && !tools_->refused(agent);
}

void VersionLookup::start() {
  started_at_ = tools_->runtime.clock.now();
  deadline_timer_ = tools_->runtime.timers.after(crowd_ ? kWithinInCrowd : kWithin, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_deadline();
  });
  ask_discovery();
}

void VersionLookup::ask_discovery() {
  const auto supply = supply_.lock();
  if (!supply || ended_) return;
  asking_ = true;
  asked_count_ = 0;
  asked_.clear();
  if (crowd_ && !found_ && !supply->complete()) manifests_.clear();  // a holder that had no proof then may have one now
  auto prefetched = std::exchange(prefetched_, {});
  std::erase_if(prefetched, [&](const Holder& holder) { return holder.item.version_key != supply->version_key(); });
  // Members that announced the version before this agent joined need not be asked whether they have it.
  const bool remembered = crowd_ && found_ && supply->holder_table().size() > 0;
  if (!prefetched.empty() || remembered || std::exchange(asked_around_, false)) return on_holders(prefetched);
  auto query = tools_->discovery.ask({{KeyKind::version, supply->version_key()}},
                                     [weak = weak_from_this()](const std::vector<Holder>& holders) {
                                       const auto self = weak.lock();
                                       if (self && !self->ended_) self->on_holders(holders);
                                     });
  if (asking_) query_ = query;  // not asking: the answer came within ask()
}

void VersionLookup::on_holders(const std::vector<Holder>& holders) {
  asking_ = false;
  query_ = 0;
  const auto supply = supply_.lock();
  if (!supply) return;
  bool more = false;
  for (const Holder& holder : holders) {
    const KnownPeer* peer = tools_->discovery.peers().find_peer(holder.agent);
    if (!peer || !usable(holder.agent) || holder.item.size != supply->size()) continue;
    HolderFacts facts;
    facts.agent = holder.agent;
    facts.catalogue = peer->catalogue();
    facts.swarm = peer->swarm();
    facts.complete = holder.item.complete;
    if (!facts.complete) facts.segments = segments_of(holder.item.segments);
    if (!manifests_.contains(holder.agent)) {
      facts.hearsay = facts.segments;
      for (std::uint64_t i = 0; facts.complete && i < supply->proof().layout().count(); ++i) facts.hearsay.insert(i);
    }
    // A doubted holder proves nothing, so it is asked last. Its bytes are as good as any once they are proven.
    const bool https = supply->version().url.starts_with("https:");
    const bool doubted = tools_->trust.doubted(holder.agent, https, tools_->runtime.clock.wall());
    facts.load = doubted ? UINT8_MAX : holder.load;
    facts.draw = tools_->runtime.random.next();
    if (crowd_ && small()) first_holders_.insert(holder.agent);
    const bool known = supply->holder_table().find_holder(holder.agent) != nullptr;
    if (!supply->holder_table().add_holder(facts)) continue;
    more = more || !known;
    report_holder_to_crowd(facts);
  }
  if (more && !found_) supply->on_holders_learnt();
  pump();
}

void VersionLookup::pump() {
  const auto supply = supply_.lock();
  if (!supply || ended_) return;
  if (crowd_) {
    ask_proofs();
    // The crowd decides from here on which segments are fetched; what is proven later is added to the supply.
    return asking_ ? hand_over_if_ready() : hand_over();
  }
  if (!enough()) {
    std::vector<HolderFacts> next = supply->holder_table().ranked();
    for (const auto& [agent, other] : others_) next.push_back(other);
    for (const HolderFacts& holder : next) {
      if (calls_.size() >= together_ || asked_count_ >= kMaxManifests) break;
      if (!asked_.insert(holder.agent).second || !usable(holder.agent)) continue;
      others_.erase(holder.agent);
      call_holder(holder);
    }
  }
  hand_over_if_ready();
}

void VersionLookup::call_holder(const HolderFacts& holder) {
  const auto supply = supply_.lock();
  ++asked_count_;
  manifest_asked_at_[holder.agent] = tools_->runtime.clock.now();
  proving_[holder.agent] = holder;
  ManifestQuery query;
  query.key = supply->version_key();
  query.with_bytes = small() && !supply->has_bytes() && (bytes_.count() == 0 || (together_ > kOpinions && !crowd_));
  query.comes_again = crowd_;
  if (query.with_bytes && crowd_) remember_first();
  CatalogueCall what;
  what.to = holder.catalogue;
  what.agent = holder.agent;
  what.target = target_of(query);
  what.max_answer = answer_bound(supply->proof().layout(), query.with_bytes);
  what.timeout = crowd_ ? kBusyCrowd : kAgain;
  auto id = std::make_shared<CallId>(0);
  InFlight::Hold hold = query.with_bytes ? bytes_.begin() : InFlight::Hold();
  *id = tools_->link.call(std::move(what), [weak = weak_from_this(), id, holder, bytes = query.with_bytes,
                                            hold = std::move(hold)](Result<CatalogueResponse> answer) mutable {
    const auto self = weak.lock();
    if (!self || self->ended_) return;
    self->calls_.erase(*id);
    hold.release();
    self->proving_.erase(holder.agent);
    // "Busy" to a request for the bytes means that they are being given to others; it says nothing about the root.
    const bool gives_to_others = bytes && answer && answer->status == kBusy;
    self->on_manifest(holder, std::move(answer), bytes);
    if (!gives_to_others) self->note_without_answer(holder);
    self->pump();
  });
  calls_.insert(*id);
  if (together_ < kTogether && hedge_timer_ == 0) call_another();
}

void VersionLookup::call_another() {
  hedge_timer_ = tools_->runtime.timers.after(kHedgeAfter, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->ended_) return;
    self->hedge_timer_ = 0;
    ++self->together_;
    self->pump();
  });
}

void VersionLookup::on_holder_failed(const AgentId& agent, const Error& error) {
  const auto supply = supply_.lock();
  log::debug("peer's catalogue does not answer agent={} error=\"{}\"", agent_name(agent), error.text());
  const bool silent = error.code == ErrorCode::connect_failed || error.code == ErrorCode::timed_out;
  // In a crowd a holder that is busy, or that has not yet offered what it has just fetched, is asked again.
  const bool stays = crowd_ && (error.code == ErrorCode::busy || error.code == ErrorCode::timed_out);
  const bool has_none = error.code == ErrorCode::http_fatal || error.code == ErrorCode::bad_response;
  if (supply && has_none && supply->membership() != nullptr) supply->membership()->on_nothing_proven(agent);
  if (supply && !stays && supply->holder_table().drop_holder(agent)) supply->on_holders_learnt();
  if (silent) tools_->unreachable(agent);
}

void VersionLookup::on_manifest(const HolderFacts& holder, Result<CatalogueResponse> answer, bool with_bytes) {
  if (!answer) return on_holder_failed(holder.agent, answer.error());
  if (answer->status == kBusy) add_others(answer->body);
  if (answer->status != kOk) {
    return on_holder_failed(holder.agent, {ErrorCode::busy, "ask peer " + agent_name(holder.agent),
                                           "its catalogue answers " + std::to_string(answer->status), std::nullopt});
  }
  auto said = decode_manifest(answer->body);
  if (!said) return on_holder_failed(holder.agent, said.error());
  log::debug("peer told what it has agent={} segments={} complete={} bytes={}", agent_name(holder.agent),
             said->segments.size(), said->complete, said->bytes ? said->bytes->size() : 0);
  if (with_bytes) {
    without_bytes_.erase(holder.agent);
  } else {
    without_bytes_.insert(holder.agent);
  }
  learn_manifest(holder, std::move(*said));
}

void VersionLookup::learn_manifest(const HolderFacts& holder, Manifest said) {
  const auto supply = supply_.lock();
  if (!supply) return;
  const WallTime now = tools_->runtime.clock.wall();
  take_certificates(said.certificates, tools_->members, now);
  const auto added = supply->proof().add_manifest(said, tools_->trust, tools_->not_heard, now);
  if (!added) return on_holder_failed(holder.agent, added.error());
  if (const auto evidence = supply->proof().take_contradiction(); evidence && tools_->contradicted) {
    tools_->contradicted(*evidence);
  }
  for (const AgentId& attester : supply->proof().take_new_attesters()) tools_->members.attests(attester);
  add_named_holders(said.others);
  if (said.bytes && !supply->has_bytes() && supply->proof().root(0) && !supply->take_bytes(std::move(*said.bytes))) {
    log::warn("peer's catalogue sent bytes that are not what is attested agent={}", agent_name(holder.agent));
    tools_->lied(holder.agent);
    return on_holder_failed(holder.agent, {ErrorCode::bad_response, "ask peer " + agent_name(holder.agent),
                                           "its bytes do not match the attested root", std::nullopt});
  }
  if (supply->has_bytes() && !supply->proof().root(0)) {
    log::info("neighbours contradict each other url={}", supply->version().url);
    supply->drop_bytes();
  }
  said.bytes.reset();
  said.others.clear();
  said.certificates.clear();
  for (ManifestSegment& segment : said.segments) segment.attestations.clear();
  manifests_[holder.agent] = std::move(said);
  // One holder's attestation may prove what another holder's manifest named earlier.
  for (const auto& [agent, manifest] : manifests_) {
    const HolderFacts* known = supply->holder_table().find_holder(agent);
    if (known || agent == holder.agent) believe(known ? *known : holder, manifest);
  }
  if (crowd_) {
    report_unproven(holder);
    report_contradicted(holder.agent);
    hear_opinions();
  }
  if (!found_) supply->on_holders_learnt();
}

void VersionLookup::add_others(const std::vector<std::byte>& body) {
  if (const auto others = decode_holders(body)) add_named_holders(*others);
}

void VersionLookup::add_named_holders(const std::vector<CatalogueHolder>& others) {
  for (const CatalogueHolder& other : others) {
    if (others_.size() >= kMaxOthers) return;
    if (asked_.contains(other.agent) || !usable(other.agent)) continue;
    HolderFacts facts;
    facts.agent = other.agent;
    // Signed addresses of its own, where discovery heard it; otherwise the unsigned word of another member.
    const KnownPeer* known = tools_->discovery.peers().find_peer(other.agent);
    facts.catalogue = known ? known->catalogue() : other.catalogue;
    facts.swarm = known ? known->swarm() : other.swarm;
    const auto may_be = [this](const Endpoint& at) {
      return at.is_one_machine() && (tools_->loopback || !at.is_loopback());
    };
    if (!may_be(facts.catalogue) || !may_be(facts.swarm)) continue;
    facts.draw = tools_->runtime.random.next();
    others_.emplace(other.agent, facts);
  }
}

bool VersionLookup::enough() const {
  const auto supply = supply_.lock();
  if (!supply) return true;
  if (!crowd_ && found_ && manifests_.size() < kOpinions) return false;
  if (supply->opinions().any_waits()) return false;
  if (supply->has_bytes()) return true;
  if (!supply->proof().whole()) return false;
  // One complete holder's manifest is enough; those of further holders are not waited for.
  return std::any_of(manifests_.begin(), manifests_.end(), [&](const auto& item) {
    const HolderFacts* facts = supply->holder_table().find_holder(item.first);
    return facts && facts->complete;
  });
}

void VersionLookup::hand_over_if_ready() {
  if (enough() || (!asking_ && calls_.empty())) hand_over();
}

// Returns whether the hand-over waits for a second member's manifest. One member alone may lie: where others have the
// version too, one more is heard, so that a contradiction is seen before any byte is taken. The wait ends with the
// calls' own timeouts. The origin does not wait for it: the caller has a grace period of its own.
bool VersionLookup::awaits_opinion() const {
  return !crowd_ && found_ && !calls_.empty() && manifests_.size() == 1;
}

void VersionLookup::on_deadline() {
  deadline_timer_ = 0;
  if (!awaits_opinion()) hand_over();
}

void VersionLookup::hand_over() {
  tools_->runtime.timers.cancel(std::exchange(deadline_timer_, 0));
  if (!found_) {
    if (next_look_timer_ == 0) schedule_next_look();
    return;
  }
  auto found = std::exchange(found_, nullptr);
  auto supply = std::exchange(building_, nullptr);
  const auto self = shared_from_this();
  const std::chrono::duration<double, std::milli> took = tools_->runtime.clock.now() - started_at_;
  log::debug("looked for a version holders={} took_ms={:.3f}", supply->holder_table().size(), took.count());
  if (!crowd_ && supply->segments().empty()) {
    stop();
    return found(nullptr);
  }
  schedule_next_look();
  found(std::move(supply));
}

void VersionLookup::schedule_next_look() {
  if (ended_) return;
  const Duration wait = crowd_ ? kAgainInCrowd : kAgain;
  next_look_timer_ = tools_->runtime.timers.after(second_over_ ? wait : kSecondLook, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && !self->ended_) self->look_again();
  });
}

void VersionLookup::look_again() {
  next_look_timer_ = 0;
  const auto supply = supply_.lock();
  if (!supply) return stop();
  const bool second = !std::exchange(second_over_, true);
  const bool wants = second ? depends_on_one() || finds_nobody() : !supply->complete() || supply->holders() == 0;
  if (!wants || asking_ || !calls_.empty()) return schedule_next_look();
  ask_discovery();
}

// No member seems to have it or to want it. A question or its answer may have been lost, and a complete holder that
// wants nothing does not speak by itself: without a second question a fast origin would send all of it before the next
// look.
bool VersionLookup::finds_nobody() const {
  const auto supply = supply_.lock();
  return crowd_ && !small() && supply->holders() == 0 && supply->membership() != nullptr &&
         supply->membership()->figures().members == 0;
}

bool VersionLookup::depends_on_one() const {
  const auto supply = supply_.lock();
  return !small() && supply->complete() && supply->holder_table().ranked_complete().size() == 1 &&
         tools_->discovery.peers().size() > 1;
}

}  // namespace larder::peer
