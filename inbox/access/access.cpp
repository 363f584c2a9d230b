#include "inbox/access/access.h"

#include <algorithm>

#include "base/text/text.h"

namespace larder::inbox {
namespace {

constexpr std::size_t kMaxToken = 512;

tl::unexpected<Refused> unauthorized(std::string detail) {
  return tl::unexpected<Refused>(Refused{Problem::unauthorized, std::move(detail), std::nullopt, std::nullopt});
}

// The rest of the value behind "scheme ", where it has that scheme (RFC 9110 §11.4: in any case).
std::optional<std::string_view> behind_scheme(std::string_view value, std::string_view scheme) {
  const std::size_t blank = value.find(' ');
  if (blank == std::string_view::npos || lower_case(value.substr(0, blank)) != scheme) return std::nullopt;
  return trim(value.substr(blank));
}

}  // namespace

Access::Access(const ServerConfig& config) {
  for (const PrincipalConfig& principal : config.principals) {
    for (const std::string& hex : principal.token_sha256)
      if (const auto digest = digest_from_hex(hex)) owners_.emplace(*digest, principal.name);
    for (const std::string& hex : principal.certificate_sha256)
      if (const auto digest = digest_from_hex(hex)) of_certificate_.emplace(*digest, principal.name);
    for (const std::string& name : principal.certificate_names) of_name_.emplace(name, principal.name);
  }
}

Outcome<Principal> Access::owner_of(const http::PeerCertificate& certificate) const {
  const auto found = of_certificate_.find(certificate.sha256);
  if (found != of_certificate_.end()) return Principal{found->second};
  const std::string* owner = nullptr;
  for (const std::string& name : certificate.names) {
    const auto named = of_name_.find(name);
    if (named == of_name_.end()) continue;
    if (owner != nullptr && *owner != named->second)
      return unauthorized("cannot tell who asks: the certificate has names of several principals");
    owner = &named->second;
  }
  if (owner != nullptr) return Principal{*owner};
  return unauthorized("cannot take the certificate: it does not belong to a principal of the configuration");
}

const std::string* Access::owner_of(std::string_view token) const {
  if (token.empty() || token.size() > kMaxToken) return nullptr;
  const auto found = owners_.find(sha256(as_bytes(token)));
  return found == owners_.end() ? nullptr : &found->second;
}

Outcome<Principal> Access::identify(const http::RequestHead& head,
                                    const std::optional<http::PeerCertificate>& certificate) const {
  const std::string* value = nullptr;
  for (const http::Field& field : head.fields) {
    if (!http::same_name(field.name, "Authorization")) continue;
    if (value != nullptr) return unauthorized("cannot tell who asks: there are two fields Authorization");
    value = &field.value;
  }
  if (value == nullptr && certificate) return owner_of(*certificate);
  if (value == nullptr) return Principal{std::string(kAnybody)};
  if (const auto token = behind_scheme(*value, "bearer")) {
    if (const std::string* owner = owner_of(*token)) return Principal{*owner};
    return unauthorized("cannot take the token: nobody of the configuration has it");
  }
  if (const auto encoded = behind_scheme(*value, "basic")) {
    const auto decoded = encoded->size() <= 2 * kMaxToken ? from_base64(*encoded) : std::nullopt;
    if (decoded) {
      const std::string_view pair = http::as_text(*decoded);
      const std::size_t colon = pair.find(':');
      const std::string* owner = colon == std::string_view::npos ? nullptr : owner_of(pair.substr(colon + 1));
      if (owner != nullptr && *owner == pair.substr(0, colon)) return Principal{*owner};
    }
    return unauthorized("cannot take the name and the token: they do not belong to a principal of the configuration");
  }
  return unauthorized("cannot use this scheme of Authorization: Bearer and Basic are known");
}

std::optional<Refused> Access::refusal(const Principal& principal, const InboxConfig& inbox) {
  const auto listed = [&](std::string_view name) {
    return std::find(inbox.principals.begin(), inbox.principals.end(), name) != inbox.principals.end();
  };
  if (listed(kAnybody) || (principal.name != kAnybody && listed(principal.name))) return std::nullopt;
  if (principal.name == kAnybody)
    return Refused{Problem::unauthorized, "cannot upload without credentials: send a token", std::nullopt,
                   std::nullopt};
  return Refused{Problem::forbidden, "cannot upload to this inbox as " + principal.name, std::nullopt, std::nullopt};
}

std::vector<std::string> Access::challenges() {
  return {"Bearer realm=\"larder-inbox\"", "Basic realm=\"larder-inbox\", charset=\"UTF-8\""};
}

std::string new_token() {
  return random_id() + random_id();
}

}  // namespace larder::inbox
