// Decides whether this agent serves peers now: not when the configuration forbids it, not over a metered network, not
// on a battery that runs low. Pure; any thread.
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
// Returns for people why this agent does not serve and which setting changes that; "" while it serves.
[[nodiscard]] std::string serving_stop_text(ServingStop stop, const ServingRules& rules, const ServingFacts& facts);

}  // namespace larder::peer
