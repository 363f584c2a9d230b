// Maps the bytes of a content to their place at the origin. For a whole file that is the same offset; a content of
// ranges is these ranges one after the other, in the order given, as BITS does. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/text/units.h"
#include "cache/record/version.h"

namespace larder::agent {

inline constexpr std::uint64_t kToTheEnd = UINT64_MAX;    // length of a range that has no given end
inline constexpr std::uint64_t kFromTheEnd = UINT64_MAX;  // offset of a range that is the last `length` bytes

class PieceMap {
 public:
  // Returns the map of a whole file, whose size may be unknown.
  static PieceMap whole(std::optional<std::uint64_t> size);
  // Returns the map of `ranges`; `size` is that of the whole file. Errors: invalid_argument for an empty range, one out
  // of bounds, a suffix range that overlaps another range, or too large a sum; range_not_supported where a range needs
  // the size and it is unknown. A suffix range longer than the file is the whole file, of an empty file nothing (RFC
  // 9110 §14.1.2).
  static Result<PieceMap> of_ranges(const std::vector<ByteRange>& ranges, std::optional<std::uint64_t> size,
                                    const std::string& url);

  [[nodiscard]] bool is_whole() const { return pieces_.empty(); }
  [[nodiscard]] std::optional<std::uint64_t> content_size() const { return content_size_; }
  [[nodiscard]] std::optional<std::uint64_t> origin_size() const { return origin_size_; }
  // Returns the ranges at the origin that make up `window` of the content, in its order, adjacent ones joined.
  [[nodiscard]] std::vector<ByteRange> parts(ByteRange window) const;

 private:
  struct Piece {
    std::uint64_t content_offset = 0;
    ByteRange origin;
  };
  std::vector<Piece> pieces_;
  std::optional<std::uint64_t> content_size_;
  std::optional<std::uint64_t> origin_size_;
};

// Returns the version under which a content of ranges is stored. Its URL carries the ranges as a fragment, which no
// canonical URL has: requests for the URL do not find it, but the same file finds its own earlier attempt.
[[nodiscard]] cache::Version version_of_ranges(const cache::Version& whole, const std::vector<ByteRange>& ranges,
                                               std::optional<std::uint64_t> content_size);

}  // namespace larder::agent
