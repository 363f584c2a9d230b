// Which jobs run (docs/decisions/0025-fairness.md). Pure: `now` is an argument, the answer is who gets and who loses a
// slot.
//
// Foreground jobs all run. Background jobs share `slots`, which are dealt round robin to the users that have such jobs;
// who wants fewer leaves the rest to the others. Among the jobs of one user it is high before normal before low, and a
// lower level gets no slot while a higher one waits. Inside a level it is round robin: a job that waits for a time
// slice takes the place of the one that has run longest, once that one has had its slice. Where the slots do not come
// out even the users take turns with what is over, a time slice each.
#pragma once

#include <array>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/jobs/model/job.h"
#include "base/fair_places.h"
#include "base/runtime/clock.h"

namespace larder::agent {

class Scheduler {
 public:
  static constexpr Duration kTimeSlice = std::chrono::minutes(5);

  explicit Scheduler(unsigned slots, Duration time_slice = kTimeSlice) : slots_(slots), time_slice_(time_slice) {}

  // The job has become runnable: it waits at the end of its level. Known ids are left as they are.
  void add(const std::string& id, Priority priority, SteadyTime now, Owner owner = 0);
  // No longer runnable, whether it has a slot or not.
  void remove(const std::string& id);
  void set_priority(const std::string& id, Priority priority, SteadyTime now);
  void set_slots(unsigned slots) { slots_ = slots; }

  struct Decision {
    std::vector<std::string> take;  // first
    std::vector<std::string> give;
  };
  // Decides and assumes that it is carried out.
  [[nodiscard]] Decision decide(SteadyTime now);
  // When decide() may say something else though nothing was added or removed: the end of a time slice.
  [[nodiscard]] std::optional<SteadyTime> next_change() const;
  [[nodiscard]] bool has_slot(const std::string& id) const;

 private:
  struct Entry {
    std::string id;
    bool running = false;
    SteadyTime since{};  // of running or of waiting
  };
  using Level = std::list<Entry>;  // those that run first, oldest first; then those that wait
  using Levels = std::array<Level, 4>;
  static constexpr std::size_t kBackground = 1;

  struct Where {
    Owner owner = 0;
    std::size_t level = 0;
    Level::iterator entry;
  };

  void rotate(Level& level, SteadyTime now) const;
  [[nodiscard]] std::map<Owner, std::size_t> take_turns(SteadyTime now);  // the slots that each user has
  [[nodiscard]] std::map<Owner, std::size_t> deal() const;
  [[nodiscard]] static std::size_t wanted(const Levels& levels);

  unsigned slots_;
  Duration time_slice_;
  std::map<Owner, Levels> users_;
  std::list<Owner> turns_;  // in which order slots are dealt
  std::unordered_map<std::string, Where> where_;
  std::optional<SteadyTime> uneven_since_;  // some have a slot more than others that want one
};

}  // namespace larder::agent
