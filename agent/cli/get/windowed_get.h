// Downloads a file that fits its destination but not the agent's disk: in windows, each a job of one range that is
// handed over before the next one starts. Every window must be of the same edition.
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

// Returns true if windows can replace the job's whole file: one file, of known size, with a validator that ties the
// windows together, and with no verdict that needs the whole in the agent. Pure.
[[nodiscard]] bool can_use_windows(const GetPlan& plan, const JobView& job, const FileView& file);
// Returns a third of the available room, since the last window may still be there when the next one starts. None: too
// little. Pure.
[[nodiscard]] std::optional<std::uint64_t> window_size(std::uint64_t available);

class WindowedGet {
 public:
  static constexpr unsigned kMaxRestarts = 3;
  // Takes news of the job, or waits a moment. Returns true if the user interrupted.
  using Wait = std::function<Result<bool>(JobFollower&, const FileView& so_far)>;

  WindowedGet(const GetPlan& plan, Client& client, Wait wait) : plan_(plan), client_(client), wait_(std::move(wait)) {}

  // Downloads the file to its destination. `known`: the failed attempt's view of the file. Returns the final view;
  // none: it was interrupted.
  Result<std::optional<FileView>> get_windows(const FileView& known, std::uint64_t window);

 private:
  enum class Step { done, interrupted, other_edition };
  Result<Step> all(StagedFile& staged, std::uint64_t window);
  Result<Step> one(StagedFile& staged, const ByteRange& range);
  Result<Step> take_window(StagedFile& staged, const JobFollower& follower, const ByteRange& range);
  Status check_digest(const StagedFile& staged) const;

  const GetPlan& plan_;
  Client& client_;
  Wait wait_;
  FileView file_;  // the whole file
};

}  // namespace larder::agent
