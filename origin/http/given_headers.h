// Headers that a caller gives for its requests: which of them are sent, and how many. One rule for the API, for jobs
// and for whoever asks the client itself. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "origin/http/http_client.h"

namespace larder::origin {

inline constexpr std::size_t kMaxGivenHeaders = 64;
inline constexpr std::size_t kMaxGivenHeaderName = 256;
inline constexpr std::size_t kMaxGivenHeaderBytes = 16 * 1024;  // of all together, as given_bytes() counts them

// As it is sent: with ": " and CR LF.
[[nodiscard]] inline std::size_t given_bytes(const Header& header) {
  return header.first.size() + header.second.size() + 4;
}

// What is wrong with it, of which "a header" is the subject: `must not be "Range": …`; nothing: it is sent. Names the
// header, never its value, which may be a secret.
[[nodiscard]] std::optional<std::string> refusal_of(const Header& header);
// The same of all together, as a whole sentence.
[[nodiscard]] std::optional<std::string> refusal_of(const std::vector<Header>& headers);

}  // namespace larder::origin
