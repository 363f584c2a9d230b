// A job as the agent tells it: read once, then kept up to date from its events.
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

  // Subscribes, then reads the whole job: nothing that happens in between is missed. Of a job with many files (`brief`)
  // the events say little of each.
  Status open(bool brief = false);
  // A job that was just made: `job` as it was at event `after`. Nothing is read; one that has ended is not followed.
  Status open_new(JobView job, const std::string& after);
  Status refresh(bool files = true);  // reads the job again, as a rule with its files
  // Progress is told of the job, not of its files. Of a job with few files they are read again now and then after
  // progress; true when they were.
  Result<bool> refresh_after_progress(SteadyTime now);
  [[nodiscard]] int descriptor() const { return stream_ ? stream_->descriptor() : -1; }
  [[nodiscard]] bool pending() const { return stream_ && stream_->pending(); }  // events that poll knows nothing of
  // Waits for the next bytes of the events and takes them. `changed` is told each file whose state was told.
  Status take(const std::function<void(const FileView&)>& changed);

  [[nodiscard]] const JobView& job() const { return job_; }
  [[nodiscard]] const FileView* file(unsigned index) const;
  // What is known of the files is all that need be known of ones that are transferred.
  [[nodiscard]] bool brief() const { return brief_; }
  [[nodiscard]] bool all_transferred() const;  // of the files that are known
  // All went well, and reading the job would tell nothing new.
  [[nodiscard]] bool told_whole() const;
  [[nodiscard]] bool removed() const { return removed_; }

 private:
  Status subscribe(const std::string& query);
  Status take_news(std::string_view data, const std::function<void(const FileView&)>& changed);
  FileView* find(unsigned index);
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

// "transferred" and the like: nothing more will happen by itself.
// The kinds of events that are known; a later agent has more, whose data may be anything.
[[nodiscard]] bool is_job_event(std::string_view kind);
[[nodiscard]] bool is_file_event(std::string_view kind);
[[nodiscard]] bool has_ended(const std::string& job_state);
[[nodiscard]] bool is_gone(const std::string& job_state);  // acknowledged, cancelled

}  // namespace larder::agent
