// The figures of a crowd (docs/decisions/0019-crowd.md) that are shown to people. A plain value.
#pragma once

#include <cstddef>
#include <cstdint>

namespace larder::peer {

struct CrowdFigures {
  std::size_t members = 0;   // other agents that were heard of this version; an estimate in large crowds
  std::size_t fetchers = 0;  // with live claims, this agent included
  std::uint64_t segments = 0;
  std::uint64_t held = 0;        // here
  std::uint64_t first_hand = 0;  // here, fetched from the origin by this agent
  std::uint64_t elsewhere = 0;   // not here, held by another member
  std::uint64_t claimed = 0;     // live claims of others
  std::uint64_t voided = 0;      // claims of others that expired or were broken
  friend bool operator==(const CrowdFigures&, const CrowdFigures&) = default;
};

}  // namespace larder::peer
