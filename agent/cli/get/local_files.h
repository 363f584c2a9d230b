// This side of a job's files: early copies while the agent fetches, staging of what is finished, the user's check,
// publication. Blocks in short pieces; called again and again by GetSession.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/cli/get/early_copy.h"
#include "agent/cli/get/get_plan.h"
#include "agent/cli/place/hand_over.h"
#include "agent/cli/place/place.h"
#include "agent/cli/place/stream_writer.h"
#include "base/runtime/clock.h"
#include "client/client.h"
#include "client/job_follower.h"

namespace larder::agent {

class LocalFiles {
 public:
  static constexpr std::size_t kBatch = 64;          // descriptors in one answer
  static constexpr std::size_t kEarlyCopies = 4;     // at a time
  static constexpr std::uint64_t kSmallFile = kMiB;  // below: many in one request
  static constexpr std::size_t kKeptOpen = 8;        // files in all whose descriptors may stay open until publication
  static constexpr std::chrono::milliseconds kBatchAfter{200};  // a small file does not wait longer for its batch
  static constexpr std::size_t kPublishBatch = 256;             // nor for more than so many
  static constexpr std::chrono::seconds kPublishAfter{2};       // a finished file does not wait longer for the others

  explicit LocalFiles(const GetPlan& plan);
  void set_job(std::string id) { job_id_ = std::move(id); }
  // What is written to (standard output, pipes) is waited for with this.
  void set_wait(WaitForRoom wait) { wait_ = std::move(wait); }
  // A descriptor of the finished file that came unasked: it need not be asked for.
  void take(const FileView& file, UniqueFd content);

  // The agent told something new of a file.
  void observe(const FileView& file);
  // One piece of work; false when there is none at the moment. disk_full and the like are the destination's; the job
  // stays as it is.
  Result<bool> step(Client& client, const JobFollower& follower, SteadyTime now);
  // Everything finished is in its place afterwards.
  Status finish(Client& client, const JobFollower& follower, SteadyTime now);

  void set_written(unsigned index, const std::string& where) { written_[index] = where; }
  [[nodiscard]] const std::vector<std::string>& written() const { return written_; }  // by index; empty: not yet
  // The reader of a stream had enough: an error that is none.
  [[nodiscard]] bool reader_gone() const { return reader_gone_; }
  // Why the name that the origin gave cannot be used; known as soon as the name is.
  [[nodiscard]] const std::optional<Error>& refused() const { return refused_; }
  // Where a file goes, as far as it is known.
  [[nodiscard]] const std::string& destination(unsigned index) const;
  // What the user should know of how files were put in place.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  enum class Phase { waiting, staged, publishing, published };
  struct Local {
    Phase phase = Phase::waiting;
    EarlyCopy plan;
    UniqueFd partial;                  // of the unfinished content
    std::optional<StagedFile> staged;  // early copy, or finished
    std::string staged_content;
    std::string checked_content;  // a verdict was posted for it
    UniqueFd given;               // of given_content, by take()
    std::string given_content;
    bool queued = false;  // in ready_
    std::string named;    // the destination by the name that the origin gave; empty: as planned
  };

  void take_name(const FileView& file);
  [[nodiscard]] bool is_stream(unsigned index) const;
  [[nodiscard]] bool needs_check(const FileView& file) const;
  Result<bool> copy_early(Client& client, const JobFollower& follower);
  bool start_early(Client& client, const FileView& file, Local& local);
  Result<bool> stage_ready(Client& client, const JobFollower& follower, SteadyTime now);
  void queue(unsigned index, SteadyTime now);
  Status stage_batch(Client& client, const std::vector<const FileView*>& files);
  Status stage_one(Client& client, const FileView& file);
  Result<StagedFile> stage_beside(unsigned index);
  Status stage(const FileView& file, int from, const DescriptorView& facts);
  Status stage_streamed(Client& client, const FileView& file);  // where no descriptor can be had
  Status staged_whole(const FileView& file, const DescriptorView& facts);
  Result<bool> check_one(Client& client, const JobFollower& follower);
  // Files on their way to their places: a sync of the disk is waited for on a thread of its own, while more are staged.
  struct Publishing {
    std::vector<StagedFile> files;
    std::vector<unsigned> indices;
    std::future<Status> outcome;  // last: whoever goes waits for it
  };
  void take_ready(Publishing& batch);
  void start_publishing();
  Status end_publishing();
  Status publish_staged();
  Status published(const Publishing& batch, Status outcome);
  Status write_through(const FileView& file, int from, std::uint64_t size);
  Result<UniqueFd> open_when_read(const Place& place, const std::string& destination);

  const GetPlan& plan_;
  std::string key_, job_id_;
  std::vector<Local> locals_;
  std::vector<std::string> written_;
  std::set<unsigned> finished_;  // transferred and not staged yet, or staged for the check only
  std::vector<unsigned> ready_;  // staged, finished and judged: to be published
  SteadyTime ready_since_{}, small_since_{};
  std::unique_ptr<Publishing> publishing_;
  PlaceFinder places_;
  WaitForRoom wait_ = wait_for_room;
  bool reader_gone_ = false;
  std::optional<Error> refused_;
  std::vector<std::string> notes_;
};

}  // namespace larder::agent
