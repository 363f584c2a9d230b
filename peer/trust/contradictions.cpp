#include "peer/trust/contradictions.h"

#include <algorithm>

namespace larder::peer {
namespace {

bool recent(const Contradiction& what, WallTime now, Duration within) {
  return what.at <= now && now - what.at < within;
}

}  // namespace

bool Contradictions::is_known(const AgentId& a, const AgentId& b, const Digest& version) const {
  return all_.contains({std::min(a, b), std::max(a, b), version});
}

bool Contradictions::add(Contradiction what, std::optional<Contradiction>& gone) {
  if (what.other < what.one) {
    std::swap(what.one, what.other);
    std::swap(what.one_said, what.other_said);
  }
  const Key key{what.one, what.other, what.version};
  if (what.one == what.other || all_.contains(key)) return false;
  const auto pair = of_pair_.find({what.one, what.other});
  if (pair != of_pair_.end() && pair->second.size() >= kMaxOfPair) {
    remove(by_order_.at(*pair->second.begin()), gone);
  } else if (full(what.one) || full(what.other)) {
    return false;
  } else if (all_.size() >= kMax) {
    remove(Key(by_order_.begin()->second), gone);
  }
  by_order_[++last_order_] = key;
  of_one_[what.one].insert(last_order_);
  of_one_[what.other].insert(last_order_);
  of_pair_[{what.one, what.other}].insert(last_order_);
  all_[key] = {std::move(what), last_order_};
  return true;
}

bool Contradictions::full(const AgentId& agent) const {
  const auto orders = of_one_.find(agent);
  return orders != of_one_.end() && orders->second.size() >= kMaxOfOne;
}

void Contradictions::remove(Key key, std::optional<Contradiction>& gone) {
  gone = all_.at(key).what;
  erase(key);
}

void Contradictions::erase(const Key& key) {
  const auto found = all_.find(key);
  const Contradiction& what = found->second.what;
  for (const AgentId& agent : {what.one, what.other}) {
    const auto orders = of_one_.find(agent);
    orders->second.erase(found->second.order);
    if (orders->second.empty()) of_one_.erase(orders);
  }
  const auto pair = of_pair_.find({what.one, what.other});
  pair->second.erase(found->second.order);
  if (pair->second.empty()) of_pair_.erase(pair);
  by_order_.erase(found->second.order);
  all_.erase(found);
}

std::vector<Contradiction> Contradictions::of(const AgentId& agent, WallTime now) const {
  std::vector<Contradiction> out;
  const auto orders = of_one_.find(agent);
  if (orders == of_one_.end()) return out;
  for (const std::uint64_t order : orders->second) {
    const Contradiction& what = all_.at(by_order_.at(order)).what;
    if (recent(what, now, kFor)) out.push_back(what);
  }
  return out;
}

std::size_t Contradictions::counterparts(const AgentId& agent, WallTime now, Duration within) const {
  std::set<AgentId> others;
  for (const Contradiction& what : of(agent, now)) {
    if (recent(what, now, within)) others.insert(what.one == agent ? what.other : what.one);
  }
  return others.size();
}

bool Contradictions::one_explains(const std::string& host, const AgentId& self, WallTime now,
                                  const std::function<bool(const AgentId&)>& discounted) const {
  std::optional<std::set<AgentId>> candidates;
  for (const auto& [key, kept] : all_) {
    const Contradiction& what = kept.what;
    if (what.host != host || !recent(what, now, kFor)) continue;
    if (discounted && (discounted(what.one) || discounted(what.other))) continue;
    std::set<AgentId> these{what.one, what.other};
    these.erase(self);
    if (!candidates) {
      candidates = std::move(these);
    } else {
      std::erase_if(*candidates, [&](const AgentId& agent) { return !these.contains(agent); });
    }
  }
  return !candidates || !candidates->empty();
}

bool Contradictions::any_of(const std::string& host, const AgentId& self, WallTime now) const {
  const auto own = of(self, now);
  return std::any_of(own.begin(), own.end(), [&](const Contradiction& what) { return what.host == host; });
}

std::vector<Contradiction> Contradictions::drop_if(const std::function<bool(const Contradiction&)>& which) {
  std::vector<Contradiction> dropped;
  for (const auto& [key, kept] : all_) {
    if (which(kept.what)) dropped.push_back(kept.what);
  }
  for (const Contradiction& what : dropped) erase({what.one, what.other, what.version});
  return dropped;
}

std::vector<Contradiction> Contradictions::tidy(WallTime now) {
  return drop_if([now](const Contradiction& what) { return what.at > now || now - what.at >= kFor; });
}

void Contradictions::forget_all() {
  all_.clear();
  by_order_.clear();
  of_one_.clear();
  of_pair_.clear();
}

}  // namespace larder::peer
