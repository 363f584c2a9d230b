// How much of the disk one user's jobs may hold. Fetched contents that are not collected stay for months, so one user
// could otherwise fill the volume for all. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/jobs/model/job.h"

namespace larder::agent {

struct DiskUse {
  std::uint64_t held = 0;         // bytes present, and bytes to come of running files
  std::uint64_t present = 0;      // bytes present
  std::uint64_t outstanding = 0;  // bytes that running files have yet to write
};
[[nodiscard]] DiskUse disk_use_of(const Job& job);

// Returns why a user may not hold `held_by_user` bytes: at most FairPlaces::kTimes of what is then left for others;
// nothing if it may. `available`: free and evictable bytes of the file system, without those kept free. `outstanding`:
// of all users.
[[nodiscard]] std::optional<std::string> beyond_share(std::uint64_t held_by_user, std::uint64_t outstanding,
                                                      std::uint64_t available);

}  // namespace larder::agent
