// Which cache on the way to the origin an answer names, and whether that cache answered by itself. Pure.
#pragma once

#include <string>

#include "origin/http/http_client.h"

namespace larder::origin {

struct CacheEvidence {
  enum class Answered { unknown, by_cache, by_origin };
  std::string name;  // for people; empty: no cache names itself
  Answered answered = Answered::unknown;
};

// Reads Via, Age, Cache-Status (RFC 9211), X-Cache and its variants, CF-Cache-Status, and whether the exchange went
// through a configured proxy.
[[nodiscard]] CacheEvidence cache_evidence(const HttpHead& head);

}  // namespace larder::origin
