// JobEngine: the share of one user in what all users have in common.
#include <algorithm>
#include <utility>

#include "agent/jobs/job_engine.h"
#include "agent/jobs/rules/disk_share.h"
#include "base/io/log.h"
#include "base/text/units.h"
#include "cache/cache.h"

namespace larder::agent {
namespace {

constexpr std::uint64_t kShareStep = kMiB;
// Maximum that counts of an automatic keep_free, which is large on a large disk.
constexpr std::uint64_t kKeptFree = kGiB;

}  // namespace

Want JobEngine::want_of(const LiveJob& live) const {
  return {account_of(live), static_cast<unsigned>(live.job.options.priority)};
}

bool JobEngine::shares_disk(const LiveJob& live) const {
  return settings_.has_disk_share && settings_.has_disk_share(live.job.owner);
}

// Asks for the disk share of a file once its size is known; for an unknown size, as it grows. Many small files are
// asked for together, once per kShareStep.
void JobEngine::ask_disk_share(LiveJob& live, unsigned file, std::uint64_t more) {
  if (more == 0 || !shares_disk(live)) return;
  live.files[file].share_counted = live.job.files[file].bytes;
  std::uint64_t& unasked = unasked_[account_of(live)];
  unasked += more;
  if (unasked < kShareStep) return;
  unasked_.erase(account_of(live));
  judge_disk_share(live, file, false);
}

// A refused user is checked again before its next file begins, so that its attempts reserve no disk space. The disk is
// looked at each time, so that room made elsewhere counts at once.
bool JobEngine::waits_for_disk_share(LiveJob& live, unsigned file) {
  if (beyond_share_.count(account_of(live)) == 0 || !shares_disk(live)) return false;
  judge_disk_share(live, file, true);
  return true;
}

// Refuses the file or lets it continue; `begins`: it has not begun yet.
void JobEngine::judge_disk_share(LiveJob& live, unsigned file, bool begins) {
  const auto answer = [this, id = live.job.id, file, attempt = live.files[file].attempt,
                       begins](Result<cache::CacheFigures> figures) {
    LiveJob* asking = current(id, file, attempt);
    if (asking == nullptr) return;
    if (!figures) log::warn("disk not asked for the share of a user: {}", figures.error().text());
    const auto why = figures ? beyond_disk_share(*asking, *figures) : std::nullopt;
    const File& facts = asking->job.files[file];
    if (facts.state != FileState::active) return;  // it is complete by now
    if (!why) {
      if (begins) begin_file(*asking, file);
      return;
    }
    stop_file(*asking, file);
    file_failed(*asking, file, {ErrorCode::disk_full, "keep " + log::redact_url(facts.spec.url), *why});
  };
  cache_.figures(alive_.guard(answer));
}

std::optional<std::string> JobEngine::beyond_disk_share(const LiveJob& live, const cache::CacheFigures& figures) {
  const Owner account = account_of(live);
  std::uint64_t held = 0, present = 0, outstanding = 0;
  for (const LiveJob* other : book_.unfinished()) {
    const DiskUse use = disk_use_of(other->job);
    present += use.present;
    outstanding += use.outstanding;
    if (account_of(*other) == account) held += use.held;
  }
  // Bytes that no job holds can be evicted. The cache itself keeps the space that stays free for jobs, to the byte.
  const std::uint64_t all = figures.available + (figures.bytes - std::min(figures.bytes, present));
  auto why = beyond_share(held, outstanding, all - std::min({all, figures.keep_free, kKeptFree}));
  if (why) {
    beyond_share_.insert(account);
  } else {
    beyond_share_.erase(account);
  }
  return why;
}

}  // namespace larder::agent
