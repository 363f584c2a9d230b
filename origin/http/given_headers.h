// Headers that a caller gives for its requests: which ones are refused, and how many are allowed. One rule for the API,
// for jobs and for direct callers of HttpClient. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "origin/http/http_client.h"

namespace larder::origin {

inline constexpr std::size_t kMaxGivenHeaders = 64;
inline constexpr std::size_t kMaxGivenHeaderName = 256;
inline constexpr std::size_t kMaxGivenHeaderBytes = 16 * 1024;  // all together, as given_bytes() counts them

// Returns the size as sent, with ": " and CR LF.
[[nodiscard]] inline std::size_t given_bytes(const Header& header) {
  return header.first.size() + header.second.size() + 4;
}

// Returns why `header` is refused, as the end of a sentence that begins with "a header": `must not be "Range": …`;
// none: it is allowed. The text has the header's name, never its value, which may be a secret.
[[nodiscard]] std::optional<std::string> refusal_of(const Header& header);
// Returns why the list is refused (one header, their number, their size), as a whole sentence; none: all are allowed.
[[nodiscard]] std::optional<std::string> refusal_of(const std::vector<Header>& headers);

}  // namespace larder::origin
