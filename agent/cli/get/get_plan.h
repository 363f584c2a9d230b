// What one `larder get` means to do, made from its options before anything is asked of the agent.
#pragma once

#include <string>

#include "base/result.h"
#include "client/requests.h"

namespace larder::agent {

struct GetPlan {
  JobRequest request;
  std::string check_command;  // of --check; empty: none
  bool json = false, quiet = false;
  bool retry_for_given = false;  // then it is kept to, however hopeless
  bool overwrite = false;        // what the origin named may replace a file that is there (FileRequest::remote_name)
};

// Without "user:password@". Pure.
[[nodiscard]] std::string without_user_info(const std::string& url);
// Eight hex digits that are equal for commands that mean the same files in the same places fetched in the same way. No
// secret goes in. Pure.
[[nodiscard]] std::string plan_key(const GetPlan& plan);
// The name of the job, by which a repeated command finds what an interrupted one began. Pure.
[[nodiscard]] std::string plan_job_name(const GetPlan& plan);
// Whether `job` is that of an earlier, unfinished run of the same command. Pure.
[[nodiscard]] bool is_job_of(const GetPlan& plan, const JobView& job);
// Whether to go on with such a job or to make a new one in its place: one that failed for what the request said (wrong
// password) must be asked with what it says now. Pure.
[[nodiscard]] bool worth_going_on(const JobView& job);
// A job in the error state that holds nothing of value is cancelled; true when it must stay. Pure.
[[nodiscard]] bool worth_keeping(const JobView& job);

}  // namespace larder::agent
