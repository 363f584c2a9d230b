// Whether this agent gives content to peers now: not when it is told not to, not over a network that is paid by volume,
// not on a battery that runs low. Pure; any thread.
#pragma once

#include <string>

namespace larder::peer {

struct ServingRules {
  bool serve = true;
  bool serve_metered = false;
  unsigned min_battery = 30;  // percent; 0: always
};

struct ServingFacts {
  bool metered = false;
  bool on_battery = false;  // runs from a battery now
  unsigned battery = 100;   // percent left
  friend bool operator==(const ServingFacts&, const ServingFacts&) = default;
};

enum class ServingStop { none, configured, metered, battery };

[[nodiscard]] ServingStop serving_stop(const ServingRules& rules, const ServingFacts& facts);
// For people: "" or why not, and what changes it.
[[nodiscard]] std::string serving_stop_text(ServingStop stop, const ServingRules& rules, const ServingFacts& facts);

}  // namespace larder::peer
