// The catalogue's paths: what is asked, and the text of it in a request. Pure; any thread. Format:
// docs/formats/catalogue.md.
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
  bool with_bytes = false;   // the content itself, where it is small
  bool comes_again = false;  // whoever has it already may be asked instead, or this agent once more
  friend bool operator==(const ManifestQuery&, const ManifestQuery&) = default;
};

// GET /v1/leaves/<version key>?first=<segment>&count=<n>|all&open=0|1&leaves=0|1
struct LeavesQuery {
  Digest key{};
  std::uint64_t first = 0;
  std::optional<std::uint64_t> count;  // none: all from `first`
  bool open = false;                   // answered once the swarm serves them
  bool leaves = true;                  // false: the asker knows them, an empty body will do
  friend bool operator==(const LeavesQuery&, const LeavesQuery&) = default;
};

[[nodiscard]] std::string target_of(const ManifestQuery& query);
[[nodiscard]] std::string target_of(const LeavesQuery& query);
// Nothing where path and query are not exactly of this form; members that are not known are skipped.
[[nodiscard]] std::optional<ManifestQuery> parse_manifest_query(std::string_view path, std::string_view query);
[[nodiscard]] std::optional<LeavesQuery> parse_leaves_query(std::string_view path, std::string_view query);

}  // namespace larder::peer
