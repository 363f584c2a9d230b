// Repr-Digest (RFC 9530, a structured dictionary of RFC 8941) and Digest (RFC 3230).
#include <algorithm>

#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

std::optional<Digest> to_digest(std::string_view base64) {
  constexpr std::size_t kBase64Length = 44;  // of 32 bytes
  if (base64.size() != kBase64Length) return std::nullopt;
  const auto bytes = from_base64(base64);
  if (!bytes || bytes->size() != Digest{}.size()) return std::nullopt;
  Digest digest{};
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

constexpr std::size_t kMaxField = 4096;

}  // namespace

std::optional<Digest> parse_repr_digest(std::string_view value) {
  if (value.size() > kMaxField) return std::nullopt;
  std::optional<Digest> digest;
  for (const std::string_view member : split_list(value)) {
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos || member.substr(0, equals) != "sha-256") continue;  // keys are lower case
    std::string_view item = member.substr(equals + 1);
    if (item.size() < 2 || item.front() != ':') return std::nullopt;
    const std::size_t close = item.find(':', 1);
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view after = item.substr(close + 1);
    if (!after.empty() && after.front() != ';') return std::nullopt;  // parameters may follow
    digest = to_digest(item.substr(1, close - 1));                    // the last of equal keys counts
    if (!digest) return std::nullopt;
  }
  return digest;
}

std::optional<Digest> parse_digest(std::string_view value) {
  if (value.size() > kMaxField) return std::nullopt;
  for (const std::string_view element : split_list(value)) {
    const std::size_t equals = element.find('=');
    if (equals == std::string_view::npos) continue;
    if (lower_case(trim(element.substr(0, equals))) == "sha-256") return to_digest(trim(element.substr(equals + 1)));
  }
  return std::nullopt;
}

Result<std::optional<Digest>> promised_sha256(const std::vector<Header>& headers) {
  std::optional<Digest> promised;
  const auto add = [&promised](const std::optional<Digest>& digest) {
    if (!digest) return true;
    if (promised && *promised != *digest) return false;
    promised = digest;
    return true;
  };
  bool agree = true;
  for (const std::string* value : find_all(headers, "repr-digest")) agree = add(parse_repr_digest(*value)) && agree;
  for (const std::string* value : find_all(headers, "digest")) agree = add(parse_digest(*value)) && agree;
  if (!agree) {
    return fail(ErrorCode::bad_response, "read the answer", "its digest fields name two different SHA-256 values");
  }
  return promised;
}

}  // namespace larder::origin
