// How much of the disk one user's jobs may hold: what they fetched and nobody has collected yet stays for months, so
// one user could fill the volume for all. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/jobs/model/job.h"

namespace larder::agent {

struct DiskUse {
  std::uint64_t held = 0;         // what there is of the files, and what running ones will come to
  std::uint64_t present = 0;      // what there is of them
  std::uint64_t outstanding = 0;  // what running ones have yet to write
};
[[nodiscard]] DiskUse disk_use_of(const Job& job);

// Why a user may not hold so much: at most FairPlaces::kTimes as much as is then left for others. None: it may.
// `available`: on the file system, without what stays free, with what can be evicted; `outstanding`: of all users.
[[nodiscard]] std::optional<std::string> beyond_share(std::uint64_t held_by_user, std::uint64_t outstanding,
                                                      std::uint64_t available);

}  // namespace larder::agent
