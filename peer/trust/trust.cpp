#include "peer/trust/trust.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace larder::peer {
namespace {

WallTime from_seconds(std::uint64_t seconds) {
  constexpr std::uint64_t kLast = static_cast<std::uint64_t>(INT64_MAX) / 1'000'000'000;
  return WallTime(std::chrono::seconds(static_cast<std::int64_t>(std::min(seconds, kLast))));
}

bool holds(const std::vector<AgentId>& all, const AgentId& agent) {
  return std::find(all.begin(), all.end(), agent) != all.end();
}

}  // namespace

Trust::Trust(std::size_t min_attesters) : min_attesters_(std::max<std::size_t>(1, min_attesters)) {}

void Trust::set_min_attesters(std::size_t count) {
  min_attesters_ = std::max<std::size_t>(1, count);
}

void Trust::restore(TrustState state, WallTime now) {
  TrustJournal* journal = std::exchange(journal_, nullptr);  // the state comes from the journal
  for (const Pardon& pardon : state.pardons) standing_.restore(pardon);
  for (Shunned& one : state.shunned) standing_.restore(std::move(one), now);
  for (Doubted& one : state.doubted) standing_.restore(std::move(one), now);
  for (const Attestation& attestation : state.suspected) add_suspicion(attestation);
  for (Contradiction& one : state.contradictions) {
    std::optional<Contradiction> gone;
    contradictions_.add(std::move(one), gone);
  }
  for (const Condemned& one : state.condemned) condemned_.restore(one, now);
  for (HostMark& mark : state.hosts) hosts_.restore(std::move(mark), now);
  for (const OwnRoot& root : state.own_roots) own_roots_.restore(root);
  journal_ = journal;
}

void Trust::forget_all() {
  standing_.forget_all();
  hosts_.forget_all();
  condemned_.forget_all();
  contradictions_.forget_all();
  suspicions_.forget_all();
  own_roots_.forget_all();
  if (journal_ != nullptr) journal_->forget_all();
}

// -- members ----------------------------------------------------------------------------------------------------------

bool Trust::pardon(const AgentId& agent, WallTime now) {
  const auto pardoned = standing_.pardon(agent, now);
  const auto dropped =
      contradictions_.drop_if([&](const Contradiction& what) { return what.one == agent || what.other == agent; });
  for (const Condemned& changed : condemned_.pardon(agent)) note(changed);
  if (journal_ == nullptr) return pardoned.any;
  for (const Contradiction& what : dropped) journal_->forget(what);
  if (pardoned.gone) journal_->forget_pardon(*pardoned.gone);
  journal_->forget_shunned(agent);
  journal_->forget_doubted(agent);
  journal_->keep(Pardon{agent, now});
  return pardoned.any;
}

bool Trust::sent_bad_block(const AgentId& agent, WallTime now) {
  const auto change = standing_.sent_bad_blocks(agent, now);
  if (change.gone && journal_ != nullptr) journal_->forget_shunned(*change.gone);
  if (change.now) note(*change.now);
  return change.now && change.fresh;
}

void Trust::doubt(const AgentId& agent, DoubtReason reason, bool https, const std::string& site, Outcome& outcome,
                  WallTime now) {
  const auto change = standing_.doubt(agent, reason, https, site, now);
  if (change.gone && journal_ != nullptr) journal_->forget_doubted(*change.gone);
  if (change.now) note(*change.now);
  if (change.now && change.fresh) outcome.doubted.push_back(agent);
}

// Shuns the agent if enough members contradict it. Counted are accusers that are believed themselves, over HTTPS
// origins that this agent knows, and where one wrong member explains all contradictions over the host.
void Trust::weigh(const AgentId& agent, const Circle& circle, Outcome& outcome, WallTime now) {
  if (agent == circle.self) return;
  std::set<AgentId> accusers;
  std::set<std::string> sites;
  std::map<std::string, bool> one_explains;
  const WallTime counts_from = standing_.counts_from(agent);
  for (const Contradiction& what : contradictions_.of(agent, now)) {
    const AgentId& accuser = what.one == agent ? what.other : what.one;
    const WallTime said = what.one == agent ? what.other_said : what.one_said;
    if (!what.https || said <= counts_from || standing_.shunned(accuser, now)) continue;
    if (standing_.doubted(accuser, true, now) || (circle.refused && circle.refused(accuser))) continue;
    const auto origin = hosts_.of(what.version);
    const std::string host = origin && origin->https ? origin->host : what.host;
    if (host.empty() || hosts_.not_constant(host, now)) continue;
    const auto known = one_explains.find(host);
    const bool explained =
        known != one_explains.end() ? known->second : contradictions_.one_explains(host, circle.self, now);
    one_explains[host] = explained;
    if (!explained) continue;
    accusers.insert(accuser);
    sites.insert(site_of(host));
  }
  const std::size_t share = std::max(kMinAccusers, (circle.members + 2) / 3);
  if (accusers.size() < share || sites.size() < kMinSites) return;
  const auto change = standing_.shun(
      agent, fmt::format("{} members contradict it over {} unrelated origins", accusers.size(), sites.size()), now);
  if (change.gone && journal_ != nullptr) journal_->forget_shunned(*change.gone);
  if (!change.now) return;
  note(*change.now);
  outcome.shunned.push_back(agent);
}

// -- versions and origins ---------------------------------------------------------------------------------------------

bool Trust::may_share(const Digest& version, std::string_view url, WallTime now) const {
  return !condemned_.has(version, now) && !hosts_.not_constant(origin_of(url).host, now);
}

void Trust::condemn(const CondemnedVersions::Change& change, Outcome& outcome) {
  note(change.condemned);
  if (change.gone && journal_ != nullptr) journal_->forget_condemned(*change.gone);
  if (!change.fresh) return;
  outcome.condemned.push_back(change.condemned.version);
  // The roots of earlier own fetches become durable, so that a different answer of the origin is recognised later.
  for (const OwnRoot& root : own_roots_.of(change.condemned.version)) note(root);
}

void Trust::mark_host(const std::string& host, Outcome& outcome, WallTime now) {
  const auto mark = hosts_.mark(host, now);
  if (!mark) return;
  note(*mark);
  outcome.hosts.push_back(host);
  for (const Doubted& lifted : standing_.lift(site_of(host), now)) note(lifted);
}

// Marks the version's host as not constant if no single member explains all contradictions over the host and this agent
// takes part in one of them: the host then gives different bytes to different askers.
void Trust::look_at_host(const Digest& version, const Circle& circle, Outcome& outcome, WallTime now) {
  const auto origin = hosts_.of(version);
  if (!origin || hosts_.not_constant(origin->host, now)) return;
  if (!contradictions_.any_of(origin->host, circle.self, now)) return;
  // A member that is doubted over another site explains its own contradictions here.
  const auto discounted = [&, site = site_of(origin->host)](const AgentId& agent) {
    return standing_.doubted_elsewhere(agent, site, now);
  };
  if (!contradictions_.one_explains(origin->host, circle.self, now, discounted)) mark_host(origin->host, outcome, now);
}

bool Trust::tidy(WallTime now) {
  const auto members = standing_.tidy(now);
  const auto hosts = hosts_.tidy(now);
  const auto versions = condemned_.tidy(now);
  const auto old = contradictions_.tidy(now);
  if (journal_ != nullptr) {
    for (const AgentId& agent : members.shunned) journal_->forget_shunned(agent);
    for (const AgentId& agent : members.doubted) journal_->forget_doubted(agent);
    for (const std::string& host : hosts.forgotten) journal_->forget_host(host);
    for (const Contradiction& what : old) journal_->forget(what);
    for (const Digest& version : versions) {
      journal_->forget_condemned(version);
      journal_->forget_own_roots(version);
    }
  }
  return members.ended || hosts.ended || !versions.empty();
}

// -- belief -----------------------------------------------------------------------------------------------------------

Trust::Believed Trust::believe(const std::vector<Attestation>& offered, const Asked& asked, const Digest& group,
                               const Refused& refused, WallTime now) const {
  std::map<AgentId, std::map<Digest, const Attestation*>> said_by;
  std::size_t looked_at = 0;
  for (const Attestation& one : offered) {
    if (one.version != asked.version || one.size != asked.size || one.segment != asked.segment) continue;
    if (++looked_at > kMaxOffered) break;
    if (standing_.shunned(one.agent, now) || (refused && refused(one.agent))) continue;
    // Of an HTTPS URL only attestations by HTTPS count: a false attestation by plain HTTP would cost the liar next to
    // nothing.
    if (asked.https && one.transport != Transport::https) continue;
    if (standing_.doubted(one.agent, asked.https, now)) continue;
    const auto known = said_by.find(one.agent);
    if (known != said_by.end() && known->second.contains(one.root)) continue;
    if (check(one, group)) said_by[one.agent].emplace(one.root, &one);
  }
  Believed out;
  const Attestation* first = nullptr;
  std::size_t attesters = 0;
  for (const auto& [agent, roots] : said_by) {
    if (roots.size() > 1) continue;
    const Attestation* said = roots.begin()->second;
    if (first != nullptr && first->root != said->root) {
      out.contradiction = Evidence{*first, *said};
      return out;
    }
    first = said;
    ++attesters;
  }
  if (first != nullptr && attesters >= min_attesters_) out.root = first->root;
  return out;
}

// -- events -----------------------------------------------------------------------------------------------------------

void Trust::suspect(const std::vector<Attestation>& attested, const Digest& group) {
  std::set<Digest> versions;
  for (const Attestation& one : attested) {
    if (!check(one, group)) continue;
    add_suspicion(one);
    if (!versions.insert(one.version).second) continue;
    for (const OwnRoot& root : own_roots_.of(one.version)) note(root);
  }
}

void Trust::add_suspicion(const Attestation& attestation) {
  std::optional<Attestation> gone;
  if (!suspicions_.add(attestation, gone)) return;
  note(attestation);
  if (gone && journal_ != nullptr) journal_->forget(*gone);
}

void Trust::forget_suspicions_of(const Digest& version) {
  for (const Attestation& one : suspicions_.take_version(version)) {
    if (journal_ != nullptr) journal_->forget(one);
  }
}

// Records the roots of an own fetch. True: the origin gave this agent other bytes under this name before.
bool Trust::note_own(const std::vector<Attestation>& own, WallTime now) {
  bool two = false;
  const Digest& version = own.front().version;
  const bool durable = suspicions_.any_of(version) || condemned_.has(version, now);
  for (const Attestation& mine : own) {
    two = two || own_roots_.differs(mine.version, mine.segment, mine.root);
    const auto gone = own_roots_.keep(mine.version, mine.segment, mine.root);
    if (journal_ == nullptr) continue;
    for (const Digest& old : gone) journal_->forget_own_roots(old);
  }
  if (durable && !two) {
    for (const OwnRoot& root : own_roots_.of(version)) note(root);
  }
  return two;
}

// Called when the origin gave this agent itself two contents under one name: no member is blamed for another root.
void Trust::give_up_blame(const Digest& version, const Circle& circle, Outcome& outcome, WallTime now) {
  const bool fresh = !condemned_.own_two_roots(version, now);
  if (fresh) condemn(condemned_.condemn_own(version, now), outcome);
  forget_suspicions_of(version);
  const auto dropped = contradictions_.drop_if([&](const Contradiction& what) {
    return what.version == version && (what.one == circle.self || what.other == circle.self);
  });
  // Only the first time: the host may be constant from then on.
  if (const auto origin = hosts_.of(version); origin && fresh) mark_host(origin->host, outcome, now);
  if (journal_ == nullptr) return;
  for (const Contradiction& what : dropped) journal_->forget(what);
}

void Trust::judge_evidence(const Attestation& mine, std::vector<AgentId>& agreed, std::vector<Attestation>& against) {
  for (const Attestation& theirs : suspicions_.take_segment(mine.version, mine.size, SegmentIndex(mine.segment))) {
    // The own fetch settles the suspicion either way: it contradicts the attestation or confirms it.
    if (journal_ != nullptr) journal_->forget(theirs);
    if (theirs.agent == mine.agent) continue;
    if (theirs.root == mine.root) {
      agreed.push_back(theirs.agent);
    } else {
      against.push_back(theirs);
    }
  }
}

Trust::Outcome Trust::fetched(std::string_view url, const std::vector<Attestation>& own, const Circle& circle,
                              WallTime now) {
  Outcome outcome;
  if (own.empty()) return outcome;
  const Digest& version = own.front().version;
  know(version, url);
  if (note_own(own, now) || condemned_.own_two_roots(version, now)) {
    give_up_blame(version, circle, outcome, now);
    return outcome;
  }
  if (!suspicions_.any_of(version)) return outcome;
  std::vector<AgentId> agreed, blamed;
  for (const Attestation& mine : own) {
    std::vector<Attestation> against;
    judge_evidence(mine, agreed, against);
    for (const Attestation& theirs : against) {
      if (holds(blamed, theirs.agent)) continue;  // once for each version: further segments prove no more
      blamed.push_back(theirs.agent);
      outcome.evidence.push_back({theirs, mine});
      contradicted_here({theirs, mine}, theirs.agent, circle, outcome, now);
    }
  }
  for (const AgentId& agent : agreed) {
    if (holds(blamed, agent)) continue;
    if (const auto changed = condemned_.clear(version, agent)) note(*changed);
    if (const auto heard = standing_.bear_out(agent, now)) note(*heard);
  }
  return outcome;
}

bool Trust::is_https(const Said& said) const {
  const auto origin = hosts_.of(said.one.version);
  const bool by_url = !origin || origin->https;
  return by_url && said.one.transport == Transport::https && said.other.transport == Transport::https;
}

bool Trust::add_contradiction(const Said& said, WallTime now) {
  Contradiction what;
  what.one = said.one.agent;
  what.other = said.other.agent;
  what.version = said.one.version;
  what.https = is_https(said);
  if (const auto origin = hosts_.of(what.version)) what.host = origin->host;
  what.at = now;
  what.one_said = from_seconds(said.one.at_s);
  what.other_said = from_seconds(said.other.at_s);
  if (what.other < what.one) {  // the order in which it is kept: the journal's row must be found again
    std::swap(what.one, what.other);
    std::swap(what.one_said, what.other_said);
  }
  std::optional<Contradiction> gone;
  if (!contradictions_.add(what, gone)) return false;
  note(what);
  if (gone && journal_ != nullptr) journal_->forget(*gone);
  return true;
}

// Handles a contradiction with this agent's own fetch.
void Trust::contradicted_here(const Said& said, const AgentId& agent, const Circle& circle, Outcome& outcome,
                              WallTime now) {
  const Digest& version = said.one.version;
  add_contradiction(said, now);
  condemn(condemned_.condemn(version, agent, {}, now), outcome);
  look_at_host(version, circle, outcome, now);
  const auto origin = hosts_.of(version);
  const bool inconstant = origin && hosts_.not_constant(origin->host, now);
  if (!inconstant) {
    doubt(agent, DoubtReason::contradicted_here, is_https(said), origin ? site_of(origin->host) : std::string(),
          outcome, now);
  }
  weigh(agent, circle, outcome, now);
}

// Doubts members that condemned too many versions. Of the two, the one that contradicts more different members is more
// likely wrong; with equal numbers both may be doubted.
void Trust::not_heard_for_a_while(const Said& said, Outcome& outcome, WallTime now) {
  const auto others = [&](const AgentId& agent) {
    return contradictions_.counterparts(agent, now, CondemnedVersions::kCounted);
  };
  const std::size_t of_one = others(said.one.agent), of_other = others(said.other.agent);
  for (const auto& [agent, mine, theirs] :
       {std::tuple(said.one.agent, of_one, of_other), std::tuple(said.other.agent, of_other, of_one)}) {
    const bool full = condemned_.by(agent, now) >= CondemnedVersions::kMaxByOne;
    if (full && mine >= theirs) doubt(agent, DoubtReason::contradicts_too_much, true, {}, outcome, now);
  }
}

// Handles a contradiction between two other members.
void Trust::contradicted_there(const Said& said, const Circle& circle, Outcome& outcome, WallTime now) {
  const Digest& version = said.one.version;
  const bool https = is_https(said);
  const auto unheard = [&](const AgentId& agent) { return standing_.doubted(agent, https, now); };
  add_contradiction(said, now);
  if (!unheard(said.one.agent) && !unheard(said.other.agent) && !condemned_.has(version, now)) {
    const auto full = [&](const AgentId& agent) { return condemned_.by(agent, now) >= CondemnedVersions::kMaxByOne; };
    if (full(said.one.agent) || full(said.other.agent)) {
      not_heard_for_a_while(said, outcome, now);
    } else {
      condemn(condemned_.condemn(version, said.one.agent, said.other.agent, now), outcome);
    }
  }
  if (condemned_.has(version, now) && !condemned_.own_two_roots(version, now)) {
    add_suspicion(said.one);  // the next own fetch settles both
    add_suspicion(said.other);
  }
  look_at_host(version, circle, outcome, now);
  weigh(said.one.agent, circle, outcome, now);
  weigh(said.other.agent, circle, outcome, now);
}

Result<Trust::Outcome> Trust::receive(const Evidence& evidence, const Circle& circle, WallTime now) {
  const AgentId& one = evidence.accused.agent;
  const AgentId& other = evidence.accuser.agent;
  const Digest& version = evidence.accused.version;
  // A known contradiction is not checked again: that would cost two signature checks.
  if (contradictions_.is_known(one, other, version)) return Outcome{};
  if (Status valid = check_evidence(evidence, circle.group); !valid) return tl::unexpected(valid.error());
  Outcome outcome;
  for (const AgentId& agent : {one, other}) {
    if (agent == circle.self) continue;
    if (standing_.shunned(agent, now) || (circle.refused && circle.refused(agent))) return outcome;
    // Statements from before a pardon or a shunning may be sent again.
    const Attestation& against = agent == one ? evidence.accuser : evidence.accused;
    if (from_seconds(against.at_s) <= standing_.counts_from(agent) && condemned_.has(version, now)) return outcome;
  }
  const Said said{evidence.accused, evidence.accuser};
  if (one != circle.self && other != circle.self) {
    contradicted_there(said, circle, outcome, now);
    return outcome;
  }
  if (condemned_.own_two_roots(version, now)) return outcome;
  const AgentId& theirs = one == circle.self ? other : one;
  if (standing_.doubted(theirs, is_https(said), now)) {
    // A doubted member cannot have this agent's versions condemned, one after the other.
    add_contradiction(said, now);
    weigh(theirs, circle, outcome, now);
  } else {
    contradicted_here(said, theirs, circle, outcome, now);
  }
  return outcome;
}

}  // namespace larder::peer
