#include "client/job_follower.h"

#include <algorithm>

namespace larder::agent {

bool is_gone(const std::string& state) {
  return state == "acknowledged" || state == "cancelled";
}

bool is_job_event(std::string_view kind) {
  return kind == "job.created" || kind == "job.state" || kind == "job.progress" || kind == "job.removed";
}

bool is_file_event(std::string_view kind) {
  return kind == "file.state";
}

bool has_ended(const std::string& state) {
  return state == "transferred" || state == "error" || is_gone(state);
}

Status JobFollower::subscribe(const std::string& query) {
  auto stream = client_.stream("/v1/events?job=" + id_ + query + (brief_ ? "&files=brief" : ""));
  if (!stream) return tl::unexpected(stream.error());
  stream_ = std::move(*stream);
  parser_ = {};
  return {};
}

Status JobFollower::open(bool brief) {
  brief_ = brief;
  if (auto subscribed = subscribe({}); !subscribed) return subscribed;
  return refresh();
}

Status JobFollower::open_new(JobView job, const std::string& after) {
  brief_ = job.files.size() > kFewFiles;
  if (!has_ended(job.state)) {
    if (auto subscribed = subscribe("&after=" + after); !subscribed) return subscribed;
  }
  job_ = std::move(job);
  return {};
}

Status JobFollower::refresh(bool files) {
  auto answer = client_.call("GET", "/v1/jobs/" + id_ + (files ? "" : "?files=0"));
  if (!answer) return tl::unexpected(answer.error());
  auto job = parse_job(answer->body);
  if (!job) return tl::unexpected(job.error());
  if (!files) job->files = std::move(job_.files);
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

bool JobFollower::told_whole() const {
  return !brief_ && job_.state == "transferred" && job_.files.size() == job_.files_total && all_transferred();
}

bool JobFollower::all_transferred() const {
  return std::all_of(job_.files.begin(), job_.files.end(),
                     [](const auto& file) { return file.state == "transferred"; });
}

const FileView* JobFollower::file(unsigned index) const {
  return const_cast<JobFollower*>(this)->find_file(index);
}

FileView* JobFollower::find_file(unsigned index) {
  if (index < job_.files.size() && job_.files[index].index == index) return &job_.files[index];
  const auto found =
      std::find_if(job_.files.begin(), job_.files.end(), [&](const FileView& file) { return file.index == index; });
  return found == job_.files.end() ? nullptr : &*found;
}

Status JobFollower::take_events(const std::function<void(const FileView&)>& changed) {
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
  if (event.kind == "reset") {
    if (auto read = refresh(); !read) return read;
    for (const FileView& file : job_.files) changed(file);
    return {};
  }
  if (is_file_event(event.kind)) {
    if (brief_) return take_news(event.data, changed);
    auto file = parse_file_event(event.data);
    if (!file) return tl::unexpected(file.error());
    if (FileView* known = find_file(file->index)) *known = *file;
    changed(*file);
    return {};
  }
  if (!is_job_event(event.kind)) return {};  // a kind of a later agent
  if (event.kind == "job.removed") removed_ = true;
  auto job = parse_job(event.data);
  if (!job) return tl::unexpected(job.error());
  if (job->id != id_) return {};
  progressed_ = progressed_ || event.kind == "job.progress";
  if (job->state.empty()) job->state = "cancelled";  // removed: the event has only its id
  job->files = std::move(job_.files);
  job_ = std::move(*job);
  return {};
}

Status JobFollower::take_news(std::string_view data, const std::function<void(const FileView&)>& changed) {
  auto news = parse_file_news(data);
  if (!news) return tl::unexpected(news.error());
  FileView* known = find_file(news->index);
  if (known == nullptr) return {};
  known->state = std::move(news->state);
  known->content = std::move(news->content);
  known->verdict = std::move(news->verdict);
  known->size = news->size;
  changed(*known);
  return {};
}

}  // namespace larder::agent
