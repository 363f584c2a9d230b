// Header fields of a probe or a fetch, and which of the caller's options may go to another host. Pure.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "cache/record/version.h"
#include "origin/http/http_client.h"
#include "origin/url/url.h"

namespace larder::origin {

struct RequestShape {
  const cache::Version* expected = nullptr;
  bool head = false;
  bool ranged = false;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  bool no_cache = false;     // caches on the way must revalidate
  bool want_digest = false;  // Want-Repr-Digest (RFC 9530 §4)
};

// Returns Range, If-Range (strong ETag, else Last-Modified; only together with Range), Cache-Control, Want-Repr-Digest.
[[nodiscard]] std::vector<Header> request_headers(const RequestShape& shape);

// Returns whether the caller's credentials for `asked` may go to `to`: same scheme, host and port, or the step from
// http to https on the default ports of the same host, which only adds encryption.
[[nodiscard]] bool same_site(const Url& asked, const Url& to);
// Returns the options with the credentials of the URL, if the options have no user.
[[nodiscard]] std::shared_ptr<const ConnectOptions> options_for(const Url& asked,
                                                                const std::shared_ptr<const ConnectOptions>& options);
// Returns the options for another site: proxy, CA and time-outs stay; user, password, client certificate and every
// header but Accept, Accept-Language and User-Agent are left out, since any header may be a credential.
[[nodiscard]] std::shared_ptr<const ConnectOptions> options_for_stranger(const ConnectOptions& options);

}  // namespace larder::origin
