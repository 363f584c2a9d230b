#include "peer/messages/crowd_wire.h"

#include <algorithm>

namespace larder::peer {
namespace {

constexpr std::uint8_t kWants = 1;
constexpr std::uint8_t kComplete = 2;
constexpr std::uint8_t kSingle = 4;  // one segment: neither number nor bitmap follow, claims have no segment
constexpr std::uint8_t kClaims = 8;
constexpr std::size_t kKey = sizeof(Digest) + 1;  // with the flags
constexpr std::size_t kNumbers = 4 + 4 + 1;       // number of segments, first, length of the bitmap

bool is_single(const CrowdEntry& entry) {
  return entry.segments == 1;
}

std::uint8_t flags_of(const CrowdEntry& entry) {
  unsigned flags = 0;
  if (entry.wants) flags |= kWants;
  if (entry.complete) flags |= kComplete;
  if (is_single(entry)) flags |= kSingle;
  if (!entry.claims.empty()) flags |= kClaims;
  return static_cast<std::uint8_t>(flags);
}

void write_entry(WireWriter& out, const CrowdEntry& entry) {
  out.bytes(entry.version_key);
  out.number(flags_of(entry));
  const bool single = is_single(entry);
  if (!single) {
    out.number(entry.segments);
    out.number(entry.first);
    out.number(static_cast<std::uint8_t>(entry.held.size()));
    out.bytes(entry.held);
  }
  if (entry.claims.empty()) return;
  if (!single) out.number(static_cast<std::uint8_t>(entry.claims.size()));
  for (const CrowdClaim& claim : entry.claims) {
    if (!single) out.number(claim.segment);
    out.number(claim.bytes);
    if (single) return;
  }
}

// Returns what is wrong with an entry; empty: nothing.
std::string wrong_with(const CrowdEntry& entry) {
  if (entry.segments == 0 || entry.segments > kMaxCrowdSegments) return "a crowd's number of segments cannot be";
  if (entry.first % 8 != 0 || entry.first >= entry.segments) return "a crowd's bitmap begins where none can";
  if (entry.complete && !entry.held.empty()) return "a crowd's bitmap is of somebody who has everything";
  if (entry.complete && !entry.claims.empty()) return "somebody who has everything claims segments";
  for (const CrowdClaim& claim : entry.claims) {
    if (claim.segment >= entry.segments) return "a claim is of a segment that is not there";
  }
  return {};
}

std::size_t read_numbers(WireReader& in, CrowdEntry& entry) {
  entry.segments = in.number<std::uint32_t>();
  entry.first = in.number<std::uint32_t>();
  return in.number<std::uint8_t>();
}

std::string read_entry(WireReader& in, CrowdEntry& entry) {
  entry.version_key = in.array<32>();
  const auto flags = in.number<std::uint8_t>();
  entry.wants = (flags & kWants) != 0;
  entry.complete = (flags & kComplete) != 0;
  const bool single = (flags & kSingle) != 0;
  if (!single) {
    const std::size_t length = read_numbers(in, entry);
    if (length > kMaxCrowdBitmap) return "a crowd's bitmap is too long";
    const Bytes bits = in.bytes(length);
    entry.held.assign(bits.begin(), bits.end());
    if (in.ok() && entry.segments == 1) return "a crowd of one segment is not written as one";
  }
  if ((flags & kClaims) == 0) return in.ok() ? wrong_with(entry) : "";
  const std::size_t claims = single ? 1 : in.number<std::uint8_t>();
  if (in.ok() && (claims == 0 || claims > kMaxCrowdClaims)) return "it has no claim or too many";
  for (std::size_t i = 0; i < claims && in.ok(); ++i) {
    CrowdClaim claim;
    if (!single) claim.segment = in.number<std::uint32_t>();
    claim.bytes = in.number<std::uint32_t>();
    entry.claims.push_back(claim);
  }
  return in.ok() ? wrong_with(entry) : "";
}

}  // namespace

std::size_t encoded_size(const CrowdEntry& entry) {
  if (is_single(entry)) return kKey + (entry.claims.empty() ? 0 : 4);
  return kKey + kNumbers + entry.held.size() + (entry.claims.empty() ? 0 : 1 + 8 * entry.claims.size());
}

void write_crowd(WireWriter& out, const std::vector<CrowdEntry>& entries) {
  out.number(static_cast<std::uint8_t>(entries.size()));
  for (const CrowdEntry& entry : entries) write_entry(out, entry);
}

tl::expected<std::vector<CrowdEntry>, std::string> read_crowd(WireReader& in) {
  std::vector<CrowdEntry> entries;
  const std::size_t count = in.number<std::uint8_t>();
  if (!in.ok()) return entries;
  if (count == 0 || count > kMaxCrowdEntries) return tl::unexpected<std::string>("it has no crowd or too many");
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    CrowdEntry entry;
    std::string wrong = read_entry(in, entry);
    if (!wrong.empty()) return tl::unexpected<std::string>(std::move(wrong));
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace larder::peer
