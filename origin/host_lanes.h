// How many requests a host bears, learnt from its refusals (429, 503), and for how long that is remembered. For all
// files and jobs: the host counts this machine's requests, not a file's. Pure.
//
// A refusal while others of ours were under way narrows the host to those that it served, at least by half; refusals of
// requests that were begun before that tell nothing new. With one request at a time left, a refusal means that they
// come too fast: they are set apart, twice as far each time. Without a refusal for a while there are twice as many
// places again. A host of which nothing is remembered has all of them.
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
  static constexpr std::size_t kMaxHosts = 256;  // remembered; one more takes the place of the longest quiet one
  static constexpr Duration kQuiet = std::chrono::seconds(30);           // without a refusal: twice the places
  static constexpr Duration kLongestQuiet = std::chrono::minutes(10);    // where they were too many again and again
  static constexpr Duration kFirstGap = std::chrono::milliseconds(250);  // between two beginnings, one at a time
  static constexpr Duration kLongestGap = std::chrono::seconds(8);
  static constexpr unsigned kServedBeforeFaster = 16;  // in a row, until the gap is shortened by a quarter
  // Of a Retry-After that all others wait for. Who was refused waits for the whole of it.
  static constexpr Duration kLongestPause = std::chrono::seconds(5);

  explicit HostLanes(std::size_t most) : most_(most) {}

  struct Refusal {
    std::size_t active = 1;  // requests to the host, with this one
    std::size_t served = 0;  // those of them that the host answers
    SteadyTime begun_at{};
    std::optional<std::chrono::seconds> retry_after;
  };
  void refused(const std::string& host, const Refusal& refusal, SteadyTime now);
  void served(const std::string& host, SteadyTime now);
  void began(const std::string& host, SteadyTime now);

  // Whether one more may begin beside `active` others.
  [[nodiscard]] bool may_begin(const std::string& host, std::size_t active, SteadyTime now);
  // When may_begin() may say otherwise with no other one under way; max: nothing is waited for.
  [[nodiscard]] SteadyTime next_change(const std::string& host) const;
  // The host was narrowed after `then`, or has served something after it.
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
  [[nodiscard]] Host* find(const std::string& host, SteadyTime now);
  [[nodiscard]] static SteadyTime open_at(const Host& host);
  void make_room();

  const std::size_t most_;
  std::map<std::string, Host> hosts_;
};

}  // namespace larder::origin
