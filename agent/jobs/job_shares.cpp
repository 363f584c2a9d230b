// JobEngine: what one user may hold of what all users share.
#include <algorithm>
#include <utility>

#include "agent/jobs/job_engine.h"
#include "agent/jobs/rules/disk_share.h"
#include "base/io/log.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

constexpr std::uint64_t kShareStep = kMiB;
constexpr std::uint64_t kKeptFree = kGiB;  // of an automatic keep_free, which is much on a large disk

}  // namespace

Want JobEngine::want_of(const LiveJob& live) const {
  return {account_of(live), static_cast<unsigned>(live.job.options.priority)};
}

bool JobEngine::shares_disk(const LiveJob& live) const {
  return settings_.has_disk_share && settings_.has_disk_share(live.job.owner);
}

// When the size of a file has become known, and where it is not as it grows. Of many small files once for so many.
void JobEngine::ask_disk_share(LiveJob& live, unsigned file, std::uint64_t more) {
  if (more == 0 || !shares_disk(live)) return;
  live.live[file].share_told = live.job.files[file].bytes;
  std::uint64_t& unasked = unasked_[account_of(live)];
  unasked += more;
  if (unasked < kShareStep) return;
  unasked_.erase(account_of(live));
  const auto answer = [this, id = live.job.id, file,
                       attempt = live.live[file].attempt](Result<cache::CacheFigures> figures) {
    LiveJob* asking = current(id, file, attempt);
    if (asking == nullptr) return;
    if (!figures) return log::warn("disk not asked for the share of a user: {}", figures.error().text());
    answer_disk_share(*asking, file, *figures);
  };
  cache_.figures(alive_.guard(answer));
}

void JobEngine::answer_disk_share(LiveJob& live, unsigned file, const cache::CacheFigures& figures) {
  if (live.job.files[file].state != FileState::active) return;  // it is here already
  const Owner account = account_of(live);
  std::uint64_t held = 0, present = 0, outstanding = 0;
  for (const LiveJob* other : book_.unfinished()) {
    const DiskUse use = disk_use_of(other->job);
    present += use.present;
    outstanding += use.outstanding;
    if (account_of(*other) == account) held += use.held;
  }
  // What no job holds can go; what stays free for jobs is kept by the cache itself, to the byte.
  const std::uint64_t all = figures.available + (figures.bytes - std::min(figures.bytes, present));
  const auto why = beyond_share(held, outstanding, all - std::min({all, figures.keep_free, kKeptFree}));
  if (!why) return;
  stop_file(live, file);
  file_failed(live, file, {ErrorCode::disk_full, "keep " + log::redact_url(live.job.files[file].spec.url), *why});
}

}  // namespace larder::agent
