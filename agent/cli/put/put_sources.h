// The files of one `larder put`, opened once: the agent gets these descriptors, however often it is asked, so that a
// path that names another file meanwhile changes nothing. Blocks; one thread.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder::agent {

class PutSource {
 public:
  // Opens a regular file, for reading only. Errors: not_found, permission_denied, invalid_argument (a pipe, a
  // directory, a device).
  [[nodiscard]] static Result<PutSource> open(const std::string& path);
  // Takes a descriptor of a file that has no name.
  [[nodiscard]] static Result<PutSource> adopt(UniqueFd descriptor, const std::string& name);

  [[nodiscard]] int descriptor() const { return fd_.get(); }
  [[nodiscard]] const struct stat& facts() const { return facts_; }  // when it was opened
  // Error: source_changed, if it was written to since it was opened.
  [[nodiscard]] Status check_unchanged() const;

 private:
  PutSource(UniqueFd fd, std::string name, const struct stat& facts)
      : fd_(std::move(fd)), name_(std::move(name)), facts_(facts) {}

  UniqueFd fd_;
  std::string name_;
  struct stat facts_ {};
};

// Returns a key by which a command for the same files knows another: by the files, not by their names.
[[nodiscard]] std::string key_of(const std::vector<PutSource>& sources, const std::string& others);

// Waits until `fd` is readable; returns false if the copying is to end.
using WaitForInput = std::function<bool(int fd)>;
// Called with the bytes so far.
using SpoolProgress = std::function<void(std::uint64_t bytes)>;

// Copies `input` to its end into a file that never has a name, so that nothing is left of it however this process ends.
// It is made in `directory`, or, if that is empty, in /var/tmp or else /tmp: those may be smaller, or in memory.
// Returns none if `wait` returned false. Errors: disk_full, disk_error, permission_denied, with the directory.
[[nodiscard]] Result<std::optional<PutSource>> spool_input(int input, const std::string& directory,
                                                           const WaitForInput& wait, const SpoolProgress& progress);

}  // namespace larder::agent
