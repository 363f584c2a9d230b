// A thin reader of the kernel's facts about power and network (sysfs, procfs), for the policy of serving. Reading a
// battery may take milliseconds: call it on a worker.
//
// No kernel file says whether a network is metered. A default route over a mobile modem (wwan) or a tethered phone (its
// USB drivers) is taken for a metered one; the setting peer.metered overrides this.
#pragma once

#include <string>

#include "peer/offer/serving_policy.h"

namespace larder::peer {

// `root` is put before /sys and /proc: "" except in tests. Facts that cannot be read count as mains and not metered.
[[nodiscard]] ServingFacts read_serving_facts(const std::string& root = "");

}  // namespace larder::peer
