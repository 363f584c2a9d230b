// Which jobs run (design §10). Pure: `now` is an argument, the answer is who gets and who loses a slot.
//
// Foreground jobs all run. Background jobs share `slots`: high before normal before low, and a lower level gets no slot
// while a higher one waits. Inside a level it is round robin: a job that waits for a time slice takes the place of the
// one that has run longest, once that one has had its slice.
#pragma once

#include <array>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/jobs/job.h"
#include "base/clock.h"

namespace larder::agent {

class Scheduler {
 public:
  static constexpr Duration kTimeSlice = std::chrono::minutes(5);

  explicit Scheduler(unsigned slots, Duration time_slice = kTimeSlice) : slots_(slots), time_slice_(time_slice) {}

  // The job has become runnable: it waits at the end of its level. Known ids are left as they are.
  void add(const std::string& id, Priority priority, SteadyTime now);
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
  static constexpr std::size_t kBackground = 1;

  void rotate(Level& level, SteadyTime now) const;

  unsigned slots_;
  Duration time_slice_;
  std::array<Level, 4> levels_;
  std::unordered_map<std::string, std::pair<std::size_t, Level::iterator>> where_;
};

}  // namespace larder::agent
