// JobManager: reading jobs and their content.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/jobs/job_manager_parts.h"
#include "cache/cache.h"

namespace larder::agent {
Result<const Job*> JobManager::find_job(Caller who, const std::string& id) const {
  auto live = parts_->accessible(who, id, "show the job");
  if (!live) return tl::unexpected<Error>(live.error());
  return &(*live)->job;
}

std::vector<const Job*> JobManager::list(Caller who) const {
  std::vector<const Job*> jobs;
  for (LiveJob* live : parts_->book.unfinished()) {
    if (live->job.owner != who.uid && !who.admin) continue;
    live->job.active_time = parts_->shown_active_time(*live);
    jobs.push_back(&live->job);
  }
  std::sort(jobs.begin(), jobs.end(),
            [](const Job* a, const Job* b) { return std::tie(b->created, b->id) < std::tie(a->created, a->id); });
  return jobs;
}

void JobManager::open_content(Caller who, const std::string& id, unsigned file, bool partial,
                              UniqueFunction<void(Result<std::shared_ptr<cache::ContentLease>>)> done) {
  constexpr std::string_view kDoing = "open the content of the file";
  auto found = parts_->accessible(who, id, kDoing);
  if (!found) return done(tl::unexpected<Error>(found.error()));
  LiveJob& live = **found;
  if (file >= live.job.files.size()) {
    return done(fail(ErrorCode::not_found, std::string(kDoing), fmt::format("job {} has no file {}", id, file)));
  }
  const File& facts = live.job.files[file];
  if (is_final(live.job.state)) {
    return done(fail(ErrorCode::invalid_state, std::string(kDoing),
                     fmt::format("the job is {}; its content was let go", job_state_name(live.job.state))));
  }
  if (facts.upload) {
    return done(fail(ErrorCode::invalid_state, std::string(kDoing), "the job uploads it: its content is the caller's"));
  }
  const bool set_aside = facts.state == FileState::failed && facts.verdict == "not_valid";
  const bool finished = facts.state == FileState::validating || facts.state == FileState::transferred || set_aside;
  if (!finished && partial && !facts.content.empty()) {
    return parts_->cache.open_partial(facts.content, std::move(done));
  }
  if (!finished || facts.content.empty()) {
    return done(fail(ErrorCode::invalid_state, std::string(kDoing),
                     fmt::format("file {} is {}; wait until it is finished{}", facts.id, file_state_name(facts.state),
                                 partial ? "" : ", or ask for what is there with partial")));
  }
  const std::uint64_t attempt = live.files[file].attempt;
  auto opened = [parts = parts_.get(), id, file, attempt,
                 done = std::move(done)](Result<std::shared_ptr<cache::ContentLease>> content) mutable {
    LiveJob* asked = parts->book.find_live_job(id);
    const bool current = asked != nullptr && !is_final(asked->job.state) && asked->files[file].attempt == attempt;
    const bool transferred = current && asked->job.files[file].state == FileState::transferred;
    if (!content && transferred &&
        (content.error().code == ErrorCode::not_found || content.error().code == ErrorCode::content_damaged)) {
      parts->engine.content_lost(*asked, file, content.error());
      content = fail(ErrorCode::content_damaged, "open the content of file " + asked->job.files[file].id,
                     content.error().detail + "; it is fetched again");
    }
    done(std::move(content));
  };
  parts_->cache.open(facts.content, parts_->alive.guard(std::move(opened)));
}

Result<std::string> JobManager::find_reply(Caller who, const std::string& id, unsigned file) const {
  constexpr std::string_view kDoing = "read the reply to the upload";
  auto live = parts_->accessible(who, id, kDoing);
  if (!live) return tl::unexpected<Error>(live.error());
  const std::vector<File>& files = (*live)->job.files;
  if (file >= files.size())
    return fail(ErrorCode::not_found, std::string(kDoing), fmt::format("job {} has no file {}", id, file));
  const bool there = files[file].upload && files[file].upload->has_reply && !is_final((*live)->job.state);
  if (!there)
    return fail(ErrorCode::not_found, std::string(kDoing),
                "there is none: the application gave none, or it was not asked for (reply), or the job is over");
  return parts_->shelf.reply_file(files[file].id);
}

Totals JobManager::totals() const {
  Totals totals = parts_->book.totals();
  totals.active_transfers = parts_->transfers.active();
  return totals;
}

void JobManager::set_listener(std::function<void(const Event&)> listener) {
  parts_->book.set_listener(std::move(listener));
}

}  // namespace larder::agent
