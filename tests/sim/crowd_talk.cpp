// The simulated office's datagrams, and what happens to its hosts (crowd_world.h).
#include <algorithm>
#include <utility>

#include "tests/sim/crowd_state.h"

namespace larder::sim {
namespace {

constexpr std::size_t kOverhead = 102;  // envelope, seal, sender, counters
constexpr Duration kAttackEvery = milliseconds(400);

}  // namespace

void World::queue_speak(std::uint32_t index) {
  Host& host = hosts_[index];
  const auto next = host.pace->next();
  if (!next || !host.alive || host.asleep) return;
  const std::int64_t when = std::max(*next, now_).time_since_epoch().count();
  if (host.speak_queued != 0 && host.speak_queued <= when) return;
  host.speak_queued = when;
  at(SteadyTime(Duration(when)), Happens::speak, index, static_cast<std::uint64_t>(when));
}

void World::speak(std::uint32_t index, std::int64_t queued) {
  Host& host = hosts_[index];
  if (queued != host.speak_queued) return;
  host.speak_queued = 0;
  if (!host.alive || host.asleep) return;
  const std::vector<Digest> versions = host.pace->due(now_);
  std::vector<peer::CrowdEntry> entries;
  for (const Digest& version : versions) {
    Task& task = tasks_[host.tasks[file_of(version)]];
    tell_progress(task, host.tasks[file_of(version)]);
    entries.push_back(task.crowd->entry());
  }
  if (!entries.empty()) {
    entries.resize(peer::fitting(entries));
    const std::vector<Digest> sent(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(entries.size()));
    host.pace->on_sent(sent, now_);
    for (const Digest& version : sent) tasks_[host.tasks[file_of(version)]].crowd->on_entry_sent(now_);
    send(index, std::move(entries));
  }
  queue_speak(index);
}

void World::send(std::uint32_t index, std::vector<peer::CrowdEntry> entries) {
  Host& host = hosts_[index];
  if (!host.attacker) {
    ++host.report.datagrams;
    report_.datagram_bytes += kOverhead;
    for (const auto& entry : entries) report_.datagram_bytes += peer::encoded_size(entry);
    const std::int64_t second = now_.time_since_epoch() / seconds(1);
    if (second != std::exchange(second_, second)) in_second_ = 0;
    report_.most_in_a_second = std::max(report_.most_in_a_second, ++in_second_);
  }
  std::size_t place = air_.size();
  if (air_free_.empty()) {
    air_.emplace_back();
  } else {
    place = air_free_.back();
    air_free_.pop_back();
  }
  air_[place] = Said{index, {1, ++host.sequence}, std::move(entries)};
  const double delay = 0.5 + random_->unit();
  at(now_ + std::chrono::duration_cast<Duration>(options_.latency * delay), Happens::datagram, index, place);
}

bool World::apart(std::uint32_t left, std::uint32_t right) const {
  const Duration passed = now_ - SteadyTime(seconds(1000));
  return passed >= options_.split_from && passed < options_.split_until && left % 2 != right % 2;
}

void World::deliver(std::uint64_t place) {
  const Said said = std::move(*air_[place]);
  air_[place].reset();
  air_free_.push_back(place);
  const bool lossy = options_.loss > 0;
  for (std::uint32_t i = 0; i < hosts_.size(); ++i) {
    Host& host = hosts_[i];
    if (i == said.from || !host.alive || host.asleep || host.attacker || apart(i, said.from)) continue;
    if (lossy && random_->unit() < options_.loss) continue;
    hear(host, i, said);
  }
}

void World::hear(Host& host, std::uint32_t index, const Said& said) {
  const peer::AgentId& from = ids_[said.from];
  host.pace->on_datagram(from, now_);
  for (const peer::CrowdEntry& entry : said.entries) {
    const std::uint32_t number = host.tasks[file_of(entry.version_key)];
    if (number == kNobody || !tasks_[number].crowd) {
      host.memory.on_entry(from, said.stamp, entry, now_);
      continue;
    }
    Task& task = tasks_[number];
    if (task.done) continue;
    task.crowd->on_entry(from, said.stamp, entry, now_);
    step(number);
  }
  (void)index;
}

// Speaks as no agent would.
void World::attack(std::uint32_t index) {
  Host& host = hosts_[index];
  std::vector<peer::CrowdEntry> entries;
  for (std::size_t file = 0; file < options_.files && entries.size() < 8; ++file) {
    peer::CrowdEntry entry;
    entry.version_key = keys_[file];
    entry.segments = static_cast<std::uint32_t>(layout_.count());
    const auto claims = static_cast<std::uint32_t>(std::min<std::uint64_t>(peer::kMaxCrowdClaims, layout_.count()));
    if (options_.attack == Attack::says_held) {
      entry.complete = true;
      entry.wants = false;
    } else if (options_.attack == Attack::claims_all) {
      for (std::uint32_t i = 0; i < claims; ++i) entry.claims.push_back({i, 0});
    } else {
      // As fast as an honest one of four would be; then the next ones.
      const double bytes = options_.wan / 4 * 0.4 * static_cast<double>(host.sequence);
      const auto size = static_cast<double>(layout_.segment_size());
      const auto round = static_cast<std::uint32_t>(bytes / size);
      for (std::uint32_t i = 0; i < std::min(4U, claims); ++i) {
        const auto segment = static_cast<std::uint32_t>((round * 4 + i) % layout_.count());
        entry.claims.push_back({segment, static_cast<std::uint32_t>(bytes - round * size)});
      }
    }
    entries.push_back(std::move(entry));
  }
  send(index, std::move(entries));
  at(now_ + kAttackEvery, Happens::attack, index);
}

// Whoever is fetching, else anybody; nobody is told.
void World::kill(std::uint32_t) {
  std::vector<std::uint32_t> fetchers;
  std::vector<std::uint32_t> others;
  for (std::uint32_t i = 0; i < options_.hosts; ++i) {
    Host& host = hosts_[i];
    if (!host.alive || host.report.complete) continue;
    const bool fetches = std::any_of(host.tasks.begin(), host.tasks.end(), [this](std::uint32_t task) {
      return task != kNobody && tasks_[task].fetching.has_value();
    });
    (fetches ? fetchers : others).push_back(i);
  }
  auto& from = fetchers.empty() ? others : fetchers;
  if (from.empty() || fetchers.size() + others.size() < 2) return;
  const std::uint32_t index = from[random_->below(from.size())];
  hosts_[index].alive = false;
  look_ = true;
  for (const std::uint32_t task : hosts_[index].tasks) {
    if (task != kNobody) stop_fetch(task);
  }
  lost_host(index);
}

void World::sleep(std::uint32_t index) {
  Host& host = hosts_[index];
  if (!host.alive || host.asleep) return;
  host.asleep = true;
  for (const std::uint32_t task : host.tasks) {
    if (task != kNobody) wan_.pause(task, true, now_);
  }
  wan_changed();
  lost_host(index);
  at(now_ + seconds(2) + milliseconds(random_->below(15000)), Happens::rise, index);
}

void World::rise(std::uint32_t index) {
  Host& host = hosts_[index];
  host.asleep = false;
  host.speak_queued = 0;
  for (const std::uint32_t task : host.tasks) {
    if (task == kNobody) continue;
    wan_.pause(task, false, now_);
    tasks_[task].wake_queued = 0;
    if (tasks_[task].crowd) step(task);
  }
  wan_changed();
  queue_speak(index);
}

}  // namespace larder::sim
