// Memory of hosts and URLs for which a cheaper probe request does not work: HEAD hangs, is cut off or refused, or a
// range is. A probe begins at the step where the last one ended. Bounded: the oldest entry is forgotten, and each after
// an hour, since servers get repaired. Loop thread only.
#pragma once

#include <deque>
#include <string>

#include "base/runtime/clock.h"
#include "origin/url/url.h"

namespace larder::origin {

// How a probe asks, from the cheapest request to the one that a download itself would send.
enum class ProbeStep : unsigned char {
  head,
  first_byte,  // GET with Range: bytes=0-0
  whole,       // GET; the head is read, the body is not
};

// The step at which later probes should begin, learnt by one probe. `head`: nothing was learnt.
struct ProbeLesson {
  ProbeStep host = ProbeStep::head;  // for each URL of the host
  ProbeStep url = ProbeStep::head;   // for this URL only: an empty file refuses every range, other files do not
};

class HelperMemory {
 public:
  static constexpr std::size_t kMaxEntries = 256;
  static constexpr Duration kKept = std::chrono::hours(1);

  void remember(const Url& url, const ProbeLesson& lesson, SteadyTime now);
  [[nodiscard]] ProbeStep first_step(const Url& url, SteadyTime now) const;

 private:
  struct Entry {
    std::string name;
    ProbeStep step = ProbeStep::head;
    SteadyTime until{};
  };
  void add(std::string name, ProbeStep step, SteadyTime now);
  [[nodiscard]] ProbeStep step_of(const std::string& name, SteadyTime now) const;

  std::deque<Entry> entries_;  // oldest first
};

}  // namespace larder::origin
