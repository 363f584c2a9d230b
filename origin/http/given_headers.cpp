#include "origin/http/given_headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text/text.h"

namespace larder::origin {
namespace {

// The agent alone sets the fields of framing, range, connection and proxy, and the conditional ones: a caller's
// condition would bypass the version checks.
constexpr std::array<std::string_view, 18> kRefused = {
    "accept-encoding", "connection",          "content-length",   "expect",   "host",
    "if-match",        "if-modified-since",   "if-none-match",    "if-range", "if-unmodified-since",
    "keep-alive",      "proxy-authorization", "proxy-connection", "range",    "te",
    "trailer",         "transfer-encoding",   "upgrade",
};

}  // namespace

std::optional<std::string> refusal_of(const Header& header) {
  const auto& [name, value] = header;
  if (!is_token(name) || name.size() > kMaxGivenHeaderName) return "has a name that no header may have";
  if (std::find(kRefused.begin(), kRefused.end(), lower_case(name)) != kRefused.end())
    return fmt::format("must not be \"{}\": the agent sets it itself where it is needed", name);
  if (has_field_control(value)) return fmt::format("has control characters in its value (\"{}\")", name);
  return std::nullopt;
}

std::optional<std::string> refusal_of(const std::vector<Header>& headers) {
  if (headers.size() > kMaxGivenHeaders) return fmt::format("there are more than {} headers", kMaxGivenHeaders);
  std::size_t bytes = 0;
  for (const Header& header : headers) {
    if (const auto refusal = refusal_of(header)) return "a header " + *refusal;
    bytes += given_bytes(header);
  }
  if (bytes > kMaxGivenHeaderBytes) return fmt::format("the headers are larger than {} bytes", kMaxGivenHeaderBytes);
  return std::nullopt;
}

}  // namespace larder::origin
