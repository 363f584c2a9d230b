// A request to an origin as the caller states it: the URL, and what decides how it is sent and with whom the answer may
// be shared.
#pragma once

#include <memory>

#include "origin/http/claim.h"
#include "origin/http/http_client.h"
#include "origin/url/url.h"

namespace larder::origin {

struct Target {
  Url url;
  std::shared_ptr<const ConnectOptions> options;
  std::shared_ptr<const UrlPolicy> policy;
  std::shared_ptr<const Lane> lane = nullptr;  // null: none
  // The caller gave a digest or a signature, which decides whether the bytes are right, even if the answer names a
  // coding.
  bool bytes_proven = false;
  std::shared_ptr<Claim> claim = nullptr;  // the users who want it; null: root
};

}  // namespace larder::origin
