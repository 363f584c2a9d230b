// What the kernel tells of power and network (sysfs, procfs): a thin reader for the policy of serving. Reading a
// battery may take milliseconds: on a worker.
//
// Metered networks: no kernel file says it. A default route over a mobile modem (wwan) or a tethered phone (its USB
// drivers) is taken for one; whoever knows better says so with peer.metered.
#pragma once

#include <string>

#include "peer/offer/serving_policy.h"

namespace larder::peer {

// `root` is in front of /sys and /proc: "" but in tests. What cannot be read is not there: mains, not metered.
[[nodiscard]] ServingFacts read_serving_facts(const std::string& root = "");

}  // namespace larder::peer
