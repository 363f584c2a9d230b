// What a member tells the crowd that does not do what it says (docs/decisions/0019-crowd.md). For tests only. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "peer/messages/crowd_entry.h"

namespace larder::test {

enum class CrowdLie {
  claims_all,      // claims everything, all the time, and fetches nothing
  false_progress,  // its claims grow as if they were fetched, and never end
  false_holder,    // says that it holds everything, and gives nothing
  loud_holder,     // says that it holds everything, and gives it as its other lie (evil_content.h) has it
};
[[nodiscard]] std::optional<CrowdLie> parse_crowd_lie(const std::string& name);

// Its `number`th datagram; they are so far apart.
inline constexpr unsigned kEvilCrowdEveryMs = 250;
[[nodiscard]] peer::CrowdEntry evil_entry(CrowdLie lie, const Digest& version_key, std::uint64_t segments,
                                          std::uint64_t segment_size, std::uint64_t number);

}  // namespace larder::test
