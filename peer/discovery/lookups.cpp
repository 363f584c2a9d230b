#include "peer/discovery/lookups.h"

#include <algorithm>
#include <limits>

#include "peer/common/seconds.h"

namespace larder::peer {
namespace {

constexpr auto kNever = SteadyTime::max();
constexpr std::uint16_t kEverybody = std::numeric_limits<std::uint16_t>::max();

// Returns the least number of complete holders over all keys.
std::size_t complete_of_each(const std::vector<Holder>& holders, std::size_t keys) {
  std::size_t least = holders.size();
  for (std::size_t key = 0; key < keys; ++key) {
    const auto of_key = std::count_if(holders.begin(), holders.end(), [key](const Holder& holder) {
      return holder.item.key == key && holder.item.complete;
    });
    least = std::min(least, static_cast<std::size_t>(of_key));
  }
  return least;
}

}  // namespace

std::uint32_t Lookups::ask(std::vector<AskKey> keys, std::vector<Askable> around, SteadyTime now, Answered answered) {
  if (around.empty() || keys.empty() || queries_.size() >= kMaxQueries) {
    answered({});
    return 0;
  }
  std::uint32_t number = 0;
  while (number == 0 || queries_.contains(number)) number = static_cast<std::uint32_t>(random_.next());
  keys.resize(std::min(keys.size(), kMaxAskKeys));
  const bool small = around.size() <= kSmallGroup;
  Query query;
  query.ask = Ask{number, small ? kEverybody : threshold_for(around.size(), kWantedAnswers), small, std::move(keys)};
  query.wanted = std::min(kWantedAnswers, around.size());
  query.asked_at = now;
  query.again_at = now + stretched(small ? kAgainAfter : kWidenAfter);
  query.done_at = now + stretched(kGiveUpAfter);
  query.answered = std::move(answered);
  for (const Askable& each : around) {
    if (!each.multicast) query.unicast.push_back(each.at);
    if (small && each.prompt) query.waited.emplace(each.agent, each);
  }
  // No peer counts as prompt: the others get a short time to answer.
  if (small && query.waited.empty()) query.done_at = now + stretched(kWidenAfter);
  send(query);
  queries_.emplace(number, std::move(query));
  return number;
}

Duration Lookups::stretched(Duration time) const {
  const double times = answer_seconds_ / seconds(kUsual);
  return std::chrono::duration_cast<Duration>(time * std::clamp(times, 1.0, kMostStretch));
}

void Lookups::send(const Query& query) {
  outgoing_.push_back({std::nullopt, query.ask});
  for (const Endpoint& to : query.unicast) outgoing_.push_back({to, query.ask});
}

void Lookups::receive(const AgentId& sender, const Have& have, SteadyTime now) {
  const auto found = queries_.find(have.query);
  if (found == queries_.end() || !found->second.heard.insert(sender).second) return;
  Query& query = found->second;
  const double took = seconds(now - query.asked_at);
  answer_seconds_ += (took - answer_seconds_) / 16;
  query.waited.erase(sender);
  for (const HaveItem& item : have.items) {
    if (item.key < query.ask.keys.size()) query.holders.push_back(Holder{sender, have.load, item});
  }
  settle(have.query, query, now);
}

void Lookups::on_agent_gone(const AgentId& agent, SteadyTime now) {
  std::vector<std::uint32_t> concerned;
  for (auto& [number, query] : queries_) {
    if (query.waited.erase(agent) != 0) concerned.push_back(number);
  }
  for (const std::uint32_t number : concerned) {
    if (const auto found = queries_.find(number); found != queries_.end()) settle(number, found->second, now);
  }
}

// Decides after an answer, or after the loss of an awaited peer, whether the query is done or when.
void Lookups::settle(std::uint32_t number, Query& query, SteadyTime now) {
  if (query.ask.want_none && query.waited.empty()) return finish(number);
  if (query.holders.empty()) return;
  const std::size_t complete = complete_of_each(query.holders, query.ask.keys.size());
  if (complete == 0) {
    // In a small group all peers will answer. In a large one they may stay silent, so the wait is short.
    if (!query.ask.want_none) query.done_at = std::min(query.done_at, now + stretched(kLingerPartial));
    return;
  }
  if (query.heard.size() >= query.wanted) return finish(number);
  const bool alone = query.ask.want_none && complete == 1;
  query.done_at = std::min(query.done_at, now + (alone ? stretched(kLingerAlone) : kLingerComplete));
}

void Lookups::again(Query& query, SteadyTime now) {
  if (query.ask.want_none) {
    // By unicast: only a few datagrams were lost.
    for (const auto& [agent, askable] : query.waited) {
      if (second_tries_.take_token(now)) outgoing_.push_back({askable.at, query.ask});
    }
    query.again_at = ++query.tries < kMaxTries ? now + stretched(kAgainAfter) * query.tries : kNever;
    return;
  }
  query.again_at = kNever;
  if (!query.holders.empty()) return;
  query.ask.threshold = kEverybody;
  query.done_at = std::min(query.done_at, now + stretched(kSilenceAfter));
  send(query);
}

void Lookups::tick(SteadyTime now) {
  std::vector<std::uint32_t> over;
  for (auto& [number, query] : queries_) {
    if (now >= query.done_at) {
      over.push_back(number);
    } else if (now >= query.again_at) {
      again(query, now);
    }
  }
  for (const std::uint32_t number : over) {
    const auto found = queries_.find(number);
    if (found == queries_.end()) continue;  // cancelled in another query's callback
    // Peers that were asked kMaxTries times are silent. A query that is done early says nothing about the rest.
    if (found->second.tries >= kMaxTries) {
      for (const auto& [agent, askable] : found->second.waited) silent_.insert(agent);
    }
    finish(number);
  }
}

void Lookups::finish(std::uint32_t number) {
  const auto found = queries_.find(number);
  if (found == queries_.end()) return;
  Answered answered = std::move(found->second.answered);
  std::vector<Holder> holders = std::move(found->second.holders);
  queries_.erase(found);
  answered(std::move(holders));
}

SteadyTime Lookups::next_wakeup() const {
  SteadyTime next = kNever;
  for (const auto& [number, query] : queries_) next = std::min({next, query.again_at, query.done_at});
  return next;
}

}  // namespace larder::peer
