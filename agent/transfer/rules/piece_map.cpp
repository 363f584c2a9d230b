#include "agent/transfer/rules/piece_map.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash/digest.h"
#include "base/io/log.h"

namespace larder::agent {
namespace {

bool is_suffix(const ByteRange& range) {
  return range.offset == kFromTheEnd;
}

std::string describe(std::size_t index, const ByteRange& range) {
  if (is_suffix(range)) return fmt::format("range {} (the last {} bytes)", index, range.length);
  if (range.length == kToTheEnd) return fmt::format("range {} (offset {} to the end)", index, range.offset);
  return fmt::format("range {} (offset {}, length {})", index, range.offset, range.length);
}

// Returns the range with its length known and checked.
Result<ByteRange> resolve(std::size_t index, const ByteRange& range, std::optional<std::uint64_t> size,
                          const std::string& doing) {
  if (range.length == 0) {
    return fail(ErrorCode::invalid_argument, doing, describe(index, range) + " is empty; leave it out");
  }
  const bool to_the_end = range.length == kToTheEnd;
  if (!size) {
    if (to_the_end || is_suffix(range)) {
      return fail(ErrorCode::range_not_supported, doing,
                  describe(index, range) +
                      " needs the size, which the origin does not say; give a length or ask for "
                      "the whole file");
    }
    if (range.offset > UINT64_MAX - range.length) {
      return fail(ErrorCode::invalid_argument, doing, describe(index, range) + " is out of bounds");
    }
    return range;
  }
  if (is_suffix(range)) {
    const std::uint64_t length = std::min(range.length, *size);
    return ByteRange{*size - length, length};
  }
  const bool inside = range.offset < *size && (to_the_end || range.length <= *size - range.offset);
  if (!inside) {
    return fail(ErrorCode::invalid_argument, doing,
                fmt::format("{} is out of bounds: the file has {} bytes", describe(index, range), *size));
  }
  return to_the_end ? ByteRange{range.offset, *size - range.offset} : range;
}

}  // namespace

PieceMap PieceMap::whole(std::optional<std::uint64_t> size) {
  PieceMap map;
  map.content_size_ = size;
  map.origin_size_ = size;
  return map;
}

Result<PieceMap> PieceMap::of_ranges(const std::vector<ByteRange>& ranges, std::optional<std::uint64_t> size,
                                     const std::string& url) {
  const std::string doing = "fetch ranges of " + log::redact_url(url);
  PieceMap map;
  map.origin_size_ = size;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    Result<ByteRange> range = resolve(i, ranges[i], size, doing);
    if (!range) return tl::unexpected<Error>(range.error());
    if (total > UINT64_MAX - range->length) {
      return fail(ErrorCode::invalid_argument, doing, "the ranges together are too large");
    }
    map.pieces_.push_back({total, *range});
    total += range->length;
  }
  // Other ranges were compared with each other when the job was added.
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const ByteRange& last = map.pieces_[i].origin;
    for (std::size_t j = 0; is_suffix(ranges[i]) && j < ranges.size(); ++j) {
      const ByteRange& other = map.pieces_[j].origin;
      if (i == j || other.offset >= last.end() || last.offset >= other.end()) continue;
      return fail(ErrorCode::invalid_argument, doing,
                  fmt::format("{} overlaps {}: the file has {} bytes", describe(i, ranges[i]), describe(j, ranges[j]),
                              size.value_or(0)));
    }
  }
  map.content_size_ = total;
  return map;
}

std::vector<ByteRange> PieceMap::parts(ByteRange window) const {
  if (is_whole()) return {window};
  std::vector<ByteRange> parts;
  for (const Piece& piece : pieces_) {
    const std::uint64_t begin = std::max(window.offset, piece.content_offset);
    const std::uint64_t end = std::min(window.end(), piece.content_offset + piece.origin.length);
    if (begin >= end) continue;
    const ByteRange part{piece.origin.offset + (begin - piece.content_offset), end - begin};
    if (!parts.empty() && parts.back().end() == part.offset) {
      parts.back().length += part.length;
    } else {
      parts.push_back(part);
    }
  }
  return parts;
}

cache::Version version_of_ranges(const cache::Version& whole, const std::vector<ByteRange>& ranges,
                                 std::optional<std::uint64_t> content_size) {
  std::string list;
  for (const ByteRange& range : ranges) {
    list += fmt::format("{}{}+{}", list.empty() ? "" : ",",
                        is_suffix(range) ? std::string("last") : std::to_string(range.offset),
                        range.length == kToTheEnd ? std::string("end") : std::to_string(range.length));
  }
  constexpr std::size_t kReadable = 200;
  if (list.size() > kReadable) list = to_hex(blake2b256(as_bytes(list)));
  cache::Version version = whole;
  version.url += "#ranges=" + list;
  version.size = content_size;
  return version;
}

}  // namespace larder::agent
