#include "peer/crowd/crowd_rank.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace larder::peer {

std::uint64_t crowd_rank(const Digest& version_key, const AgentId& agent) {
  std::array<std::byte, sizeof(Digest) + sizeof(AgentId)> both{};
  std::copy(version_key.begin(), version_key.end(), both.begin());
  std::copy(agent.begin(), agent.end(), both.begin() + sizeof(Digest));
  const Digest hash = blake2b256(both);
  std::uint64_t rank = 0;
  for (std::size_t i = 0; i < sizeof rank; ++i) rank = (rank << 8) | static_cast<std::uint64_t>(hash[i]);
  return rank;
}

}  // namespace larder::peer
