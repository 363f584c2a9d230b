#include "tests/office/evil_crowd.h"

#include <algorithm>
#include <array>

namespace larder::test {

std::optional<CrowdLie> parse_crowd_lie(const std::string& name) {
  static constexpr std::array kNames{"claims_all", "false_progress", "false_holder", "loud_holder"};
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<CrowdLie>(found - kNames.begin());
}

peer::CrowdEntry evil_entry(CrowdLie lie, const Digest& version_key, std::uint64_t segments, std::uint64_t segment_size,
                            std::uint64_t number) {
  peer::CrowdEntry entry;
  entry.version_key = version_key;
  entry.segments = static_cast<std::uint32_t>(segments);
  if (lie == CrowdLie::false_holder || lie == CrowdLie::loud_holder) {
    entry.wants = false;
    entry.complete = true;
    return entry;
  }
  // As many claims as fit: those of claims_all walk on with each datagram, so that in turn all are claimed.
  const std::uint64_t count = std::min<std::uint64_t>(peer::kMaxCrowdClaims, segments);
  const std::uint64_t first = lie == CrowdLie::claims_all ? number * count : 0;
  constexpr std::uint64_t kRate = 1 << 20;  // bytes/s: what an honest fetcher might do
  const std::uint64_t grown = std::min(number * kEvilCrowdEveryMs * kRate / 1000, segment_size - 1);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto bytes = lie == CrowdLie::false_progress ? static_cast<std::uint32_t>(grown) : 0;
    entry.claims.push_back({static_cast<std::uint32_t>((first + i) % segments), bytes});
  }
  return entry;
}

}  // namespace larder::test
