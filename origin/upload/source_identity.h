// Is the source still the file that the upload began with? Compared before each part and at the end. Pure.
//
// Any difference ends the upload: a file that was written to meanwhile would arrive as a mixture. A writer through a
// mapping may change the bytes long before the times, so the digest of the whole is compared as well.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace larder::origin {

struct SourceIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;   // ctime, nanoseconds since 1970
  std::int64_t modified_ns = 0;  // mtime
  friend bool operator==(const SourceIdentity&, const SourceIdentity&) = default;
};

// Returns what differs, for people: "its size (10 bytes, 12 now), its time of modification"; empty: nothing.
[[nodiscard]] std::string changes_of(const SourceIdentity& before, const SourceIdentity& now);
// Error: source_changed, with the name of the file and what differs.
[[nodiscard]] Status check_source(std::string_view name, const SourceIdentity& before, const SourceIdentity& now);

}  // namespace larder::origin
