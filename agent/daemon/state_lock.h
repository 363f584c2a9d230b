// One agent for each state directory: an flock on <state>/lock, held while the process lives.
#pragma once

#include <string>
#include <utility>

#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder::agent {

class StateLock {
 public:
  // Makes the directory (0700). busy: another agent has it; the error names its process.
  static Result<StateLock> acquire(const std::string& state_directory);
  // Writes to <state>/socket (0600) where this agent listens, so that the command line finds the agent by its state
  // directory. A record that is out of date does no harm: who answers is checked against the lock.
  [[nodiscard]] Status record_socket(const std::string& socket) const;

 private:
  StateLock(UniqueFd file, std::string directory) : file_(std::move(file)), directory_(std::move(directory)) {}
  UniqueFd file_;
  std::string directory_;
};

}  // namespace larder::agent
