// How a crowd does (docs/decisions/0019-crowd.md), as people are told. A plain value.
#pragma once

#include <cstddef>
#include <cstdint>

namespace larder::peer {

struct CrowdFigures {
  std::size_t members = 0;   // others that want it or did, as far as heard; this agent not counted
  std::size_t fetchers = 0;  // with live claims, this agent included
  std::uint64_t segments = 0;
  std::uint64_t held = 0;        // here
  std::uint64_t first_hand = 0;  // here, fetched from the origin by this agent
  std::uint64_t elsewhere = 0;   // not here, held by somebody
  std::uint64_t claimed = 0;     // being fetched by others
  std::uint64_t voided = 0;      // claims of others that came to nothing
  friend bool operator==(const CrowdFigures&, const CrowdFigures&) = default;
};

}  // namespace larder::peer
