#include "origin/http/http_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text/text.h"
#include "origin/http/authorities.h"
#include "origin/http/given_headers.h"
#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

tl::unexpected<Error> invalid(std::string detail) {
  return fail(ErrorCode::invalid_argument, "use the connection options", std::move(detail));
}

}  // namespace

const std::string* HttpHead::find_field(std::string_view name) const {
  for (auto it = headers.rbegin(); it != headers.rend(); ++it) {
    if (it->first == name) return &it->second;
  }
  return nullptr;
}

bool names_secret(std::string_view header_name) {
  // Custom names too ("PRIVATE-TOKEN", "X-Api-Key"): a false match only keeps content private, a miss leaks it.
  const std::string name = lower_case(header_name);
  for (const std::string_view word :
       {"auth", "cookie", "token", "secret", "key", "session", "credential", "password"}) {
    if (name.find(word) != std::string::npos) return true;
  }
  return false;
}

bool ConnectOptions::has_credentials() const {
  if (!user.empty() || !password.empty() || !client_certificate.empty()) return true;
  return std::any_of(headers.begin(), headers.end(), [](const Header& h) { return names_secret(h.first); });
}

Status check_connect_options(const ConnectOptions& options) {
  constexpr std::size_t kMaxUser = 300, kMaxPassword = 65535, kMaxPem = 256 * 1024;
  if (const auto refusal = refusal_of(options.headers)) return invalid(*refusal);
  if (options.user.size() > kMaxUser || options.proxy_user.size() > kMaxUser) {
    return invalid(fmt::format("a user name is longer than {} bytes", kMaxUser));
  }
  if (options.password.size() > kMaxPassword || options.proxy_password.size() > kMaxPassword) {
    return invalid("a password is longer than 65535 bytes");
  }
  if (options.client_certificate.size() > kMaxPem || options.client_key.size() > kMaxPem) {
    return invalid("the client certificate or its key is larger than 256 KiB");
  }
  if (!options.ca_certificates.empty()) {
    if (Status ok = check_authorities(options.ca_certificates); !ok) return ok;
  }
  const bool key_inside = options.client_certificate.find("PRIVATE KEY-----") != std::string::npos;
  if (options.client_certificate.empty() != (options.client_key.empty() && !key_inside)) {
    return invalid("a client certificate and its key belong together; one is missing");
  }
  for (const std::string* text : {&options.user, &options.proxy, &options.proxy_user}) {
    if (has_field_control(*text)) return invalid("a user name or proxy has control characters");
  }
  return {};
}

}  // namespace larder::origin
