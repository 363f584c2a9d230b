// One run of a hook as a process: spawn, watch, read its output, kill it in time. Used only by the watching thread of
// hook_runner.h; only reap() blocks.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/io/unique_fd.h"
#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder {

struct HookRequest {
  std::string name;
  std::vector<std::string> command;      // absolute program and arguments; no shell
  std::vector<std::string> environment;  // "NAME=value"; the whole environment
  // The content for standard input and for descriptor 3, each opened anew, so that no file offset is shared.
  UniqueFd content, content_again;
  Duration timeout{};
};

struct HookOutcome {
  enum class How { exited, signalled, timed_out } how = How::exited;
  int status = 0;      // exit status, or the signal
  std::string output;  // the first kMaxOutput bytes of standard output and error together
};

class HookProcess {
 public:
  static constexpr std::size_t kMaxOutput = 4096;

  // Starts the program in its own process group, with descriptors 0 to 3 only, default signals and working directory
  // "/". Errors: hook_failed.
  static Result<std::unique_ptr<HookProcess>> spawn(HookRequest request);
  ~HookProcess();  // kills and reaps what still runs
  HookProcess(const HookProcess&) = delete;
  HookProcess& operator=(const HookProcess&) = delete;

  [[nodiscard]] int pid_descriptor() const { return pidfd_.get(); }      // readable once the process has ended
  [[nodiscard]] int output_descriptor() const { return output_.get(); }  // -1 once closed
  void read_output();  // reads available bytes; those beyond kMaxOutput are dropped
  void kill();         // kills the whole group; counts as timed out
  // Called after the end of the process: takes the exit status and kills the rest of its group.
  HookOutcome reap();

 private:
  HookProcess() = default;
  pid_t pid_ = -1;
  UniqueFd pidfd_, output_;
  bool killed_ = false;
  bool reaped_ = false;
  std::string text_;
};

}  // namespace larder
