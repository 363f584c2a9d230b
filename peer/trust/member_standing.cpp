#include "peer/trust/member_standing.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace larder::peer {
namespace {

bool in_force(const Shunned& shunned, WallTime now) {
  return shunned.spell.in_force(now, MemberStanding::kLongestShun);
}
bool in_force(const Doubted& doubted, WallTime now) {
  return doubted.spell.in_force(now, MemberStanding::kLongestDoubt);
}

// Returns the sort key of the one that makes room: ended spells first, then those for bad blocks (those for plain HTTP
// alone), then those that began first.
auto goes_first(const Shunned& shunned, WallTime now) {
  return std::tuple(in_force(shunned, now), shunned.reason != ShunReason::sent_bad_blocks, shunned.spell.since);
}
auto goes_first(const Doubted& doubted, WallTime now) {
  return std::tuple(in_force(doubted, now), doubted.https, doubted.spell.since);
}

template <class T>
std::optional<AgentId> make_room(std::map<AgentId, T>& all, const AgentId& for_agent, WallTime now) {
  if (all.size() < MemberStanding::kMax || all.contains(for_agent)) return std::nullopt;
  const auto gone = std::min_element(all.begin(), all.end(), [now](const auto& a, const auto& b) {
    return goes_first(a.second, now) < goes_first(b.second, now);
  });
  const AgentId agent = gone->first;
  all.erase(gone);
  return agent;
}

template <class T>
std::vector<T> all_in_force(const std::map<AgentId, T>& all, WallTime now) {
  std::vector<T> out;
  for (const auto& [agent, one] : all) {
    if (in_force(one, now)) out.push_back(one);
  }
  return out;
}

}  // namespace

bool MemberStanding::shunned(const AgentId& agent, WallTime now) const {
  const auto found = shunned_.find(agent);
  return found != shunned_.end() && in_force(found->second, now);
}

bool MemberStanding::doubted(const AgentId& agent, bool https, WallTime now) const {
  const auto found = doubted_.find(agent);
  return found != doubted_.end() && in_force(found->second, now) && (found->second.https || !https);
}

bool MemberStanding::doubted_elsewhere(const AgentId& agent, const std::string& site, WallTime now) const {
  const auto found = doubted_.find(agent);
  return found != doubted_.end() && in_force(found->second, now) && found->second.site != site;
}

std::vector<Shunned> MemberStanding::all_shunned(WallTime now) const {
  return all_in_force(shunned_, now);
}

std::vector<Doubted> MemberStanding::all_doubted(WallTime now) const {
  return all_in_force(doubted_, now);
}

MemberStanding::Change<Shunned> MemberStanding::sent_bad_blocks(const AgentId& agent, WallTime now) {
  const auto found = shunned_.find(agent);
  const bool before = found != shunned_.end() && in_force(found->second, now);
  if (before && found->second.reason != ShunReason::sent_bad_blocks) return {};
  Change<Shunned> change{std::nullopt, !before, make_room(shunned_, agent, now)};
  Shunned& one = shunned_[agent];
  one.agent = agent;
  one.reason = ShunReason::sent_bad_blocks;
  if (!before) one.spell.since = now;
  one.spell.until = now + kBadBlocks;
  one.detail = "sent blocks that do not match their hashes";
  change.now = one;
  return change;
}

MemberStanding::Change<Shunned> MemberStanding::shun(const AgentId& agent, std::string detail, WallTime now) {
  const auto found = shunned_.find(agent);
  const bool before = found != shunned_.end() && in_force(found->second, now);
  if (before && found->second.reason == ShunReason::contradicted_by_group) return {};
  Change<Shunned> change{std::nullopt, true, make_room(shunned_, agent, now)};
  Shunned& one = shunned_[agent];
  one.agent = agent;
  one.reason = ShunReason::contradicted_by_group;
  one.detail = std::move(detail);
  one.spell.begin(now, kFirstShun, kLongestShun);
  change.now = one;
  return change;
}

MemberStanding::Change<Doubted> MemberStanding::doubt(const AgentId& agent, DoubtReason reason, bool https,
                                                      const std::string& site, WallTime now) {
  Change<Doubted> change;
  const auto found = doubted_.find(agent);
  const bool known = found != doubted_.end() && found->second.spell.remembered(now, kLongestDoubt);
  const bool before = known && in_force(found->second, now);
  const bool wider = known && https && !found->second.https;
  const bool elsewhere = known && !found->second.site.empty() && found->second.site != site;
  const bool proven = known && reason == DoubtReason::contradicted_here && found->second.reason != reason;
  if (before && !wider && !elsewhere && !proven) return change;
  change.gone = make_room(doubted_, agent, now);
  Doubted& one = doubted_[agent];
  one.agent = agent;
  one.site = !known ? site : (one.site == site ? site : std::string());
  one.https = https || (before && one.https);
  if (!before || proven) one.reason = reason;
  // More contradictions do not extend a doubt while it holds: statements from before it may arrive late.
  if (!before) one.spell.begin(now, kFirstDoubt, kLongestDoubt);
  change.fresh = !before || wider;
  change.now = one;
  return change;
}

std::vector<Doubted> MemberStanding::lift(const std::string& site, WallTime now) {
  std::vector<Doubted> changed;
  for (auto& [agent, one] : doubted_) {
    if (site.empty() || one.site != site || !in_force(one, now)) continue;
    one.spell.until = now;  // the site stays remembered
    changed.push_back(one);
  }
  return changed;
}

std::optional<Doubted> MemberStanding::bear_out(const AgentId& agent, WallTime now) {
  const auto found = doubted_.find(agent);
  if (found == doubted_.end() || !in_force(found->second, now)) return std::nullopt;
  Doubted& one = found->second;
  if (one.reason != DoubtReason::contradicts_too_much) return std::nullopt;
  one.spell.until = now;
  --one.spell.times;  // the spell does not count
  return one;
}

MemberStanding::Pardoned MemberStanding::pardon(const AgentId& agent, WallTime now) {
  Pardoned out;
  out.any = shunned(agent, now) || doubted(agent, false, now);
  shunned_.erase(agent);
  doubted_.erase(agent);
  if (pardons_.size() >= kMax && !pardons_.contains(agent)) {
    const auto oldest = std::min_element(pardons_.begin(), pardons_.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
    out.gone = oldest->first;
    pardons_.erase(oldest);
  }
  pardons_[agent] = now;
  return out;
}

WallTime MemberStanding::counts_from(const AgentId& agent) const {
  WallTime from{};
  if (const auto found = pardons_.find(agent); found != pardons_.end()) from = found->second;
  const auto found = shunned_.find(agent);
  const bool by_group = found != shunned_.end() && found->second.reason == ShunReason::contradicted_by_group;
  return by_group ? std::max(from, found->second.spell.since) : from;
}

void MemberStanding::restore(Shunned shunned, WallTime now) {
  if (shunned_.size() >= kMax) return;
  if (!in_force(shunned, now) && !shunned.spell.remembered(now, kLongestShun)) return;
  const AgentId agent = shunned.agent;
  shunned_.emplace(agent, std::move(shunned));  // not over an entry of this run, which is newer
}

void MemberStanding::restore(Doubted doubted, WallTime now) {
  if (doubted_.size() >= kMax || !doubted.spell.remembered(now, kLongestDoubt)) return;
  const AgentId agent = doubted.agent;
  doubted_.emplace(agent, std::move(doubted));
}

void MemberStanding::restore(const Pardon& pardon) {
  if (pardons_.size() < kMax) pardons_.emplace(pardon.agent, pardon.at);
}

MemberStanding::Tidied MemberStanding::tidy(WallTime now) {
  Tidied out;
  const WallTime before = std::exchange(tidied_, now);
  const auto ended = [&](const Spell& spell) {
    return before != WallTime{} && spell.until > before && spell.until <= now;
  };
  std::erase_if(shunned_, [&](const auto& item) {
    const Spell& spell = item.second.spell;
    out.ended = out.ended || ended(spell);
    const bool over = !in_force(item.second, now) && !spell.remembered(now, kLongestShun);
    if (over) out.shunned.push_back(item.first);
    return over;
  });
  std::erase_if(doubted_, [&](const auto& item) {
    const Spell& spell = item.second.spell;
    out.ended = out.ended || ended(spell);
    const bool over = !spell.remembered(now, kLongestDoubt);
    if (over) out.doubted.push_back(item.first);
    return over;
  });
  return out;
}

void MemberStanding::forget_all() {
  shunned_.clear();
  doubted_.clear();
  pardons_.clear();
}

}  // namespace larder::peer
