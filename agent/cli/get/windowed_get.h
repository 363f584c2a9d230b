// A file that does not fit where the agent keeps its state, but fits at its destination: got in windows, each a job of
// one range that is handed over before the next is asked for. Every window must be of the same edition.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/cli/get/get_plan.h"
#include "agent/cli/place/hand_over.h"
#include "client/client.h"
#include "client/job_follower.h"

namespace larder::agent {

inline constexpr std::uint64_t kMinWindow = kMiB;
inline constexpr std::uint64_t kMaxWindow = 512 * kMiB;

// Whether windows can take the place of this job's whole file: one file, of known size, with a validator that ties the
// windows together, and judged by nothing that needs to see the whole in the agent. Pure.
[[nodiscard]] bool can_use_windows(const GetPlan& plan, const JobView& job, const FileView& file);
// A third of the room there is: the last window may not be gone yet when the next begins. None: too little. Pure.
[[nodiscard]] std::optional<std::uint64_t> window_size(std::uint64_t available);

class WindowedGet {
 public:
  static constexpr unsigned kMaxRestarts = 3;
  // Takes news of the job, or waits a moment; true when the user interrupted.
  using Wait = std::function<Result<bool>(JobFollower&, const FileView& so_far)>;

  WindowedGet(const GetPlan& plan, Client& client, Wait wait) : plan_(plan), client_(client), wait_(std::move(wait)) {}

  // `known`: what the failed attempt learned of the file. None: interrupted. Otherwise the file as it was got; it is at
  // its destination.
  Result<std::optional<FileView>> run(const FileView& known, std::uint64_t window);

 private:
  enum class Step { done, interrupted, other_edition };
  Result<Step> all(StagedFile& staged, std::uint64_t window);
  Result<Step> one(StagedFile& staged, const ByteRange& range);
  Result<Step> take(StagedFile& staged, const JobFollower& follower, const ByteRange& range);
  Status check_digest(const StagedFile& staged) const;

  const GetPlan& plan_;
  Client& client_;
  Wait wait_;
  FileView file_;  // the whole
};

}  // namespace larder::agent
