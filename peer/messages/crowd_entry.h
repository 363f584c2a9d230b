// The entry of a CROWD datagram for one version (docs/formats/datagram.md). Plain values.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/hash/digest.h"

namespace larder::peer {

inline constexpr std::size_t kMaxCrowdClaims = 8;            // of one agent for one version
inline constexpr std::size_t kMaxCrowdEntries = 32;          // in one datagram
inline constexpr std::size_t kMaxCrowdBitmap = 128;          // bytes: a window of 1024 segments
inline constexpr std::uint32_t kMaxCrowdSegments = 1 << 20;  // 64 TiB

// "I am fetching this segment from the origin now."
struct CrowdClaim {
  std::uint32_t segment = 0;
  std::uint32_t bytes = 0;  // fetched of it so far
  friend bool operator==(const CrowdClaim&, const CrowdClaim&) = default;
};

struct CrowdEntry {
  Digest version_key{};
  std::uint32_t segments = 1;      // of the content; at least 1
  bool wants = true;               // segments are missing, and the transfer goes on
  bool complete = false;           // all segments are held; `held` is empty
  std::uint32_t first = 0;         // segment of the bitmap's first bit, a multiple of 8; large contents take turns
  std::vector<std::byte> held;     // bitmap, lowest bit first; segments beyond its end in the window are not held
  std::vector<CrowdClaim> claims;  // in the order of their fetches
  friend bool operator==(const CrowdEntry&, const CrowdEntry&) = default;
};

// The order of a sender's entries: start epoch and sequence of its datagram.
struct CrowdStamp {
  std::uint64_t start_epoch = 0;
  std::uint64_t sequence = 0;
  friend auto operator<=>(const CrowdStamp&, const CrowdStamp&) = default;
};

// Returns the bytes that the entry takes in a datagram.
[[nodiscard]] std::size_t encoded_size(const CrowdEntry& entry);
// Room of one datagram for all its entries, bytes.
inline constexpr std::size_t kMaxCrowdBytes = 1090;

}  // namespace larder::peer
