// One agent for each state directory: an flock on <state>/lock, held while the process lives.
#pragma once

#include <string>

#include "base/result.h"

namespace larder::agent {

class StateLock {
 public:
  // Makes the directory (0700). busy: another agent has it; the error names its process.
  static Result<StateLock> acquire(const std::string& state_directory);
  StateLock(StateLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  StateLock& operator=(StateLock&&) = delete;
  StateLock(const StateLock&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace larder::agent
