#include "cache/write/content_hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace larder::cache {
namespace {

constexpr std::uint64_t kReadBuffer = kMiB;

}  // namespace

Result<std::uint64_t> hash_step(File& file, const ContentId& id, Sha256& hash, std::uint64_t offset,
                                std::uint64_t size) {
  std::vector<std::byte> buffer(std::min(kReadBuffer, size - offset));
  const std::uint64_t end = std::min(size, offset + kHashStep);
  while (offset < end) {
    const std::span wanted(buffer.data(), std::min<std::uint64_t>(buffer.size(), end - offset));
    auto got = file.read_at(offset, wanted);
    if (!got) return tl::unexpected(got.error());
    if (*got != wanted.size()) {
      return fail(ErrorCode::content_damaged, "read content " + id,
                  fmt::format("the file ends at {} of {}", offset + *got, size));
    }
    hash.update(wanted);
    offset += *got;
  }
  return offset;
}

}  // namespace larder::cache
