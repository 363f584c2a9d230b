#include "cache/record/content_ids.h"

#include <fmt/format.h>

#include "base/runtime/loop.h"

namespace larder::cache {
namespace {

constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 44U) - 1;  // eleven digits: until the year 2527
constexpr std::uint32_t kCountMask = (1U << 20U) - 1;

}  // namespace

ContentIds::ContentIds() : random_(make_system_random()) {}

ContentId ContentIds::next(WallTime now) {
  if (count_ % kContentsPerPrefix == 0) prefix_ = fmt::format("{:02x}", random_->next() & 0xffU);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  return fmt::format("{}{:011x}{:05x}{:014x}", prefix_, static_cast<std::uint64_t>(milliseconds) & kTimeMask,
                     count_++ & kCountMask, random_->next() >> 8U);
}

}  // namespace larder::cache
