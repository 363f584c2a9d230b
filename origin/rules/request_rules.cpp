#include "origin/rules/request_rules.h"

#include <fmt/format.h>

#include "origin/http/http_fields.h"

namespace larder::origin {

std::vector<Header> request_headers(const RequestShape& shape) {
  std::vector<Header> headers;
  if (shape.ranged) {
    const std::string end = shape.length ? fmt::format("{}", shape.offset + *shape.length - 1) : std::string();
    headers.emplace_back("Range", fmt::format("bytes={}-{}", shape.offset, end));
    if (shape.expected != nullptr && shape.expected->has_validator()) {
      const cache::Version& version = *shape.expected;
      headers.emplace_back("If-Range", version.etag.empty() ? version.last_modified : version.etag);
    }
  }
  if (shape.no_cache) {
    headers.emplace_back("Cache-Control", "no-cache");
    headers.emplace_back("Pragma", "no-cache");  // for HTTP/1.0 caches
  }
  if (shape.want_digest) headers.emplace_back("Want-Repr-Digest", "sha-256=1");
  return headers;
}

bool same_site(const Url& asked, const Url& to) {
  if (asked.host != to.host) return false;
  if (asked.scheme == to.scheme) return asked.port == to.port;
  return asked.scheme == "http" && asked.port == 80 && to.scheme == "https" && to.port == 443;
}

std::shared_ptr<const ConnectOptions> options_for(const Url& asked,
                                                  const std::shared_ptr<const ConnectOptions>& options) {
  if (options && (!asked.has_credentials() || !options->user.empty())) return options;
  auto own = options ? std::make_shared<ConnectOptions>(*options) : std::make_shared<ConnectOptions>();
  if (asked.has_credentials()) {
    own->user = asked.user;
    own->password = asked.password;
  }
  return own;
}

std::shared_ptr<const ConnectOptions> options_for_stranger(const ConnectOptions& options) {
  auto reduced = std::make_shared<ConnectOptions>(options);
  reduced->user.clear();
  reduced->password.clear();
  reduced->client_certificate.clear();
  reduced->client_key.clear();
  reduced->client_key_password.clear();
  std::erase_if(reduced->headers, [](const Header& header) {
    const std::string name = lower_case(header.first);
    return name != "accept" && name != "accept-language" && name != "user-agent";
  });
  return reduced;
}

}  // namespace larder::origin
