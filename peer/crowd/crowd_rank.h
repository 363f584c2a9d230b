// The order of a crowd's members: BLAKE2b(version key, agent id), the lowest first. Every agent can compute the rank of
// every other. It differs from version to version, so that many files spread over all agents. Pure.
#pragma once

#include <cstdint>

#include "base/hash/digest.h"
#include "peer/group/keys.h"

namespace larder::peer {

[[nodiscard]] std::uint64_t crowd_rank(const Digest& version_key, const AgentId& agent);

}  // namespace larder::peer
