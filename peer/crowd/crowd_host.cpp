#include "peer/crowd/crowd_host.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/io/log.h"
#include "peer/crowd/claim_record.h"
#include "peer/crowd/crowd_memory.h"
#include "peer/crowd/crowd_pace.h"

namespace larder::peer {
namespace {

// Bounds of the time to the next step, whatever the step names: they limit the cost of a fault in it.
constexpr Duration kSoonest = std::chrono::milliseconds(1);
constexpr Duration kLatest = std::chrono::seconds(1);
// Time after a seat's end in which its fetched segments stay claimed: the offer follows the transfer's end.
constexpr Duration kOwes = std::chrono::seconds(3);
constexpr unsigned kMaxDatagramsAtOnce = 16;  // 512 versions; the rest at the next turn

}  // namespace

struct CrowdMembership::Place {
  Place(Crowd made, std::weak_ptr<CrowdHost::State> of, std::weak_ptr<CrowdUser> sitting)
      : crowd(std::move(made)), host(std::move(of)), user(std::move(sitting)) {}

  Crowd crowd;
  std::weak_ptr<CrowdHost::State> host;
  std::weak_ptr<CrowdUser> user;
  std::uint64_t segments = 0;
  std::vector<std::uint64_t> fetch;
  TimerId timer = 0;
  bool poked = false;
  bool spoke = false;  // an entry of this place was sent
  std::optional<SteadyTime> left;
  unsigned last_words = 0;
};

struct CrowdHost::State : std::enable_shared_from_this<State> {
  using Place = CrowdMembership::Place;
  using PlacePtr = std::shared_ptr<Place>;
  explicit State(Parts p) : parts(std::move(p)), pace(parts.runtime.random) {}

  void poke(const PlacePtr& place);
  void step(const PlacePtr& place);
  void leave(const PlacePtr& place);
  void arm();
  void speak();
  bool speak_once(SteadyTime now);
  void spoken(const Digest& version, SteadyTime now);
  void log_claim(const Place& place, SteadyTime at) const;
  // Returns whether the seat was left with a wholly fetched segment whose offer is still awaited.
  [[nodiscard]] bool is_owed(const Place& place) const {
    return place.left && now() - *place.left < kOwes && place.crowd.has_uncommitted();
  }
  [[nodiscard]] CrowdEntry entry_of(Place& place) const;
  [[nodiscard]] PlacePtr find(const Digest& version) const {
    const auto found = places.find(version);
    return found == places.end() ? nullptr : found->second;
  }
  void erase(const Digest& version);
  [[nodiscard]] SteadyTime now() const { return parts.runtime.clock.now(); }

  Parts parts;
  CrowdPace pace;
  CrowdMemory memory;
  ClaimRecord record;
  std::map<Digest, PlacePtr> places;
  TimerId timer = 0;
  std::optional<SteadyTime> armed_for;
};

CrowdHost::CrowdHost(Parts parts) : state_(std::make_shared<State>(std::move(parts))) {}

CrowdHost::~CrowdHost() {
  forget_all();
  state_->parts.runtime.timers.cancel(state_->timer);
}

void CrowdHost::forget_all() {
  while (!state_->places.empty()) state_->erase(Digest(state_->places.begin()->first));
}

void CrowdHost::State::erase(const Digest& version) {
  const auto found = places.find(version);
  if (found == places.end()) return;
  parts.runtime.timers.cancel(std::exchange(found->second->timer, 0));
  found->second->host.reset();
  pace.drop_version(version);
  places.erase(found);
}

std::unique_ptr<CrowdMembership> CrowdHost::join_crowd(const Joining& what, const std::shared_ptr<CrowdUser>& user) {
  State& state = *state_;
  if (const auto there = state.find(what.version_key)) {
    if (!there->left) return nullptr;
    state.erase(what.version_key);
  }
  if (state.places.size() >= kMaxPlaces) return nullptr;
  CrowdRules rules;
  rules.patience = what.patience;
  rules.min_rate = what.min_rate;
  rules.may_fetch = !state.parts.may_fetch || state.parts.may_fetch();
  const SteadyTime now = state.now();
  auto place = std::make_shared<CrowdMembership::Place>(
      Crowd(state.parts.self, what.version_key, what.layout, rules, state.record, state.parts.runtime.random.next()),
      state_, user);
  place->segments = what.layout.count();
  state.places.emplace(what.version_key, place);
  place->crowd.set_known_agents(state.parts.around());
  for (const auto& [segment, first_hand] : what.offered) place->crowd.on_segment_offered(segment, first_hand, now);
  for (const auto& heard : state.memory.take_entries(what.version_key, now)) {
    if (heard.entry.segments != place->segments) continue;
    place->crowd.on_entry(heard.agent, heard.stamp, heard.entry, heard.at);
    user->on_crowd_entry(heard.agent, heard.entry);
  }
  place->crowd.begin_crowd(now);
  state.poke(place);
  return std::make_unique<CrowdMembership>(place);
}

bool CrowdHost::has(const Digest& version_key) const {
  return state_->find(version_key) != nullptr;
}

void CrowdHost::on_datagram(const AgentId& sender, const CrowdStamp& stamp, const std::vector<CrowdEntry>& entries) {
  State& state = *state_;
  if (sender == state.parts.self) return;
  const SteadyTime now = state.now();
  state.pace.on_datagram(sender, now);
  for (const CrowdEntry& entry : entries) {
    const auto place = state.find(entry.version_key);
    if (!place || place->left) {
      state.memory.on_entry(sender, stamp, entry, now);
      continue;
    }
    if (entry.segments != place->segments) continue;  // not this version
    place->crowd.on_entry(sender, stamp, entry, now);
    if (const auto user = place->user.lock()) user->on_crowd_entry(sender, entry);
    state.poke(place);
  }
  state.arm();
}

void CrowdHost::on_agent_gone(const AgentId& agent) {
  const SteadyTime now = state_->now();
  state_->memory.on_agent_gone(agent);
  for (const auto& [version, place] : state_->places) {
    place->crowd.on_agent_gone(agent, now);
    state_->poke(place);
  }
}

void CrowdHost::on_agents_changed() {
  if (state_->places.empty()) return;
  const auto around = state_->parts.around();
  for (const auto& [version, place] : state_->places) {
    place->crowd.set_known_agents(around);
    state_->poke(place);
  }
}

void CrowdHost::on_may_fetch_changed() {
  const bool may = !state_->parts.may_fetch || state_->parts.may_fetch();
  const SteadyTime now = state_->now();
  for (const auto& [version, place] : state_->places) {
    place->crowd.set_may_fetch(may, now);
    state_->poke(place);
  }
}

void CrowdHost::on_segment_offered(const Digest& version_key, std::uint64_t segment, bool first_hand) {
  const auto place = state_->find(version_key);
  if (!place || segment >= place->segments) return;
  place->crowd.on_segment_offered(segment, first_hand, state_->now());
  if (!place->left) return state_->poke(place);
  // Committed after its transfer left: the last announcements start anew, to include it.
  place->last_words = kLastWords;
  state_->pace.announce_soon(version_key, state_->now());
  state_->arm();
}

void CrowdHost::State::log_claim(const Place& place, SteadyTime at) const {
  const CrowdFigures figures = place.crowd.figures(at);
  log::debug("fetches for the crowd version={} first={} count={} members={} held={} elsewhere={} claimed={}",
             to_hex(Bytes(place.crowd.version_key()).first(4)), place.fetch.front(), place.fetch.size(),
             figures.members, figures.held, figures.elsewhere, figures.claimed);
}

// Posts one step for all events of this turn of the loop.
void CrowdHost::State::poke(const PlacePtr& place) {
  if (std::exchange(place->poked, true)) return;
  parts.runtime.executor.post([weak = weak_from_this(), place] {
    place->poked = false;
    if (const auto self = weak.lock(); self && !place->left && !place->host.expired()) self->step(place);
  });
}

void CrowdHost::State::step(const PlacePtr& place) {
  const SteadyTime at = now();
  CrowdStep step = place->crowd.take_step(at);
  const Digest& version = place->crowd.version_key();
  const bool claims = !step.fetch.empty();
  if (step.urgency == SendUrgency::soon) pace.announce_soon(version, at);
  if (step.urgency != SendUrgency::nothing) pace.announce_at_pace(version, claims, at);
  std::sort(step.fetch.begin(), step.fetch.end());
  const bool changed = step.fetch != place->fetch;
  place->fetch = std::move(step.fetch);
  parts.runtime.timers.cancel(place->timer);
  place->timer = parts.runtime.timers.after(std::clamp<Duration>(step.next_step_at - at, kSoonest, kLatest),
                                            [weak = weak_from_this(), other = std::weak_ptr(place)] {
                                              const auto self = weak.lock();
                                              const auto due = other.lock();
                                              if (!self || !due || due->left || due->host.expired()) return;
                                              due->timer = 0;
                                              self->step(due);
                                            });
  arm();
  if (!changed) return;
  if (!place->fetch.empty()) log_claim(*place, at);
  if (const auto user = place->user.lock()) user->on_crowd_changed();
}

void CrowdHost::State::leave(const PlacePtr& place) {
  const Digest version = place->crowd.version_key();
  place->left = now();
  place->fetch.clear();
  parts.runtime.timers.cancel(std::exchange(place->timer, 0));
  // No member has heard of this one, and it has nothing to announce.
  if (!place->spoke && place->crowd.figures(now()).held == 0 && !place->crowd.has_uncommitted()) return erase(version);
  place->last_words = kLastWords;
  // Others may wait for first-hand segments; for the rest they know other holders.
  if (place->crowd.figures(now()).first_hand > 0) {
    pace.announce_soon(version, now());
  } else {
    pace.announce_at_pace(version, false, now());
  }
  arm();
}

void CrowdHost::State::arm() {
  const auto next = pace.next();
  if (next == armed_for && (timer != 0 || !next)) return;
  parts.runtime.timers.cancel(std::exchange(timer, 0));
  armed_for = next;
  if (!next) return;
  timer = parts.runtime.timers.after(std::max(Duration{}, *next - now()), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->timer = 0;
    self->speak();
  });
}

void CrowdHost::State::speak() {
  const SteadyTime at = now();
  for (unsigned i = 0; i < kMaxDatagramsAtOnce && speak_once(at); ++i) {
  }
  arm();
}

CrowdEntry CrowdHost::State::entry_of(Place& place) const {
  CrowdEntry entry = place.crowd.entry();
  if (place.left) {
    entry.wants = false;
    // A wholly fetched segment stays claimed until its offer, so that no other agent fetches it meanwhile.
    if (!is_owed(place)) entry.claims.clear();
  }
  return entry;
}

bool CrowdHost::State::speak_once(SteadyTime at) {
  std::vector<Digest> due = pace.due(at);
  if (due.empty()) return false;
  due.resize(std::min(due.size(), kMaxCrowdEntries));
  std::vector<CrowdEntry> entries;
  std::vector<Digest> versions;
  for (const Digest& version : due) {
    const auto place = find(version);
    if (!place) {
      pace.drop_version(version);
      continue;
    }
    entries.push_back(entry_of(*place));
    versions.push_back(version);
  }
  if (entries.empty()) return true;
  const std::size_t fits = std::clamp<std::size_t>(fitting(entries), 1, entries.size());
  entries.resize(fits);
  versions.resize(fits);
  pace.on_sent(versions, at);
  for (const Digest& version : versions) spoken(version, at);
  parts.send_entries(std::move(entries));
  return true;
}

void CrowdHost::State::spoken(const Digest& version, SteadyTime at) {
  const auto place = find(version);
  place->spoke = true;
  place->crowd.on_entry_sent(at);
  if (!place->left) return poke(place);  // a step decides the next announcement
  if (is_owed(*place)) return pace.announce_at_pace(version, true, at);
  if (place->last_words > 0) --place->last_words;
  if (place->last_words == 0) return erase(version);
  pace.announce_at_pace(version, false, at);
}

// -- a seat -----------------------------------------------------------------------------------------------------------

CrowdMembership::~CrowdMembership() {
  if (const auto host = place_->host.lock()) host->leave(place_);
}

namespace {

template <class F>
void tell(const std::shared_ptr<CrowdMembership::Place>& place, F what) {
  const auto host = place->host.lock();
  if (!host) return;
  what(place->crowd, host->now());
  host->poke(place);
}

}  // namespace

void CrowdMembership::on_holder(const AgentId& agent, bool complete, Bytes segments) {
  tell(place_, [&](Crowd& crowd, SteadyTime now) { crowd.on_holder(agent, complete, segments, now); });
}

void CrowdMembership::on_segment_not_given(const AgentId& agent, std::uint64_t segment) {
  tell(place_, [&](Crowd& crowd, SteadyTime now) { crowd.on_segment_not_given(agent, segment, now); });
}

void CrowdMembership::on_nothing_proven(const AgentId& agent) {
  tell(place_, [&](Crowd& crowd, SteadyTime now) { crowd.on_nothing_proven(agent, now); });
}

void CrowdMembership::on_delivering(std::uint64_t segment) {
  tell(place_, [&](Crowd& crowd, SteadyTime now) { crowd.on_delivering(segment, now); });
}

void CrowdMembership::on_bytes_from_peers(std::uint64_t bytes) {
  tell(place_, [&](Crowd& crowd, SteadyTime now) { crowd.on_bytes_from_peers(bytes, now); });
}

void CrowdMembership::on_progress(SegmentIndex segment, std::uint64_t bytes) {
  tell(place_, [&](Crowd& crowd, SteadyTime now) { crowd.on_progress(segment, bytes, now); });
}

void CrowdMembership::set_origin_usable(bool usable) {
  tell(place_, [&](Crowd& crowd, SteadyTime now) { usable ? crowd.on_origin_back(now) : crowd.on_origin_failed(now); });
}

const std::vector<std::uint64_t>& CrowdMembership::fetch() const {
  return place_->fetch;
}

std::vector<std::uint64_t> CrowdMembership::to_take(std::size_t most) const {
  const auto host = place_->host.lock();
  return host ? place_->crowd.to_take(most, host->now()) : std::vector<std::uint64_t>();
}

std::vector<AgentId> CrowdMembership::holders(SegmentIndex segment, std::size_t most) const {
  const auto host = place_->host.lock();
  return host ? place_->crowd.holders(segment, most, host->now()) : std::vector<AgentId>();
}

bool CrowdMembership::missing_everywhere() const {
  const auto host = place_->host.lock();
  if (!host) return true;
  const CrowdFigures figures = place_->crowd.figures(host->now());
  const bool coming = figures.elsewhere > 0 || figures.claimed > 0 || !place_->fetch.empty();
  return !coming && !place_->crowd.missing_everywhere(host->now()).empty();
}

CrowdFigures CrowdMembership::figures() const {
  const auto host = place_->host.lock();
  return host ? place_->crowd.figures(host->now()) : CrowdFigures{};
}

bool CrowdMembership::alone() const {
  return place_->host.expired();
}

}  // namespace larder::peer
