#include "peer/trust.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/units.h"

namespace larder::peer {
namespace {

constexpr std::size_t kAccusersNeeded = 2;
constexpr std::string_view kReadEvidence = "read evidence against an agent";

bool same_segment(const Attestation& a, const Attestation& b) {
  return a.version == b.version && a.size == b.size && a.segment == b.segment;
}

std::string detail_of(ShunReason reason, const Digest* version) {
  switch (reason) {
    case ShunReason::contradicted_here:
      return "attested another root than this agent fetched, version " + to_hex(*version);
    case ShunReason::contradicted_by_two:
      return "attested other roots than two agents fetched, lately of version " + to_hex(*version);
    case ShunReason::sent_bad_blocks:
      return "sent blocks that do not match their hashes";
  }
  return {};
}

WallTime from_seconds(std::uint64_t seconds) {
  constexpr std::uint64_t kLast = static_cast<std::uint64_t>(INT64_MAX) / 1'000'000'000;
  return WallTime(std::chrono::seconds(static_cast<std::int64_t>(std::min(seconds, kLast))));
}

bool in_force(const Shunned& shunned, WallTime now) {
  return now < shunned.until;
}

// Who may go first when there is no room: what was over, then bad blocks, then the oldest.
auto goes_first(const Shunned& shunned, WallTime now) {
  return std::tuple(in_force(shunned, now), shunned.reason != ShunReason::sent_bad_blocks, shunned.since);
}

}  // namespace

std::vector<std::byte> encode_evidence(const Evidence& evidence) {
  return encode_attestations({evidence.accused, evidence.accuser});
}

Result<Evidence> decode_evidence(Bytes bytes) {
  if (bytes.size() != kEvidenceSize) {
    return fail(ErrorCode::bad_response, std::string(kReadEvidence),
                std::to_string(bytes.size()) + " bytes are not two attestations");
  }
  const auto both = decode_attestations(bytes);
  if (!both) return tl::unexpected(both.error());
  return Evidence{both->front(), both->back()};
}

Status check_evidence(const Evidence& evidence, const Digest& group) {
  const auto invalid = [](std::string why) {
    return fail(ErrorCode::bad_response, std::string(kReadEvidence), std::move(why));
  };
  const auto& [accused, accuser] = evidence;
  if (accused.agent == accuser.agent) return invalid("accused and accuser are one");
  if (!same_segment(accused, accuser)) return invalid("the two statements are about different things");
  if (accused.root == accuser.root) return invalid("the two statements agree");
  if (!check(accused, group)) return invalid("the accused did not sign what is held against it");
  if (!check(accuser, group)) return invalid("the accuser did not sign its statement");
  return {};
}

Trust::Trust(std::size_t min_attesters) : min_attesters_(std::max<std::size_t>(1, min_attesters)) {}

void Trust::set_min_attesters(std::size_t count) {
  min_attesters_ = std::max<std::size_t>(1, count);
}

void Trust::restore(TrustState state, WallTime now) {
  TrustJournal* journal = std::exchange(journal_, nullptr);  // it knows all of this
  for (const Pardon& pardon : state.pardons) add_pardon(pardon);
  for (Shunned& one : state.shunned) {
    if (!in_force(one, now) || shunned_.size() >= kMaxShunned) continue;
    const AgentId agent = one.agent;
    shunned_.emplace(agent, std::move(one));  // what was found out since is newer
  }
  for (const Attestation& attestation : state.suspected) add_suspicion(attestation);
  for (const Accusation& accusation : state.accusations) add_accusation(accusation);
  journal_ = journal;
}

void Trust::forget_all() {
  shunned_.clear();
  pardons_.clear();
  suspected_.clear();
  accusations_.clear();
  by_order_.clear();
  accused_by_.clear();
  if (journal_ != nullptr) journal_->forget_all();
}

bool Trust::shunned(const AgentId& agent, WallTime now) const {
  const auto found = shunned_.find(agent);
  return found != shunned_.end() && in_force(found->second, now);
}

std::vector<Shunned> Trust::all_shunned(WallTime now) const {
  std::vector<Shunned> result;
  for (const auto& [agent, one] : shunned_) {
    if (in_force(one, now)) result.push_back(one);
  }
  return result;
}

void Trust::pardon(const AgentId& agent, WallTime now) {
  if (shunned_.erase(agent) > 0 && journal_ != nullptr) journal_->forget_shunned(agent);
  drop_accusations_against(agent);
  add_pardon({agent, now});
}

void Trust::add_pardon(const Pardon& pardon) {
  if (pardons_.size() >= kMaxShunned && !pardons_.contains(pardon.agent)) {
    const auto oldest = std::min_element(pardons_.begin(), pardons_.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (journal_ != nullptr) journal_->forget_pardon(oldest->first);
    pardons_.erase(oldest);
  }
  pardons_[pardon.agent] = pardon.at;
  if (journal_ != nullptr) journal_->keep(pardon);
}

std::optional<Digest> Trust::believe(const std::vector<Attestation>& offered, const Digest& version, std::uint64_t size,
                                     std::uint64_t segment, const Digest& group, const Refused& refused,
                                     WallTime now) const {
  std::map<AgentId, std::set<Digest>> roots_of;
  std::size_t looked_at = 0;
  for (const Attestation& one : offered) {
    if (one.version != version || one.size != size || one.segment != segment) continue;
    if (++looked_at > kMaxOffered) break;
    if (shunned(one.agent, now) || (refused && refused(one.agent))) continue;
    const auto known = roots_of.find(one.agent);
    if (known != roots_of.end() && known->second.contains(one.root)) continue;
    if (check(one, group)) roots_of[one.agent].insert(one.root);
  }
  std::optional<Digest> root;
  std::size_t attesters = 0;
  for (const auto& [agent, roots] : roots_of) {
    if (roots.size() > 1) continue;
    if (root && *root != *roots.begin()) return std::nullopt;
    root = *roots.begin();
    ++attesters;
  }
  if (attesters < min_attesters_) return std::nullopt;
  return root;
}

void Trust::suspect(const std::vector<Attestation>& attested, const Digest& group) {
  for (const Attestation& one : attested) {
    if (check(one, group)) add_suspicion(one);
  }
}

void Trust::add_suspicion(const Attestation& attestation) {
  const bool known = std::any_of(suspected_.begin(), suspected_.end(), [&](const Attestation& one) {
    return one.agent == attestation.agent && same_segment(one, attestation) && one.root == attestation.root;
  });
  if (known) return;
  if (suspected_.size() >= kMaxSuspicions) drop_oldest_suspicion();
  suspected_.push_back(attestation);
  if (journal_ != nullptr) journal_->keep(attestation);
}

void Trust::drop_oldest_suspicion() {
  if (journal_ != nullptr) journal_->forget(suspected_.front());
  suspected_.erase(suspected_.begin());
}

Trust::Outcome Trust::fetched(const std::vector<Attestation>& own, WallTime now) {
  Outcome outcome;
  if (suspected_.empty()) return outcome;
  using Segment = std::tuple<Digest, std::uint64_t, std::uint64_t>;
  std::map<Segment, const Attestation*> mine_of;
  for (const Attestation& mine : own) mine_of[{mine.version, mine.size, mine.segment}] = &mine;
  std::vector<Attestation> open;
  for (const Attestation& theirs : suspected_) {
    const auto found = mine_of.find({theirs.version, theirs.size, theirs.segment});
    if (found == mine_of.end()) {
      open.push_back(theirs);
      continue;
    }
    // Either way it is settled: proven wrong, or what the origin gives is what was judged bad.
    if (journal_ != nullptr) journal_->forget(theirs);
    const Attestation& mine = *found->second;
    if (theirs.root == mine.root || theirs.agent == mine.agent) continue;
    outcome.evidence.push_back({theirs, mine});
    if (shun(theirs.agent, ShunReason::contradicted_here, now, &mine.version)) outcome.shunned.push_back(theirs.agent);
  }
  suspected_ = std::move(open);
  return outcome;
}

Result<Trust::Outcome> Trust::receive(const Evidence& evidence, const AgentId& self, const Digest& group, WallTime now,
                                      const Refused& refused) {
  const AgentId accused = evidence.accused.agent;
  const AgentId accuser = evidence.accuser.agent;
  // What is known already costs no signature check to hear again.
  if (accusations_.contains({accused, accuser})) return weigh(accused, evidence.accused.version, now);
  if (Status valid = check_evidence(evidence, group); !valid) return tl::unexpected(valid.error());
  if (accused == self || accuser == self) return Outcome{};
  if (refused && (refused(accused) || refused(accuser))) return Outcome{};
  if (shunned(accuser, now)) return Outcome{};
  const auto pardoned = pardons_.find(accused);
  if (pardoned != pardons_.end() && from_seconds(evidence.accuser.at_s) <= pardoned->second) return Outcome{};
  if (!add_accusation({accused, accuser, evidence.accused.version, now})) return Outcome{};
  return weigh(accused, evidence.accused.version, now);
}

Trust::Outcome Trust::weigh(const AgentId& accused, const Digest& version, WallTime now) {
  Outcome outcome;
  if (accusers_of(accused, now) < kAccusersNeeded) return outcome;
  if (shun(accused, ShunReason::contradicted_by_two, now, &version)) outcome.shunned.push_back(accused);
  return outcome;
}

bool Trust::sent_bad_block(const AgentId& agent, WallTime now) {
  return shun(agent, ShunReason::sent_bad_blocks, now, nullptr);
}

// Whether that is new. Bad blocks again only lengthen the hour; a contradiction holds for good.
bool Trust::shun(const AgentId& agent, ShunReason reason, WallTime now, const Digest* version) {
  const bool for_good = reason != ShunReason::sent_bad_blocks;
  const auto found = shunned_.find(agent);
  const bool before = found != shunned_.end() && in_force(found->second, now);
  const bool before_for_good = before && found->second.reason != ShunReason::sent_bad_blocks;
  if (before_for_good) return false;
  if (found == shunned_.end()) make_room_for_shun(now);
  Shunned& shunned = shunned_[agent];
  if (!before || for_good) shunned.since = now;
  shunned.agent = agent;
  shunned.reason = reason;
  shunned.until = for_good ? WallTime::max() : now + kBadBlocks;
  shunned.detail = detail_of(reason, version);
  if (journal_ != nullptr) journal_->keep(shunned);
  return !before || for_good;
}

void Trust::make_room_for_shun(WallTime now) {
  if (shunned_.size() < kMaxShunned) return;
  const auto gone = std::min_element(shunned_.begin(), shunned_.end(), [now](const auto& a, const auto& b) {
    return goes_first(a.second, now) < goes_first(b.second, now);
  });
  if (journal_ != nullptr) journal_->forget_shunned(gone->first);
  shunned_.erase(gone);
}

bool Trust::add_accusation(const Accusation& accusation) {
  const Pair pair{accusation.accused, accusation.accuser};
  if (accusations_.contains(pair)) return false;
  const auto count = accused_by_.find(accusation.accuser);
  if (count != accused_by_.end() && count->second >= kMaxAccused) return false;
  if (accusations_.size() >= kMaxEvidence) drop_accusation(Pair(by_order_.begin()->second));
  accusations_[pair] = {accusation, ++last_order_};
  by_order_[last_order_] = pair;
  ++accused_by_[accusation.accuser];
  if (journal_ != nullptr) journal_->keep(accusation);
  return true;
}

void Trust::drop_accusation(const Pair& pair) {
  const auto found = accusations_.find(pair);
  if (journal_ != nullptr) journal_->forget(found->second.accusation);
  by_order_.erase(found->second.order);
  if (--accused_by_.at(pair.second) == 0) accused_by_.erase(pair.second);
  accusations_.erase(found);
}

void Trust::drop_accusations_against(const AgentId& agent) {
  while (true) {
    const auto first = accusations_.lower_bound({agent, AgentId{}});
    if (first == accusations_.end() || first->first.first != agent) return;
    drop_accusation(Pair(first->first));
  }
}

// Different ones that are themselves to be believed.
std::size_t Trust::accusers_of(const AgentId& agent, WallTime now) const {
  std::size_t count = 0;
  for (auto at = accusations_.lower_bound({agent, AgentId{}}); at != accusations_.end() && at->first.first == agent;
       ++at) {
    if (!shunned(at->first.second, now)) ++count;
  }
  return count;
}

}  // namespace larder::peer
