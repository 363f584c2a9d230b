#include "peer/reach/reach_book.h"

#include <fmt/format.h>

#include <algorithm>

namespace larder::peer {
namespace {

constexpr std::array kPorts = {ReachPort::catalogue, ReachPort::swarm};

}  // namespace

ReachBook::Entry& ReachBook::entry(const AgentId& agent, SteadyTime now) {
  if (!entries_.contains(agent) && entries_.size() >= kMaxAgents) {
    entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return a.second.looked_at < b.second.looked_at;
    }));
  }
  Entry& found = entries_[agent];
  found.looked_at = now;
  return found;
}

Duration ReachBook::rest() const {
  return std::max<Duration>(kAnswering, kPerAgent * static_cast<std::int64_t>(entries_.size()));
}

void ReachBook::appeared(const AgentId& agent, double spread, SteadyTime now) {
  const bool is_new = !entries_.contains(agent);
  Entry& found = entry(agent, now);
  const SteadyTime soon = now + std::chrono::duration_cast<Duration>(kSoon * spread);
  if (is_new || soon < found.next_try) found.next_try = soon;
}

void ReachBook::suspect(const AgentId& agent, SteadyTime now) {
  Entry& found = entry(agent, now);
  // While it is known, further failed downloads say nothing new.
  if (found.ports[0].lost || found.ports[1].lost) return;
  const SteadyTime at = found.tried_at ? std::max(now, *found.tried_at + kSuspectAgain) : now;
  found.next_try = std::min(found.next_try, at);
}

ReachBook::News ReachBook::dial_failed(const AgentId& agent, const Endpoint& swarm, SteadyTime now) {
  suspect(agent, now);
  Entry& found = entry(agent, now);
  // Several windows of one transfer lose the agent at the same moment: that counts once.
  if (found.dials > 0 && now - found.last_dial < kApart) return News::none;
  found.last_dial = now;
  ++found.dials;
  Port& port = of(found, ReachPort::swarm);
  if (port.lost) {
    ++port.times;
    return News::none;
  }
  if (found.dials < kDials) return News::none;
  port = {swarm, "it takes connections, but no download from it begins", found.dials, now, true};
  return News::lost;
}

ReachBook::News ReachBook::delivered(const AgentId& agent, SteadyTime now) {
  const auto found = entries_.find(agent);
  if (found == entries_.end()) return News::none;
  found->second.looked_at = now;
  found->second.dials = 0;
  Port& port = of(found->second, ReachPort::swarm);
  return answered(port, port.at);
}

std::vector<AgentId> ReachBook::due(std::size_t most, SteadyTime now) {
  std::vector<AgentId> out;
  for (auto& [agent, one] : entries_) {
    if (out.size() >= most) break;
    if (one.trying || one.next_try > now) continue;
    one.trying = true;
    out.push_back(agent);
  }
  return out;
}

ReachBook::News ReachBook::answered(Port& port, const Endpoint& at) {
  const bool was_lost = port.lost;
  port = {at, {}, 0, {}, false};
  return was_lost ? News::back : News::none;
}

ReachBook::News ReachBook::tried(const AgentId& agent, ReachPort which, const Endpoint& at, const std::string& reason,
                                 SteadyTime began, SteadyTime last_heard, SteadyTime now) {
  Entry& found = entry(agent, now);
  Port& port = of(found, which);
  if (reason.empty()) {
    // Failed downloads count more than a port that answers, until one download delivers.
    const bool by_dials = which == ReachPort::swarm && found.dials >= kDials;
    return by_dials ? News::none : answered(port, at);
  }
  if (port.times == 0) port.first = began;
  ++port.times;
  port.at = at;
  port.reason = reason;
  if (port.lost || port.times < kTimes || last_heard <= port.first) return News::none;
  port.lost = true;
  return News::lost;
}

void ReachBook::finished(const AgentId& agent, SteadyTime now) {
  const auto found = entries_.find(agent);
  if (found == entries_.end()) return;
  Entry& one = found->second;
  one.trying = false;
  one.tried_at = now;
  Duration wait = rest();
  for (const Port& port : one.ports) {
    if (port.lost) wait = std::min<Duration>(wait, kAgain);
    // A few quick retries are enough for an agent that is no longer heard; it is tried again when it appears.
    if (!port.lost && port.times > 0 && port.times < 4 * kTimes) wait = std::min<Duration>(wait, kApart);
  }
  one.next_try = now + wait;
}

std::optional<Unreached> ReachBook::unreached(const AgentId& agent) const {
  const auto found = entries_.find(agent);
  if (found == entries_.end()) return std::nullopt;
  for (const ReachPort which : kPorts) {
    const Port& port = of(found->second, which);
    if (port.lost) return Unreached{agent, which, port.at, port.reason, port.times};
  }
  return std::nullopt;
}

bool ReachBook::answers(const AgentId& agent, ReachPort port) const {
  const auto found = entries_.find(agent);
  return found == entries_.end() || !of(found->second, port).lost;
}

std::vector<AgentId> ReachBook::all_unreached() const {
  std::vector<AgentId> out;
  for (const auto& [agent, one] : entries_) {
    if (one.ports[0].lost || one.ports[1].lost) out.push_back(agent);
  }
  return out;
}

std::string unreached_text(const Unreached& what) {
  return fmt::format("TCP {} of {} does not answer ({}, {} times)", what.at.port, what.at.host(), what.reason,
                     what.times);
}

bool ReachReports::on_report(const AgentId& from, const ReachMessage& said, SteadyTime now) {
  const std::vector<ReachItem> before = reported_by(from, now);
  std::erase_if(reports_, [now](const auto& item) { return now - item.second.at >= kValid; });
  std::vector<ReachItem> items;
  std::copy_if(said.items.begin(), said.items.end(), std::back_inserter(items),
               [](const ReachItem& item) { return !item.answers; });
  if (items.empty()) {
    reports_.erase(from);
  } else if (reports_.contains(from) || reports_.size() < ReachBook::kMaxAgents) {
    reports_[from] = {items, now};
  }
  return before != reported_by(from, now);
}

std::vector<ReachItem> ReachReports::reported_by(const AgentId& from, SteadyTime now) const {
  const auto found = reports_.find(from);
  return found != reports_.end() && now - found->second.at < kValid ? found->second.items : std::vector<ReachItem>();
}

std::vector<AgentId> ReachReports::all(SteadyTime now) const {
  std::vector<AgentId> out;
  for (const auto& [agent, said] : reports_) {
    if (now - said.at < kValid) out.push_back(agent);
  }
  return out;
}

std::string ports_text(const std::vector<ReachItem>& items) {
  std::string text;
  for (const ReachItem& item : items) text += (text.empty() ? "TCP " : " and ") + std::to_string(item.number);
  return text;
}

}  // namespace larder::peer
