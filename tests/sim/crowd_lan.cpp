// How the simulated hosts take segments of one another (crowd_world.h).
#include <algorithm>
#include <cstring>

#include "tests/sim/crowd_state.h"

namespace larder::sim {
namespace {

constexpr Duration kAskTime = milliseconds(4);     // a connection, a question, an answer
constexpr Duration kSilence = milliseconds(1000);  // of who was asked or was giving, until it is given up
constexpr Duration kLag = milliseconds(20);        // of a piece that is given on
constexpr Duration kRest = milliseconds(50);       // nobody had a slot free; doubles
constexpr std::uint8_t kMostRests = 4;
constexpr unsigned kTries = 6;
constexpr std::size_t kKept = 32;

Duration scaled(Duration time, double factor) {
  return std::chrono::duration_cast<Duration>(time * factor);
}

}  // namespace

double World::chunk(std::uint64_t segment) const {
  return static_cast<double>(layout_.range(segment).length);
}

Named& World::named(std::uint32_t host, std::uint32_t file, std::uint64_t segment) {
  if (named_.empty()) named_.resize(hosts_.size());
  auto& all = named_[host];
  if (all.empty()) all.resize(options_.files * layout_.count());
  return all[file * layout_.count() + segment];
}

Take* World::find_take(Task& task, std::uint64_t id) {
  const auto at = std::find_if(task.takes.begin(), task.takes.end(), [id](const Take& take) { return take.id == id; });
  return at == task.takes.end() ? nullptr : &*at;
}

void World::take_more(std::uint32_t index) {
  Task& task = tasks_[index];
  Host& host = hosts_[task.host];
  if (task.done || !host.alive || host.asleep) return;
  const auto full = [&] { return host.taking >= options_.slots; };
  if (full()) return;
  for (const std::uint64_t segment : task.crowd->to_take(peer::Crowd::kToTake, now_)) {
    if (full()) return;
    const bool taken = std::any_of(task.takes.begin(), task.takes.end(),
                                   [segment](const Take& take) { return take.segment == segment; });
    const bool rests = task.rest_until[segment] > now_.time_since_epoch().count();
    if (taken || rests || task.fetching == segment) continue;
    Take take;
    take.id = next_take_++;
    take.segment = segment;
    ++host.taking;
    task.takes.push_back(std::move(take));
    ask_next(index, task.takes.back());
  }
}

// Of those who say that they hold it and those who were named, the one that this host's order puts first.
void World::ask_next(std::uint32_t index, Take& take) {
  Task& task = tasks_[index];
  Host& host = hosts_[task.host];
  std::uint32_t chosen = kNobody;
  if (take.tries == 0) {
    for (const peer::AgentId& holder : task.crowd->holders(SegmentIndex(take.segment), 8, now_)) {
      std::memcpy(&chosen, holder.data() + 28, sizeof chosen);
      take.others.push_back(chosen);
    }
    chosen = kNobody;
  }
  if (take.tries < kTries && !take.others.empty()) chosen = take.others[host.random->below(take.others.size())];
  if (chosen == kNobody || chosen == task.host) {
    return rest(index, take);
  }
  ++take.tries;
  take.asked = chosen;
  at(now_ + kAskTime, Happens::ask, index, take.segment, take.id);
}

// Nobody has a slot free: again in a while, longer each time.
void World::rest(std::uint32_t index, Take& take) {
  Task& task = tasks_[index];
  const std::uint64_t segment = take.segment;
  end_take(task, take.id);
  auto& rests = task.rests[segment];
  const Duration time = scaled(kRest, (1U << rests) * (0.75 + 0.5 * hosts_[task.host].random->unit()));
  if (rests < kMostRests) ++rests;
  task.rest_until[segment] = (now_ + time).time_since_epoch().count();
  at(now_ + time, Happens::credit, index);
}

const Take* World::taking(const Host& host, std::uint32_t file, std::uint64_t segment) const {
  const std::uint32_t number = host.tasks[file];
  if (number == kNobody) return nullptr;
  for (const Take& take : tasks_[number].takes) {
    if (take.segment == segment && take.from != kNobody && !take.broken) return &take;
  }
  return nullptr;
}

void World::ask(std::uint32_t index, std::uint64_t id) {
  Task& task = tasks_[index];
  Take* take = find_take(task, id);
  Host& host = hosts_[task.host];
  if (take == nullptr || !host.alive) return;
  Host& holder = hosts_[take->asked];
  const bool silent = !holder.alive || holder.asleep || holder.attacker || apart(task.host, take->asked) ||
                      !holder.reachable || !host.reachable;
  if (silent) return at(now_ + kSilence, Happens::failed, index, take->segment, id);
  const std::uint32_t number = holder.tasks[task.file];
  const bool has = number != kNobody && tasks_[number].has.has(take->segment);
  auto& known = named(take->asked, task.file, take->segment);
  for (std::size_t i = 0; i < known.size(); ++i) {
    const std::uint32_t other = known.who[i];
    if (other != task.host && take->others.size() < kKept &&
        std::find(take->others.begin(), take->others.end(), other) == take->others.end())
      take->others.push_back(other);
  }
  const Take* parent = has ? nullptr : taking(holder, task.file, take->segment);
  if (has || parent != nullptr) {
    if (!known.has(task.host)) known.add(task.host);
  }
  if ((!has && parent == nullptr) || holder.giving >= options_.slots) return ask_next(index, *take);
  ++holder.giving;
  take->from = take->asked;
  take->began = now_;
  take->ends = now_ + scaled(seconds(1), chunk(take->segment) * static_cast<double>(options_.slots) / options_.lan);
  if (parent != nullptr) take->ends = std::max(take->ends, parent->ends + kLag);
  task.rests[take->segment] = 0;
  at(take->ends, Happens::came, index, take->segment, id);
}

// What came so far counts for the patience; and the origin is not asked for what is coming.
void World::credit(Task& task) {
  for (Take& take : task.takes) {
    if (take.from == kNobody || take.ends <= take.began || !hosts_[take.from].alive || hosts_[take.from].asleep)
      continue;
    const double part =
        std::chrono::duration<double>(now_ - take.began) / std::chrono::duration<double>(take.ends - take.began);
    const double bytes = std::min(1.0, part) * chunk(take.segment);
    task.crowd->on_bytes_from_peers(static_cast<std::uint64_t>(bytes - take.credited), now_);
    take.credited = bytes;
    if (now_ <= take.ends) task.crowd->on_delivering(take.segment, now_);
  }
}

void World::came(std::uint32_t index, std::uint64_t id) {
  Task& task = tasks_[index];
  Take* take = find_take(task, id);
  Host& host = hosts_[task.host];
  if (take == nullptr || !host.alive) return;
  if (host.asleep) return at(now_ + milliseconds(500), Happens::came, index, take->segment, id);
  const std::uint32_t giver = hosts_[take->from].tasks[task.file];
  if (giver == kNobody || !tasks_[giver].has.has(take->segment)) {
    // Its own giver failed, or is late; in the end it may even wait for this one.
    if (now_ >= take->ends + kSilence) return failed(index, id);
    const Take* parent = taking(hosts_[take->from], task.file, take->segment);
    const SteadyTime again = parent != nullptr ? std::max(parent->ends, now_) + kLag : now_ + kSilence;
    return at(again, parent != nullptr ? Happens::came : Happens::failed, index, take->segment, id);
  }
  credit(task);
  const std::uint64_t segment = take->segment;
  host.report.peer_bytes += chunk(segment);
  end_take(task, id);
  held(index, segment, false);
}

void World::failed(std::uint32_t index, std::uint64_t id) {
  Task& task = tasks_[index];
  Take* take = find_take(task, id);
  if (take == nullptr || !hosts_[task.host].alive) return;
  task.crowd->on_segment_not_given(hosts_[take->asked].id, take->segment, now_);
  std::erase(take->others, take->asked);
  if (take->from != kNobody) {
    --hosts_[take->from].giving;
    take->from = kNobody;
    take->broken = false;
  }
  ask_next(index, *take);
  step(index);
}

void World::end_take(Task& task, std::uint64_t id) {
  const auto at = std::find_if(task.takes.begin(), task.takes.end(), [id](const Take& take) { return take.id == id; });
  if (at->from != kNobody) --hosts_[at->from].giving;
  --hosts_[task.host].taking;
  task.takes.erase(at);
}

// It gives nothing any more; who was taking finds out.
void World::lost_host(std::uint32_t lost) {
  for (std::uint32_t index = 0; index < tasks_.size(); ++index) {
    Task& task = tasks_[index];
    for (Take& take : task.takes) {
      if (take.from != lost) continue;
      take.began = take.ends = SteadyTime{};
      take.broken = true;
      take.id = next_take_++;  // what was to come does not
      at(now_ + kSilence, Happens::failed, index, take.segment, take.id);
    }
  }
}

}  // namespace larder::sim
