// Parses DNS answers with SRV records (RFC 1035 §4.1, RFC 2782), as a resolver hands them out. Pure; any thread. The
// bytes come from the network: every length and pointer is checked, and at most kMaxSrvRecords are returned. (The
// parser of c-ares 1.18 leaves out the time to live, which says when to ask again.)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder::peer {

inline constexpr std::size_t kMaxSrvRecords = 64;

struct SrvRecord {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  std::string target;  // without the dot at the end
  friend bool operator==(const SrvRecord&, const SrvRecord&) = default;
};

struct SrvAnswer {
  // Ascending by priority, the heavier first within one priority; the first kMaxSrvRecords of them. None: the name has
  // no such records, or "." (no service).
  std::vector<SrvRecord> records;
  std::chrono::seconds ttl{};  // the shortest
};

// Errors: bad_response, not a DNS answer; not_found, the name does not exist; name_not_resolved, the server answered
// another error.
[[nodiscard]] Result<SrvAnswer> parse_srv_answer(Bytes answer);

}  // namespace larder::peer
