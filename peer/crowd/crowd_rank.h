// The order of a version's members: BLAKE2b(version key, agent id), the lowest first. Every agent knows it of every
// other, and it is another for each version: so many files spread over all. Pure.
#pragma once

#include <cstdint>

#include "base/hash/digest.h"
#include "peer/group/keys.h"

namespace larder::peer {

[[nodiscard]] std::uint64_t crowd_rank(const Digest& version_key, const AgentId& agent);

}  // namespace larder::peer
