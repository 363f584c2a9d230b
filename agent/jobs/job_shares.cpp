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
  see_disk(figures);
  if (live.job.files[file].state != FileState::active) return;  // it is here already
  const auto why = beyond_disk_share(live);
  if (!why) return;
  stop_file(live, file);
  file_failed(live, file, {ErrorCode::disk_full, "keep " + log::redact_url(live.job.files[file].spec.url), *why});
}

void JobEngine::see_disk(const cache::CacheFigures& figures) {
  std::uint64_t present = 0;
  for (const LiveJob* job : book_.unfinished()) present += disk_use_of(job->job).present;
  // What no job holds can go; what stays free for jobs is kept by the cache itself, to the byte.
  const std::uint64_t all = figures.available + (figures.bytes - std::min(figures.bytes, present));
  disk_seen_ = DiskSeen{all - std::min({all, figures.keep_free, kKeptFree}), present};
}

// By what was seen of the disk last, and what jobs have written since.
std::optional<std::string> JobEngine::beyond_disk_share(const LiveJob& live) const {
  const Owner account = account_of(live);
  std::uint64_t held = 0, present = 0, outstanding = 0;
  for (const LiveJob* other : book_.unfinished()) {
    const DiskUse use = disk_use_of(other->job);
    present += use.present;
    outstanding += use.outstanding;
    if (account_of(*other) == account) held += use.held;
  }
  const std::uint64_t all = disk_seen_->available + disk_seen_->present;
  return beyond_share(held, outstanding, all - std::min(all, present));
}

// Before it begins, so that the attempts of who was refused reserve nothing. What was seen last only says whether it is
// worth a look: room that something else made is there at once.
bool JobEngine::waits_for_disk_share(LiveJob& live, unsigned file) {
  if (!disk_seen_ || !shares_disk(live) || !beyond_disk_share(live)) return false;
  const auto answer = [this, id = live.job.id, file,
                       attempt = live.live[file].attempt](Result<cache::CacheFigures> figures) {
    LiveJob* asking = current(id, file, attempt);
    if (asking == nullptr) return;
    if (figures) see_disk(*figures);
    const auto why = figures ? beyond_disk_share(*asking) : std::nullopt;
    if (!why) return begin_file(*asking, file);
    const std::string url = log::redact_url(asking->job.files[file].spec.url);
    file_failed(*asking, file, {ErrorCode::disk_full, "keep " + url, *why});
  };
  cache_.figures(alive_.guard(answer));
  return true;
}

}  // namespace larder::agent
