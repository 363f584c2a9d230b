// Where the bytes of a content are at the origin. For a whole file that is the same place; for a file of ranges the
// content is the ranges one after the other in the order given, as BITS does. Pure.
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
  // The content is the whole, of known size or not.
  static PieceMap whole(std::optional<std::uint64_t> size);
  // `size` is of the whole at the origin. Errors: invalid_argument for an empty range, one out of bounds, or two that
  // overlap; range_not_supported where the end is asked for and not known. The last bytes of a file that has fewer are
  // all of it, of an empty one none (RFC 9110 §14.1.2).
  static Result<PieceMap> of_ranges(const std::vector<ByteRange>& ranges, std::optional<std::uint64_t> size,
                                    const std::string& url);

  [[nodiscard]] bool is_whole() const { return pieces_.empty(); }
  [[nodiscard]] std::optional<std::uint64_t> content_size() const { return content_size_; }
  [[nodiscard]] std::optional<std::uint64_t> origin_size() const { return origin_size_; }
  // The ranges at the origin that make up `window` of the content, in order, neighbours joined.
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

// The version that a content made of ranges is bound to: the URL carries the ranges as a fragment, which no canonical
// URL has, so that nobody who asks for the URL finds it, but the same file finds its own earlier attempt.
[[nodiscard]] cache::Version version_of_ranges(const cache::Version& whole, const std::vector<ByteRange>& ranges,
                                               std::optional<std::uint64_t> content_size);

}  // namespace larder::agent
