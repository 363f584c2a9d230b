// The catalogue's paths: the queries, and their text in a request. Pure; any thread. Format: docs/formats/catalogue.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash/digest.h"
#include "peer/messages/datagram.h"

namespace larder::peer {

inline constexpr std::string_view kEnrolPath = "/v1/enrol";
inline constexpr std::string_view kGroupPath = "/v1/group";
inline constexpr std::string_view kPeersPath = "/v1/peers";

// GET /v1/versions/<key>?kind=version|url&inline=0|1&again=0|1
struct ManifestQuery {
  Digest key{};
  KeyKind kind = KeyKind::version;
  bool with_bytes = false;   // also asks for the bytes of a small content
  bool comes_again = false;  // the asker will retry, here or at another holder, so "busy" is a fitting answer
  friend bool operator==(const ManifestQuery&, const ManifestQuery&) = default;
};

// GET /v1/leaves/<version key>?first=<segment>&count=<n>|all&open=0|1&leaves=0|1
struct LeavesQuery {
  Digest key{};
  std::uint64_t first = 0;
  std::optional<std::uint64_t> count;  // nullopt: all from `first`
  bool open = false;                   // answered once the swarm serves the segments
  bool leaves = true;                  // false: the asker has the leaves; the body is empty
  friend bool operator==(const LeavesQuery&, const LeavesQuery&) = default;
};

[[nodiscard]] std::string target_of(const ManifestQuery& query);
[[nodiscard]] std::string target_of(const LeavesQuery& query);
// Parse a path and query; nullopt where they are not of this form. Unknown members are skipped.
[[nodiscard]] std::optional<ManifestQuery> parse_manifest_query(std::string_view path, std::string_view query);
[[nodiscard]] std::optional<LeavesQuery> parse_leaves_query(std::string_view path, std::string_view query);

}  // namespace larder::peer
