// The simulated offices that tests and larder_crowd_sim run (crowd_world.h).
#pragma once

#include <map>
#include <string>

#include "peer/group/keys.h"
#include "tests/sim/crowd_world.h"

namespace larder::sim {

// 2 GiB over 1 Gbit/s, all hosts at once: segments of 32 MiB.
[[nodiscard]] WorldOptions large_crowd(std::size_t hosts);
[[nodiscard]] std::map<std::string, WorldOptions> scenarios();
// Anything: as many hosts, sizes, lines, troubles as the seed says, and at most one attacker.
[[nodiscard]] WorldOptions random_world(std::uint64_t seed);

}  // namespace larder::sim
