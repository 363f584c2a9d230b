// One run of a hook as a process: spawned, watched, read, killed in time. Used by the watching thread of hook_runner.h
// only; nothing here blocks except reap().
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/io/unique_fd.h"
#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder::agent {

struct HookRequest {
  std::string name;
  std::vector<std::string> command;      // absolute program and arguments; no shell
  std::vector<std::string> environment;  // "NAME=value", all of it
  // The content, twice opened anew so that no offset is shared with anybody: standard input and descriptor 3.
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

  // Own process group, no descriptors but 0 to 3, default signals, working directory "/". Errors: hook_failed.
  static Result<std::unique_ptr<HookProcess>> spawn(HookRequest request);
  ~HookProcess();  // kills and reaps what still runs
  HookProcess(const HookProcess&) = delete;
  HookProcess& operator=(const HookProcess&) = delete;

  [[nodiscard]] int pid_descriptor() const { return pidfd_.get(); }      // readable once it has ended
  [[nodiscard]] int output_descriptor() const { return output_.get(); }  // -1 once closed
  void read_output();  // what there is; beyond kMaxOutput it is dropped
  void kill();         // the whole group; counts as timed out
  // After its end: takes the exit status and ends what it left behind in its group.
  HookOutcome reap();

 private:
  HookProcess() = default;
  pid_t pid_ = -1;
  UniqueFd pidfd_, output_;
  bool killed_ = false;
  bool reaped_ = false;
  std::string text_;
};

}  // namespace larder::agent
