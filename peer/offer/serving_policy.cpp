#include "peer/offer/serving_policy.h"

namespace larder::peer {

ServingStop serving_stop(const ServingRules& rules, const ServingFacts& facts) {
  if (!rules.serve) return ServingStop::configured;
  if (facts.metered && !rules.serve_metered) return ServingStop::metered;
  if (facts.on_battery && facts.battery < rules.min_battery) return ServingStop::battery;
  return ServingStop::none;
}

std::string serving_stop_text(ServingStop stop, const ServingRules& rules, const ServingFacts& facts) {
  switch (stop) {
    case ServingStop::none:
      return "";
    case ServingStop::configured:
      return "peer.serve is false";
    case ServingStop::metered:
      return "the network is metered; peer.serve_metered = true serves all the same, peer.metered says what it is";
    case ServingStop::battery:
      return "on battery with " + std::to_string(facts.battery) + " % left, less than peer.min_battery (" +
             std::to_string(rules.min_battery) + " %)";
  }
  return "";
}

}  // namespace larder::peer
