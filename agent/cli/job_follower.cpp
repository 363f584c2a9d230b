#include "agent/cli/job_follower.h"

#include <algorithm>

namespace larder::agent {

bool is_gone(const std::string& state) {
  return state == "acknowledged" || state == "cancelled";
}

bool has_ended(const std::string& state) {
  return state == "transferred" || state == "error" || is_gone(state);
}

Status JobFollower::open() {
  auto stream = client_.stream("/v1/events?job=" + id_);
  if (!stream) return tl::unexpected(stream.error());
  stream_ = std::move(*stream);
  parser_ = {};
  return refresh();
}

Status JobFollower::refresh() {
  auto answer = client_.call("GET", "/v1/jobs/" + id_);
  if (!answer) return tl::unexpected(answer.error());
  auto job = parse_job(answer->body);
  if (!job) return tl::unexpected(job.error());
  job_ = std::move(*job);
  return {};
}

Result<bool> JobFollower::refresh_after_progress(SteadyTime now) {
  if (!progressed_ || job_.files_total > kFewFiles || now - refreshed_ < kRefreshAfter) return false;
  refreshed_ = now;
  progressed_ = false;
  if (auto read = refresh(); !read) return tl::unexpected(read.error());
  return true;
}

const FileView* JobFollower::file(unsigned index) const {
  if (index < job_.files.size() && job_.files[index].index == index) return &job_.files[index];
  const auto found =
      std::find_if(job_.files.begin(), job_.files.end(), [&](const FileView& file) { return file.index == index; });
  return found == job_.files.end() ? nullptr : &*found;
}

Status JobFollower::take(const std::function<void(const FileView&)>& changed) {
  Status outcome;
  const std::uint64_t dropped = parser_.dropped();
  const auto more = stream_->read([&](std::string_view bytes) {
    parser_.feed(bytes, [&](const ServerEvent& event) {
      if (outcome) outcome = apply(event, changed);
    });
  });
  if (!more) return tl::unexpected(more.error());
  if (!outcome) return outcome;
  if (parser_.dropped() != dropped) return refresh();
  if (*more) return {};
  return fail(ErrorCode::agent_unreachable, "follow the job's events", "the agent ended them");
}

Status JobFollower::apply(const ServerEvent& event, const std::function<void(const FileView&)>& changed) {
  if (event.kind.starts_with("file.")) {
    auto file = parse_file_event(event.data);
    if (!file) return tl::unexpected(file.error());
    for (FileView& known : job_.files)
      if (known.index == file->index) known = *file;
    changed(*file);
    return {};
  }
  if (!event.kind.starts_with("job.")) return {};
  if (event.kind == "job.removed") removed_ = true;
  auto job = parse_job(event.data);
  if (!job) return tl::unexpected(job.error());
  if (job->id != id_) return {};
  progressed_ = progressed_ || event.kind == "job.progress";
  if (job->state.empty()) job->state = "cancelled";  // gone; its id is all that is left
  job->files = std::move(job_.files);
  job_ = std::move(*job);
  return {};
}

}  // namespace larder::agent
