// One process for each state directory: an flock on <state>/lock, held while the process lives.
#pragma once

#include <string>
#include <utility>

#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder {

class StateLock {
 public:
  // Creates the directory (0700) and locks it for this `program`. busy: another process has the lock; the error names
  // it.
  static Result<StateLock> acquire(const std::string& state_directory, const std::string& program);
  // Writes the path of this agent's socket to <state>/socket (0600), so that the command line finds the agent by its
  // state directory. An outdated record does no harm: clients check the answering process against the lock.
  [[nodiscard]] Status record_socket(const std::string& socket) const;

 private:
  StateLock(UniqueFd file, std::string directory) : file_(std::move(file)), directory_(std::move(directory)) {}
  UniqueFd file_;
  std::string directory_;
};

}  // namespace larder
