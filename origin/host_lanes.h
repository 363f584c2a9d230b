// How many requests a host takes at a time, learnt from its refusals (429, 503), and for how long that is remembered.
// One limit for all files and jobs, since the host counts requests of this machine. Pure; one thread.
//
// A refusal while other requests are in flight narrows the host to the number that it served, at least by half. A
// refusal of a request begun before the last change is ignored. At one place, a refusal means that requests come too
// fast: a gap between their beginnings is set, and doubles with each further refusal. After a quiet time without a
// refusal the places double. A host that is not remembered has all places.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "base/runtime/clock.h"

namespace larder::origin {

class HostLanes {
 public:
  static constexpr std::size_t kMaxHosts = 256;  // beyond it the host that was refused longest ago is forgotten
  static constexpr Duration kQuiet = std::chrono::seconds(30);           // without a refusal, until the places double
  static constexpr Duration kLongestQuiet = std::chrono::minutes(10);    // doubles up to it if widening fails again
  static constexpr Duration kFirstGap = std::chrono::milliseconds(250);  // between two beginnings at one place
  static constexpr Duration kLongestGap = std::chrono::seconds(8);
  static constexpr unsigned kServedBeforeFaster = 16;  // served in a row, until the gap is shortened by a quarter
  // Longest part of a Retry-After for which all requests to the host pause (docs/decisions/0027-patience.md). The job
  // of the refused request waits for all of it, up to kMaxRetryAfter: retry_delay() of rules/retry.h, called by
  // JobEngine::wait_for_retry().
  static constexpr Duration kLongestPause = std::chrono::seconds(5);

  explicit HostLanes(std::size_t most) : most_(most) {}

  struct Refusal {
    std::size_t active = 1;  // requests in flight to the host, with this one
    std::size_t served = 0;  // those of them with an answer
    SteadyTime begun_at{};
    std::optional<std::chrono::seconds> retry_after;
  };
  void on_refused(const std::string& host, const Refusal& refusal, SteadyTime now);
  void served(const std::string& host, SteadyTime now);
  void began(const std::string& host, SteadyTime now);

  // Returns whether one more request may begin beside `active` others.
  [[nodiscard]] bool may_begin(const std::string& host, std::size_t active, SteadyTime now);
  // Returns when a pause or gap of the host ends, which may be past; max: the host is not remembered.
  [[nodiscard]] SteadyTime next_change(const std::string& host) const;
  // Return whether the host was narrowed, slowed down or widened after `then`, and whether it served a request after
  // it. False for a host that is not remembered.
  [[nodiscard]] bool narrowed_since(const std::string& host, SteadyTime then) const;
  [[nodiscard]] bool served_since(const std::string& host, SteadyTime then) const;
  [[nodiscard]] std::size_t places(const std::string& host, SteadyTime now);
  [[nodiscard]] std::size_t remembered() const { return hosts_.size(); }

 private:
  struct Host {
    std::size_t places = 1;
    Duration gap{};
    Duration quiet = kQuiet;
    SteadyTime paused_until{};
    SteadyTime narrowed_at{};  // or widened
    SteadyTime refused_at{};
    SteadyTime served_at{};
    SteadyTime began_at{};
    bool widened = false;  // since the last refusal
    unsigned served_in_a_row = 0;
  };
  [[nodiscard]] Host* find_host(const std::string& host, SteadyTime now);
  [[nodiscard]] static SteadyTime open_at(const Host& host);
  void make_room();

  const std::size_t most_;
  std::map<std::string, Host> hosts_;
};

}  // namespace larder::origin
