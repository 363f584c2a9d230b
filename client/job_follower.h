// A local copy of a job: read once from the agent, then kept up to date by its events. Blocks.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/runtime/clock.h"
#include "client/client.h"
#include "client/sse_parser.h"
#include "client/views.h"

namespace larder::agent {

class JobFollower {
 public:
  static constexpr std::uint64_t kFewFiles = 16;
  static constexpr std::chrono::milliseconds kRefreshAfter{80};

  JobFollower(Client& client, std::string job_id) : client_(client), id_(std::move(job_id)) {}

  // Subscribes, then reads the whole job, in this order so that no change is missed. `brief`: events have only the main
  // fields of each file, for jobs with many files.
  Status open(bool brief = false);
  // Follows a job that was just made: `job` as it was at event `after`. Reads nothing; a job that has ended is not
  // subscribed to.
  Status open_new(JobView job, const std::string& after);
  Status refresh(bool files = true);  // reads the job again, with its files by default
  // Events report progress of the job, not of its files. Reads a job with at most kFewFiles files again after progress,
  // at most every kRefreshAfter. Returns whether it was read.
  Result<bool> refresh_after_progress(SteadyTime now);
  [[nodiscard]] int descriptor() const { return stream_ ? stream_->descriptor() : -1; }
  [[nodiscard]] bool pending() const { return stream_ && stream_->pending(); }  // events that poll does not report
  // Waits for the next bytes of events and applies them. Calls `changed` with each file of a file event. Error:
  // agent_unreachable when the agent has ended the stream.
  Status take_events(const std::function<void(const FileView&)>& changed);

  [[nodiscard]] const JobView& job() const { return job_; }
  [[nodiscard]] const FileView* file(unsigned index) const;
  // True if the files have only the fields of brief events, which suffice for transferred files.
  [[nodiscard]] bool brief() const { return brief_; }
  [[nodiscard]] bool all_transferred() const;  // all files that are known
  // Returns whether the job is transferred and all fields are known, so that reading it again is not needed.
  [[nodiscard]] bool told_whole() const;
  [[nodiscard]] bool removed() const { return removed_; }

 private:
  Status subscribe(const std::string& query);
  Status take_news(std::string_view data, const std::function<void(const FileView&)>& changed);
  FileView* find_file(unsigned index);
  Status apply(const ServerEvent& event, const std::function<void(const FileView&)>& changed);
  Client& client_;
  std::string id_;
  std::unique_ptr<AnswerStream> stream_;
  SseParser parser_;
  JobView job_;
  bool brief_ = false;
  bool removed_ = false;
  bool progressed_ = false;
  SteadyTime refreshed_{};
};

// Return whether the kind of event is known. A later agent has more kinds, whose data may have any form.
[[nodiscard]] bool is_job_event(std::string_view kind);
[[nodiscard]] bool is_file_event(std::string_view kind);
// Returns whether the job will not change by itself any more ("transferred", "error" and is_gone()).
[[nodiscard]] bool has_ended(const std::string& job_state);
[[nodiscard]] bool is_gone(const std::string& job_state);  // acknowledged, cancelled

}  // namespace larder::agent
