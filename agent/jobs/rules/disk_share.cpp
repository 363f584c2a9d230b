#include "agent/jobs/rules/disk_share.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fair_places.h"
#include "base/text/units.h"

namespace larder::agent {

DiskUse disk_use_of(const Job& job) {
  DiskUse use;
  for (const File& file : job.files) {
    const bool waits = file.state == FileState::waiting || file.state == FileState::failed;
    const std::uint64_t whole = waits ? file.bytes : std::max(file.size.value_or(file.bytes), file.bytes);
    use.held += whole;
    use.present += file.bytes;
    if (file.state == FileState::active) use.outstanding += whole - file.bytes;
  }
  return use;
}

std::optional<std::string> beyond_share(std::uint64_t held_by_user, std::uint64_t outstanding,
                                        std::uint64_t available) {
  const std::uint64_t left = available - std::min(available, outstanding);
  if (held_by_user / FairPlaces::kTimes <= left) return std::nullopt;
  return fmt::format(
      "your jobs would hold {} and leave {} for others; one user's jobs may hold at most {} times what is left; "
      "complete or cancel some",
      format_bytes(held_by_user), format_bytes(left), FairPlaces::kTimes);
}

}  // namespace larder::agent
