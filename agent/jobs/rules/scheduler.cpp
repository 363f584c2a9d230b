#include "agent/jobs/rules/scheduler.h"

#include <algorithm>
#include <limits>

namespace larder::agent {

void Scheduler::add(const std::string& id, Priority priority, SteadyTime now, Owner owner) {
  if (where_.contains(id)) return;
  const auto [user, is_new] = users_.try_emplace(owner);
  if (is_new) turns_.push_back(owner);
  const auto level = static_cast<std::size_t>(priority);
  user->second[level].push_back({id, false, now});
  where_[id] = {owner, level, std::prev(user->second[level].end())};
}

void Scheduler::remove(const std::string& id) {
  const auto found = where_.find(id);
  if (found == where_.end()) return;
  const Where where = found->second;
  where_.erase(found);
  Levels& levels = users_.at(where.owner);
  levels[where.level].erase(where.entry);
  if (!std::all_of(levels.begin(), levels.end(), [](const Level& level) { return level.empty(); })) return;
  users_.erase(where.owner);
  turns_.remove(where.owner);
}

// A running job keeps its slot if the new level has one for it: it goes behind the running jobs there.
void Scheduler::set_priority(const std::string& id, Priority priority, SteadyTime now) {
  const auto found = where_.find(id);
  if (found == where_.end()) return;
  const auto [owner, old_level, entry] = found->second;
  const auto new_level = static_cast<std::size_t>(priority);
  if (old_level == new_level) return;
  Levels& levels = users_.at(owner);
  Level& target = levels[new_level];
  auto position = target.end();
  if (entry->running) {
    position = std::find_if(target.begin(), target.end(), [](const Entry& each) { return !each.running; });
  }
  entry->since = now;
  target.splice(position, levels[old_level], entry);
  found->second.level = new_level;
}

// The i-th waiting job takes the place of the i-th oldest running job, once it has waited and the other has run for a
// slice. Without the first condition one newcomer would push out all others in turn.
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

std::size_t Scheduler::wanted(const Levels& levels) {
  std::size_t wanted = 0;
  for (std::size_t index = kBackground; index < levels.size(); ++index) wanted += levels[index].size();
  return wanted;
}

// Deals one slot to each user with a job left, and repeats until no slot is left.
std::map<Owner, std::size_t> Scheduler::deal() const {
  std::map<Owner, std::size_t> dealt;
  for (std::size_t free = slots_; free > 0;) {
    const std::size_t before = free;
    for (const Owner owner : turns_) {
      if (free == 0) break;
      if (dealt[owner] >= wanted(users_.at(owner))) continue;
      ++dealt[owner];
      --free;
    }
    if (free == before) break;  // no user wants more
  }
  return dealt;
}

// Deals the slots. After a time slice with an uneven deal, the first user in the order goes to its end.
std::map<Owner, std::size_t> Scheduler::take_turns(SteadyTime now) {
  if (uneven_since_ && now - *uneven_since_ >= time_slice_) {
    turns_.splice(turns_.end(), turns_, turns_.begin());
    uneven_since_.reset();
  }
  std::map<Owner, std::size_t> dealt = deal();
  std::size_t most = 0, least_of_waiting = std::numeric_limits<std::size_t>::max();
  for (const auto& [owner, levels] : users_) {
    const auto found = dealt.find(owner);
    const std::size_t has = found == dealt.end() ? 0 : found->second;
    most = std::max(most, has);
    if (wanted(levels) > has) least_of_waiting = std::min(least_of_waiting, has);
  }
  if (least_of_waiting >= most) {
    uneven_since_.reset();
  } else if (!uneven_since_) {
    uneven_since_ = now;
  }
  return dealt;
}

Scheduler::Decision Scheduler::decide(SteadyTime now) {
  Decision decision;
  std::map<Owner, std::size_t> left = take_turns(now);
  for (std::size_t index = 0; index < Levels().size(); ++index) {
    const bool background = index >= kBackground;
    for (const Owner owner : turns_) {
      Level& level = users_.at(owner)[index];
      if (background) rotate(level, now);
      std::size_t& places = left[owner];
      for (Entry& entry : level) {
        const bool run = !background || places > 0;
        if (background && run) --places;
        if (run == entry.running) continue;
        (run ? decision.give : decision.take).push_back(entry.id);
        entry.running = run;
        entry.since = now;
      }
    }
  }
  return decision;
}

std::optional<SteadyTime> Scheduler::next_change() const {
  std::optional<SteadyTime> next;
  const auto consider = [&next](SteadyTime due) {
    if (!next || due < *next) next = due;
  };
  if (uneven_since_) consider(*uneven_since_ + time_slice_);
  for (const auto& [owner, levels] : users_) {
    for (std::size_t index = kBackground; index < levels.size(); ++index) {
      const Level& level = levels[index];
      if (level.empty() || !level.front().running) continue;
      const auto waiting = std::find_if(level.begin(), level.end(), [](const Entry& each) { return !each.running; });
      if (waiting != level.end()) consider(std::max(level.front().since, waiting->since) + time_slice_);
    }
  }
  return next;
}

bool Scheduler::has_slot(const std::string& id) const {
  const auto found = where_.find(id);
  return found != where_.end() && found->second.entry->running;
}

}  // namespace larder::agent
