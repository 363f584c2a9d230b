// Several URLs of one file: which one is asked, and the next step when it fails. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "agent/jobs/model/job.h"
#include "base/result.h"

namespace larder::agent {

// Time-outs for a mirror while another can be asked: shorter than the configured ones.
inline constexpr Duration kMirrorConnect = std::chrono::seconds(10);
inline constexpr Duration kMirrorStall = std::chrono::seconds(15);
// Bytes of progress after which all URLs may be asked once more.
inline constexpr std::uint64_t kMirrorProgress = kMiB;

// Returns a URL by its index in the order in which the caller gave them: 0 is the FileSpec::url of the request.
[[nodiscard]] const std::string& given_url(const File& file, std::size_t index);
// Makes the next mirror the present URL, and moves the present one to the end.
void turn_to_next_mirror(File& file);
// Returns true for an error of the URL or the way to it, so that another URL may succeed; not for disk, limits and so
// on.
[[nodiscard]] bool is_of_the_url(ErrorCode code);

// The URLs of one file that failed since its last progress. Not kept over restarts: each is asked once more then.
class MirrorRound {
 public:
  struct Decision {
    bool next = false;  // ask another URL at once
    // Each URL has failed: `error` is the attempt's, and the next attempt starts with the next URL.
    bool over = false;
    std::optional<Error> error;  // a retryable one, if any URL had one
  };
  // Counts a failure of the present URL. `urls`: number of URLs, the caller's included.
  [[nodiscard]] Decision on_failed(std::size_t urls, const Error& error);
  void progress(std::uint64_t bytes);  // total bytes of the file
  // Returns true if another URL is left should the present one fail.
  [[nodiscard]] bool may_turn(std::size_t urls) const { return failed_ + 1 < urls; }

 private:
  std::size_t failed_ = 0;
  std::optional<Error> passing_;
  std::uint64_t most_bytes_ = 0;
};

}  // namespace larder::agent
