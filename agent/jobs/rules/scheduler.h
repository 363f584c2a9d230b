// Decides which jobs run (docs/decisions/0025-fairness.md). Pure: `now` is an argument; the result is the jobs that
// gain and lose a slot.
//
// All foreground jobs run. Background jobs share `slots`, dealt round robin to the users that have such jobs; slots
// that a user does not need go to the others. Among the jobs of one user, high goes before normal before low; a lower
// level gets no slot while a higher one waits. Within a level it is round robin: a job that waited for a time slice
// takes the place of the one that has run longest, once that has had its slice. If the slots do not divide evenly, the
// users take turns with the remainder, a time slice each.
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

  // Adds a runnable job at the end of its level. A known id is ignored.
  void add(const std::string& id, Priority priority, SteadyTime now, Owner owner = 0);
  // Removes a job that is no longer runnable, whether it has a slot or not.
  void remove(const std::string& id);
  void set_priority(const std::string& id, Priority priority, SteadyTime now);
  void set_slots(unsigned slots) { slots_ = slots; }

  struct Decision {
    std::vector<std::string> take;  // carry out first
    std::vector<std::string> give;
  };
  // Decides, and assumes that the decision is carried out.
  [[nodiscard]] Decision decide(SteadyTime now);
  // Returns when decide() may change its answer without any call: the end of a time slice.
  [[nodiscard]] std::optional<SteadyTime> next_change() const;
  [[nodiscard]] bool has_slot(const std::string& id) const;

 private:
  struct Entry {
    std::string id;
    bool running = false;
    SteadyTime since{};  // start of running or of waiting
  };
  using Level = std::list<Entry>;  // running jobs first, the oldest first; then waiting ones
  using Levels = std::array<Level, 4>;
  static constexpr std::size_t kBackground = 1;

  struct Where {
    Owner owner = 0;
    std::size_t level = 0;
    Level::iterator entry;
  };

  void rotate(Level& level, SteadyTime now) const;
  [[nodiscard]] std::map<Owner, std::size_t> take_turns(SteadyTime now);  // returns the number of slots of each user
  [[nodiscard]] std::map<Owner, std::size_t> deal() const;
  [[nodiscard]] static std::size_t wanted(const Levels& levels);

  unsigned slots_;
  Duration time_slice_;
  std::map<Owner, Levels> users_;
  std::list<Owner> turns_;  // order in which slots are dealt to users
  std::unordered_map<std::string, Where> where_;
  std::optional<SteadyTime> uneven_since_;  // since when some users have a slot more than others that want one
};

}  // namespace larder::agent
