// The client's side of a job's files: early copies while the agent fetches, staging of finished contents, the user's
// check, publication. Blocks in short pieces; GetSession calls it repeatedly.
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
  static constexpr std::size_t kEarlyCopies = 4;     // concurrent early copies
  static constexpr std::uint64_t kSmallFile = kMiB;  // smaller files are requested many at once
  // Files of a command that may keep descriptors open until publication.
  static constexpr std::size_t kKeptOpen = 8;
  static constexpr std::chrono::milliseconds kBatchAfter{200};  // maximum wait of a small file for its batch
  static constexpr std::size_t kPublishBatch = 256;             // maximum files that wait for publication
  static constexpr std::chrono::seconds kPublishAfter{2};       // maximum wait of a finished file for others

  explicit LocalFiles(const GetPlan& plan);
  void set_job(std::string id) { job_id_ = std::move(id); }
  // Sets the wait for room in standard output or a pipe.
  void set_wait(WaitForRoom wait) { wait_ = std::move(wait); }
  // Takes a descriptor of the finished file that came with another answer: it is not requested again.
  void take_content(const FileView& file, UniqueFd content);

  // Takes the agent's latest view of a file.
  void observe(const FileView& file);
  // Does one piece of work; false: there is none at the moment. Errors such as disk_full concern the destination; the
  // job stays as it is.
  Result<bool> step(Client& client, const JobFollower& follower, SteadyTime now);
  // Puts everything finished in its place.
  Status finish(Client& client, const JobFollower& follower, SteadyTime now);

  void set_written(unsigned index, const std::string& where) { written_[index] = where; }
  [[nodiscard]] const std::vector<std::string>& written() const { return written_; }  // by index; empty: not yet
  // True: the reader of a stream has gone, and the error of step() or finish() is not to be reported.
  [[nodiscard]] bool reader_gone() const { return reader_gone_; }
  // Why the name given by the origin cannot be used; set as soon as the name is known.
  [[nodiscard]] const std::optional<Error>& refused() const { return refused_; }
  // Returns the destination of a file, as far as it is known.
  [[nodiscard]] const std::string& destination(unsigned index) const;
  // Notes for the user on how files were put in place.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  enum class Phase { waiting, staged, publishing, published };
  struct Local {
    Phase phase = Phase::waiting;
    EarlyCopy plan;
    UniqueFd partial;                  // of the unfinished content
    std::optional<StagedFile> staged;  // early copy, or finished
    std::string staged_content;
    std::string checked_content;  // content for which a verdict was posted
    UniqueFd given;               // of given_content, from take_content()
    std::string given_content;
    bool queued = false;  // in ready_
    std::string named;    // destination by the name that the origin gave; empty: as planned
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
  Status stage_streamed(Client& client, const FileView& file);  // if no descriptor can be had
  Status staged_whole(const FileView& file, const DescriptorView& facts);
  Result<bool> check_one(Client& client, const JobFollower& follower);
  // Files being published: a thread of its own waits for the disk's sync, while more files are staged.
  struct Publishing {
    std::vector<StagedFile> files;
    std::vector<unsigned> indices;
    std::future<Status> outcome;  // last: its destructor waits for the thread
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
  std::set<unsigned> finished_;  // transferred and not staged yet, or staged only for the check
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
