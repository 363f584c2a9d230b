// The plan of one `larder get`, made from its options before the agent is asked.
#pragma once

#include <string>

#include "base/result.h"
#include "client/requests.h"

namespace larder::agent {

struct GetPlan {
  JobRequest request;
  std::string check_command;  // of --check; empty: none
  bool json = false, quiet = false;
  bool retry_for_given = false;  // --retry-for was given: the plan keeps to it, however hopeless
  bool overwrite = false;        // the name given by the origin may replace a file (FileRequest::remote_name)
};

// Returns the URL without "user:password@". Pure.
[[nodiscard]] std::string without_user_info(const std::string& url);
// Returns eight hex digits that are equal for commands that get the same files to the same places in the same way. The
// key is computed without secrets. Pure.
[[nodiscard]] std::string plan_key(const GetPlan& plan);
// Returns the name of the job, by which a repeated command finds the job of an interrupted one. Pure.
[[nodiscard]] std::string plan_job_name(const GetPlan& plan);
// Returns true if `job` is from an earlier, unfinished run of the same command. Pure.
[[nodiscard]] bool is_job_of(const GetPlan& plan, const JobView& job);
// Returns true if such a job should be continued. One that failed because of its request (wrong password) must be
// replaced by the present request. Pure.
[[nodiscard]] bool worth_going_on(const JobView& job);
// Returns true if a failed job must stay: it has a rejected content or unfinished bytes. Others are cancelled. Pure.
[[nodiscard]] bool worth_keeping(const JobView& job);

}  // namespace larder::agent
