// Hosts at which the plainest question about a file does not work: HEAD hangs, is cut off or refused, or a range is.
// Probes of their URLs begin where the last one ended. Bounded: the oldest is forgotten, and each after an hour, since
// servers are mended. Loop thread only.
#pragma once

#include <deque>
#include <string>

#include "base/clock.h"
#include "origin/url.h"

namespace larder::origin {

// How a probe asks, from the cheapest way to the one that a download itself would go.
enum class ProbeStep : unsigned char {
  head,
  first_byte,  // GET with Range: bytes=0-0
  whole,       // GET; the head is read, the body is not
};

class HelperMemory {
 public:
  static constexpr std::size_t kMaxHosts = 256;
  static constexpr Duration kKept = std::chrono::hours(1);

  void remember(const Url& url, ProbeStep step, SteadyTime now);
  // How to begin at the URL's host.
  [[nodiscard]] ProbeStep first_step(const Url& url, SteadyTime now) const;

 private:
  struct Host {
    std::string name;  // scheme, host and port
    ProbeStep step = ProbeStep::head;
    SteadyTime until{};
  };
  std::deque<Host> hosts_;  // oldest first
};

}  // namespace larder::origin
