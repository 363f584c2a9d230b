// Which cache between here and the origin an answer names, and whether it answered by itself. Pure.
#pragma once

#include <string>

#include "origin/http/http_client.h"

namespace larder::origin {

struct CacheEvidence {
  enum class Answered { unknown, by_cache, by_origin };
  std::string name;  // for people; empty: no cache names itself
  Answered answered = Answered::unknown;
};

// From Via, Age, Cache-Status (RFC 9211), X-Cache and its kin, CF-Cache-Status, and a proxy that we use ourselves.
[[nodiscard]] CacheEvidence cache_evidence(const HttpHead& head);

}  // namespace larder::origin
