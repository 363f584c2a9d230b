#include "tests/sim/crowd_world.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/sim/crowd_state.h"

namespace larder::sim {
namespace {

// Never zero, since times of zero mean "never".
constexpr SteadyTime kStart{std::chrono::seconds(1000)};
constexpr Duration kSpeakAfterwards = seconds(10);

double since_start(SteadyTime time) {
  return std::chrono::duration<double>(time - kStart).count();
}

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      layout_(options.size),
      random_(make_seeded_random(options.seed)),
      now_(kStart),
      wan_(options.wan) {
  wan_.advance(now_);
  keys_.resize(options.files);
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    for (std::byte& byte : keys_[i]) byte = static_cast<std::byte>(random_->next());
    keys_[i][0] = static_cast<std::byte>(i >> 8);
    keys_[i][1] = static_cast<std::byte>(i & 0xff);
  }
  fetched_.resize(options.files * layout_.count());
  tasks_.reserve((options.hosts + options.attackers + 1) * options.files);  // references to tasks stay good
  make_hosts();
  make_trouble();
}

std::size_t World::file_of(const Digest& key) const {
  return (static_cast<std::size_t>(key[0]) << 8) | static_cast<std::size_t>(key[1]);
}

void World::at(SteadyTime time, Happens what, std::uint32_t who, std::uint64_t detail, std::uint64_t id) {
  events_.push({std::max(time, now_).time_since_epoch().count(), order_++, what, who, detail, id});
}

void World::make_hosts() {
  const std::size_t joining = options_.hosts + (options_.late > Duration(0) ? 1 : 0);
  const std::size_t all = joining + options_.attackers + options_.idle;
  hosts_.resize(all);
  for (std::size_t i = 0; i < all; ++i) {
    Host& host = hosts_[i];
    for (std::byte& byte : host.id) byte = static_cast<std::byte>(random_->next());
    host.random = make_seeded_random(random_->next());
    host.attacker = i >= joining && i < joining + options_.attackers;
    host.limit = options_.own_line;
    host.origin = options_.origin;
  }
  // Attackers are the first in rank of the first file: nobody waits less than they.
  std::vector<std::uint32_t> by_rank(all);
  for (std::uint32_t i = 0; i < all; ++i) by_rank[i] = i;
  const auto first = static_cast<std::ptrdiff_t>(options_.attackers);
  std::partial_sort(by_rank.begin(), by_rank.begin() + first, by_rank.end(), [this](std::uint32_t a, std::uint32_t b) {
    return peer::crowd_rank(keys_[0], hosts_[a].id) < peer::crowd_rank(keys_[0], hosts_[b].id);
  });
  for (std::size_t i = 0; i < options_.attackers; ++i) std::swap(hosts_[by_rank[i]].id, hosts_[joining + i].id);
  for (std::uint32_t i = 0; i < all; ++i) {
    Host& host = hosts_[i];
    std::memcpy(host.id.data() + 28, &i, sizeof i);  // its number, to find it by its id
    host.pace = std::make_unique<peer::CrowdPace>(*host.random);
    host.tasks.assign(options_.files, kNobody);
    ids_.push_back(host.id);
    if (i >= joining + options_.attackers) continue;
    SteadyTime begin =
        kStart + Duration(static_cast<std::int64_t>(random_->unit() * static_cast<double>(options_.jitter.count())));
    if (i >= options_.hosts && !host.attacker) begin = kStart + options_.late;
    if (host.attacker) begin = kStart;
    const bool scripted = host.attacker && options_.attack != Attack::stalls && options_.attack != Attack::slow;
    if (host.attacker && options_.attack == Attack::stalls) host.limit = 1;
    if (host.attacker && options_.attack == Attack::slow) host.limit = options_.wan / 50;
    at(begin, scripted ? Happens::attack : Happens::join, i);
  }
}

void World::make_trouble() {
  const double expected = static_cast<double>(options_.size * options_.files) / options_.wan;
  const auto moment = [&](double from, double to) {
    return kStart + std::chrono::duration_cast<Duration>(
                        std::chrono::duration<double>(expected * (from + (to - from) * random_->unit())));
  };
  std::vector<std::uint32_t> order(options_.hosts);
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_->below(i)]);
  const auto part = [&](double share) { return static_cast<std::size_t>(share * static_cast<double>(order.size())); };
  std::size_t next = 0;
  for (std::size_t i = 0; i < part(options_.killed); ++i) at(moment(0.05, 0.95), Happens::kill, kNobody);
  for (std::size_t i = 0; i < part(options_.slept); ++i) at(moment(0.05, 0.8), Happens::sleep, order[next++]);
  for (std::size_t i = 0; i < part(options_.cut_off) && next < order.size(); ++i) hosts_[order[next++]].origin = false;
  for (std::size_t i = 0; i < part(options_.unheard) && next < order.size(); ++i) {
    hosts_[order[next++]].reachable = false;
  }
}

void World::join(std::uint32_t index) {
  hosts_[index].report.begun = since_start(now_);
  start_files(index);
}

// The version's probe takes a round trip; then the crowd begins.
void World::start_files(std::uint32_t index) {
  Host& host = hosts_[index];
  while (host.next_file < options_.files && host.next_file - host.files_done < options_.parallel) {
    const auto file = static_cast<std::uint32_t>(host.next_file++);
    Task task;
    task.host = index;
    task.file = file;
    task.has = peer::SegmentBits(layout_.count());
    task.rest_until.resize(layout_.count());
    task.rests.resize(layout_.count());
    tasks_.push_back(std::move(task));
    const auto number = static_cast<std::uint32_t>(tasks_.size() - 1);
    host.tasks[file] = number;
    at(now_ + options_.round_trip, Happens::begin, number);
  }
}

void World::begin(std::uint32_t index) {
  Task& task = tasks_[index];
  Host& host = hosts_[task.host];
  if (!host.alive) return;
  peer::CrowdRules rules;
  rules.patience = options_.patience;
  task.crowd =
      std::make_unique<peer::Crowd>(host.id, keys_[task.file], layout_, rules, host.record, host.random->next());
  task.crowd->set_known_agents(ids_);
  if (task.host * 2 + 1 < options_.holds.size()) {
    const auto count = static_cast<double>(layout_.count());
    const auto from = static_cast<std::uint64_t>(options_.holds[task.host * 2] * count);
    const auto to = static_cast<std::uint64_t>(options_.holds[task.host * 2 + 1] * count);
    for (std::uint64_t segment = from; segment < to; ++segment) {
      task.has.set(segment);
      task.crowd->on_segment_offered(segment, false, now_);
    }
  }
  for (const auto& heard : host.memory.take_entries(keys_[task.file], now_)) {
    task.crowd->on_entry(heard.agent, heard.stamp, heard.entry, heard.at);
  }
  task.crowd->begin_crowd(now_);
  if (!host.origin) task.crowd->on_origin_failed(now_);
  step(index);
}

void World::step(std::uint32_t index) {
  Task& task = tasks_[index];
  if (!task.crowd) return;
  Host& host = hosts_[task.host];
  const peer::CrowdStep result = task.crowd->take_step(now_);
  ++report_.steps;
  task.claims = !result.fetch.empty();
  if (result.changed) {
    task.fetch = result.fetch;
    follow_fetch(index);
  }
  if (result.urgency == peer::SendUrgency::soon) host.pace->announce_soon(keys_[task.file], now_);
  const bool talks = !task.done || now_.time_since_epoch().count() < task.speak_until;
  if (talks) {
    host.pace->announce_at_pace(keys_[task.file], task.claims, now_);
  } else if (result.urgency != peer::SendUrgency::soon) {
    host.pace->drop_version(keys_[task.file]);
  }
  queue_speak(task.host);
  if (!task.done) {
    take_more(index);
    queue_wake(task, index, result.next_step_at);
  } else if (talks) {
    queue_wake(task, index, SteadyTime(Duration(task.speak_until)));
  }
}

void World::queue_wake(Task& task, std::uint32_t index, SteadyTime when) {
  task.wake_at = when.time_since_epoch().count();
  if (task.wake_queued != 0 && task.wake_queued <= task.wake_at) return;
  task.wake_queued = task.wake_at;
  at(when, Happens::wake, index, static_cast<std::uint64_t>(task.wake_at));
}

void World::wake(std::uint32_t index, std::int64_t queued) {
  Task& task = tasks_[index];
  if (queued != task.wake_queued) return;  // an earlier one took its place
  task.wake_queued = 0;
  const Host& host = hosts_[task.host];
  if (!host.alive || host.asleep) return;
  if (task.wake_at > queued) {
    task.wake_queued = task.wake_at;
    return at(SteadyTime(Duration(task.wake_at)), Happens::wake, index, static_cast<std::uint64_t>(task.wake_at));
  }
  tell_progress(task, index);
  credit(task);
  step(index);
}

void World::tell_progress(Task& task, std::uint32_t index) {
  if (!task.fetching) return;
  wan_.advance(now_);
  if (const Wan::Stream* stream = wan_.find(index)) {
    task.crowd->on_progress(SegmentIndex(*task.fetching), static_cast<std::uint64_t>(stream->got), now_);
  }
}

// One stream of a file at a time; what is not to be fetched any more is cut.
void World::follow_fetch(std::uint32_t index) {
  Task& task = tasks_[index];
  const auto& fetch = task.fetch;
  if (task.fetching && std::find(fetch.begin(), fetch.end(), *task.fetching) == fetch.end()) stop_fetch(index);
  if (task.fetching || fetch.empty()) return;
  const std::uint64_t segment = fetch.front();
  const bool goes_on = segment == task.last_fetched + 1;
  if (!goes_on) ++report_.requests;
  task.fetching = segment;
  ++streams_;
  report_.most_fetchers = std::max(report_.most_fetchers, streams_);
  wan_.open(index, static_cast<double>(layout_.range(segment).length), hosts_[task.host].limit,
            goes_on ? now_ : now_ + options_.round_trip, now_);
  wan_changed();
}

void World::stop_fetch(std::uint32_t index) {
  Task& task = tasks_[index];
  if (!task.fetching) return;
  const double bytes = wan_.close(index, now_);
  hosts_[task.host].report.origin_bytes += bytes;
  fetched_[task.file * layout_.count() + *task.fetching] += bytes;
  task.last_fetched = UINT64_MAX - 1;
  task.fetching.reset();
  --streams_;
  wan_changed();
}

void World::wan_changed() {
  ++wan_generation_;
  if (const auto next = wan_.next_change()) at(*next, Happens::wan, 0, wan_generation_);
}

void World::line_moved() {
  wan_.advance(now_);
  for (const std::uint32_t index : wan_.finished()) {
    Task& task = tasks_[index];
    const std::uint64_t segment = *task.fetching;
    tell_progress(task, index);
    stop_fetch(index);
    task.last_fetched = segment;
    at(now_ + options_.commit, Happens::held, index, segment);
    step(index);
  }
  wan_changed();
}

void World::held(std::uint32_t index, std::uint64_t segment, bool first_hand) {
  Task& task = tasks_[index];
  if (!hosts_[task.host].alive || task.has.has(segment)) return;
  task.has.set(segment);
  task.crowd->on_segment_offered(segment, first_hand, now_);
  if (task.crowd->complete() && !task.done) finish(task);
  step(index);
}

void World::finish(Task& task) {
  task.done = true;
  task.speak_until = (now_ + kSpeakAfterwards).time_since_epoch().count();
  Host& host = hosts_[task.host];
  ++host.files_done;
  start_files(task.host);
  if (host.files_done < options_.files) return;
  host.report.done = since_start(now_);
  host.report.complete = true;
  look_ = true;
}

bool World::over() const {
  for (const Host& host : hosts_) {
    const bool wants = !host.attacker && &host - hosts_.data() < static_cast<std::ptrdiff_t>(
                                                                     options_.hosts + (options_.late > Duration(0)));
    if (wants && host.alive && !host.report.complete) return false;
  }
  return true;
}

void World::handle(const Event& event) {
  switch (event.what) {
    case Happens::join:
      return hosts_[event.who].alive ? join(event.who) : void();
    case Happens::begin:
      return begin(event.who);
    case Happens::wake:
      return wake(event.who, static_cast<std::int64_t>(event.detail));
    case Happens::speak:
      return speak(event.who, static_cast<std::int64_t>(event.detail));
    case Happens::datagram:
      return deliver(event.detail);
    case Happens::wan:
      return event.detail == wan_generation_ ? line_moved() : void();
    case Happens::held:
      return held(event.who, event.detail, true);
    case Happens::ask:
      return ask(event.who, event.id);
    case Happens::came:
      return came(event.who, event.id);
    case Happens::failed:
      return failed(event.who, event.id);
    case Happens::kill:
      return kill(event.who);
    case Happens::sleep:
      return sleep(event.who);
    case Happens::rise:
      return rise(event.who);
    case Happens::attack:
      return attack(event.who);
    case Happens::credit:
      return take_more(event.who);
  }
}

WorldReport World::run() {
  const SteadyTime end = kStart + options_.limit;
  while (!events_.empty()) {
    const Event event = events_.top();
    events_.pop();
    now_ = SteadyTime(Duration(event.at));
    if (now_ > end) break;
    handle(event);
    if (std::exchange(look_, false) && over()) break;
  }
  return report();
}

WorldReport World::report() {
  for (std::uint32_t i = 0; i < tasks_.size(); ++i) stop_fetch(i);
  const std::size_t joining = options_.hosts + (options_.late > Duration(0) ? 1 : 0);
  report_.origin_bytes = wan_.sent();
  report_.all_done = over();
  for (std::size_t i = 0; i < joining; ++i) {
    Host& host = hosts_[i];
    host.report.alive = host.alive;
    host.report.origin = host.origin;
    report_.ended = std::max(report_.ended, host.report.done);
    report_.datagrams += host.report.datagrams;
    for (const std::uint32_t task : host.tasks) {
      if (task != kNobody && tasks_[task].crowd && !tasks_[task].done) {
        host.report.missing += tasks_[task].crowd->missing_everywhere(now_).size();
      }
    }
    report_.hosts.push_back(host.report);
  }
  if (report_.ended <= 0 || !report_.all_done) report_.ended = since_start(now_);
  for (std::size_t i = 0; i < fetched_.size(); ++i) {
    const double size = static_cast<double>(layout_.range(i % layout_.count()).length);
    report_.most_copies = std::max(report_.most_copies, fetched_[i] / size);
  }
  return std::move(report_);
}

double WorldReport::copies(const WorldOptions& options) const {
  return origin_bytes / static_cast<double>(options.size * options.files);
}

double WorldReport::quantile(double part) const {
  std::vector<double> times;
  for (const HostReport& host : hosts) {
    if (host.done >= 0) times.push_back(host.done - host.begun);
  }
  if (times.empty()) return -1;
  std::sort(times.begin(), times.end());
  return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
}

double WorldReport::datagrams_per_host_second() const {
  return static_cast<double>(datagrams) / static_cast<double>(hosts.size()) / std::max(0.001, ended);
}

WorldReport run_world(const WorldOptions& options) {
  return World(options).run();
}

}  // namespace larder::sim
