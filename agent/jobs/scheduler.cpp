#include "agent/jobs/scheduler.h"

#include <algorithm>
#include <limits>

namespace larder::agent {

void Scheduler::add(const std::string& id, Priority priority, SteadyTime now) {
  if (where_.contains(id)) return;
  const auto level = static_cast<std::size_t>(priority);
  levels_[level].push_back({id, false, now});
  where_[id] = {level, std::prev(levels_[level].end())};
}

void Scheduler::remove(const std::string& id) {
  const auto found = where_.find(id);
  if (found == where_.end()) return;
  levels_[found->second.first].erase(found->second.second);
  where_.erase(found);
}

// A job that runs keeps its slot where the new level has one for it: it goes behind those that run there.
void Scheduler::set_priority(const std::string& id, Priority priority, SteadyTime now) {
  const auto found = where_.find(id);
  if (found == where_.end()) return;
  const auto [old_level, entry] = found->second;
  const auto new_level = static_cast<std::size_t>(priority);
  if (old_level == new_level) return;
  Level& target = levels_[new_level];
  auto position = target.end();
  if (entry->running) {
    position = std::find_if(target.begin(), target.end(), [](const Entry& each) { return !each.running; });
  }
  entry->since = now;
  target.splice(position, levels_[old_level], entry);
  found->second.first = new_level;
}

// The i-th of those that wait takes the place of the i-th oldest of those that run, once the one has waited and the
// other has run for a slice. Without the first condition one newcomer would push out everybody in turn.
void Scheduler::rotate(Level& level, SteadyTime now) const {
  auto running = level.begin();
  auto waiting = std::find_if(level.begin(), level.end(), [](const Entry& each) { return !each.running; });
  std::vector<Level::iterator> over;
  for (; running != level.end() && running->running && waiting != level.end(); ++running, ++waiting) {
    if (std::max(running->since, waiting->since) + time_slice_ > now) break;
    over.push_back(running);
  }
  for (const auto entry : over) level.splice(level.end(), level, entry);
}

Scheduler::Decision Scheduler::decide(SteadyTime now) {
  Decision decision;
  std::size_t free = slots_;
  for (std::size_t index = 0; index < levels_.size(); ++index) {
    Level& level = levels_[index];
    const bool background = index >= kBackground;
    if (background) rotate(level, now);
    std::size_t place = 0;
    const std::size_t places = background ? free : std::numeric_limits<std::size_t>::max();
    for (Entry& entry : level) {
      const bool run = place++ < places;
      if (run != entry.running) {
        (run ? decision.give : decision.take).push_back(entry.id);
        entry.running = run;
        entry.since = now;
      }
    }
    if (background) free -= std::min(free, level.size());
  }
  return decision;
}

std::optional<SteadyTime> Scheduler::next_change() const {
  std::optional<SteadyTime> next;
  for (std::size_t index = kBackground; index < levels_.size(); ++index) {
    const Level& level = levels_[index];
    if (level.empty() || !level.front().running) continue;
    const auto waiting = std::find_if(level.begin(), level.end(), [](const Entry& each) { return !each.running; });
    if (waiting == level.end()) continue;
    const SteadyTime due = std::max(level.front().since, waiting->since) + time_slice_;
    if (!next || due < *next) next = due;
  }
  return next;
}

bool Scheduler::has_slot(const std::string& id) const {
  const auto found = where_.find(id);
  return found != where_.end() && found->second.second->running;
}

}  // namespace larder::agent
