// A version: the bytes of a URL at one time, as its origin names them. Content is found again by it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/hash/digest.h"

namespace larder::cache {

struct Version {
  std::string url;                    // canonical (origin/url/url.h)
  std::optional<std::uint64_t> size;  // bytes of the whole content
  std::string etag;                   // a strong ETag with its quotes, or empty; weak ones are never kept
  std::string last_modified;          // IMF-fixdate as in RFC 9110 §5.6.7, or empty

  // A version without a validator is never shared and never found again (docs/decisions/0030-what-is-shared.md).
  [[nodiscard]] bool has_validator() const { return !etag.empty() || !last_modified.empty(); }
  friend bool operator==(const Version&, const Version&) = default;
};

// Returns a fixed-size name of a version (SHA-256): equal for equal versions only.
[[nodiscard]] Digest version_name(const Version& version);

}  // namespace larder::cache
