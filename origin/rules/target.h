// What is asked of an origin: the URL, and all that decides how it is asked and who may have the answer.
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
  // The caller gave a digest or a signature: it decides over the bytes, also where the answer makes them doubtful.
  bool bytes_proven = false;
  std::shared_ptr<Claim> claim = nullptr;  // for whom; null: root
};

}  // namespace larder::origin
