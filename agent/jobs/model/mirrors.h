// Several URLs of one file: which is asked, and what follows when it fails. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "agent/jobs/model/job.h"
#include "base/result.h"

namespace larder::agent {

// While another mirror may be asked, one that says nothing is left sooner than the configuration has it.
inline constexpr Duration kMirrorConnect = std::chrono::seconds(10);
inline constexpr Duration kMirrorStall = std::chrono::seconds(15);
// So much more than ever before is progress: all URLs may be asked once more.
inline constexpr std::uint64_t kMirrorProgress = kMiB;

// All URLs of a file in the order in which the caller gave them, whichever is asked now: 0 is FileSpec::url as it was
// given.
[[nodiscard]] const std::string& given_url(const File& file, std::size_t index);
// The next one is asked from now on; the one that was asked goes to the end.
void turn_to_next_mirror(File& file);
// The error speaks of the URL or the way to it, so that another one may do better; disk, limits and the like do not.
[[nodiscard]] bool is_of_the_url(ErrorCode code);

// Which URLs of one file failed since it got on. Forgotten at a restart: then each is asked once more.
class MirrorRound {
 public:
  struct Decision {
    bool next = false;           // another URL is to be asked at once
    bool over = false;           // each has failed: `error` is the attempt's, and the next attempt begins with the next
    std::optional<Error> error;  // one that may pass, where there was one
  };
  // `urls`: how many there are, the caller's included.
  [[nodiscard]] Decision failed(std::size_t urls, const Error& error);
  void progress(std::uint64_t bytes);  // in all
  // Another URL is left to be asked if the one that is asked now fails.
  [[nodiscard]] bool may_turn(std::size_t urls) const { return failed_ + 1 < urls; }

 private:
  std::size_t failed_ = 0;
  std::optional<Error> passing_;
  std::uint64_t most_bytes_ = 0;
};

}  // namespace larder::agent
