// The plan of one `larder put`, made from its options before a file is opened or the agent is asked. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/requests.h"

namespace larder::agent {

inline constexpr const char* kStandardInput = "-";
// Of one command: so many descriptors go with one request.
inline constexpr std::size_t kMaxPutFiles = 16;

struct PutPlan {
  UploadRequest request;
  std::vector<std::string> paths;  // of the files as typed; kStandardInput: standard input
  std::string reply_file;          // of --reply; empty: none
  bool json = false, quiet = false;
  bool retry_for_given = false;  // --retry-for was given: the plan keeps to it, however hopeless

  [[nodiscard]] bool from_standard_input() const { return paths.size() == 1 && paths.front() == kStandardInput; }
};

// Returns the name that the receiver is told: the last part of the path.
[[nodiscard]] std::string sent_name(std::string_view path);
// Returns the URL of each of the files: `url` itself, or with the file's name added where it ends in "/" and a file
// needs an URL of its own (`protocol` "put" or "bits"). Error: invalid_argument, where several files would go to one
// URL.
[[nodiscard]] Result<std::vector<std::string>> target_urls(const std::string& url,
                                                           const std::vector<std::string>& names,
                                                           std::string_view protocol);
// Refuses what cannot be the id of a transaction of `files` files: 1 to 120 visible ASCII characters but " and
// backslash.
[[nodiscard]] Status check_transaction(std::string_view id);
// Returns a name for the job, for people.
[[nodiscard]] std::string put_job_name(const std::vector<std::string>& names);

// Returns whether a job that is there already should be gone on with. One that failed because of its request (a wrong
// password) or that is over must be replaced by the present request.
[[nodiscard]] bool upload_worth_going_on(const JobView& job);
// Returns whether a failed job must stay, so that a repeated command goes on with it. Others are cancelled.
[[nodiscard]] bool upload_worth_keeping(const JobView& job);

// Returns the line after an upload: "x.iso  1.00 GiB in 9.0 s (112 MiB/s)  sent again 3.00 MiB".
[[nodiscard]] std::string put_summary(const std::string& name, const JobView& job, Duration took);

}  // namespace larder::agent
