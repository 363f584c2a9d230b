// One run of `larder get`: gets a job for the plan, follows it, hands the files over and acknowledges it. However the
// run ends (Ctrl-C, kill -9, an agent that disappears), the same command continues from there.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/get/get_plan.h"
#include "agent/cli/get/interrupts.h"
#include "agent/cli/get/local_files.h"
#include "agent/cli/show/progress.h"
#include "agent/cli/show/terminal.h"
#include "base/runtime/clock.h"
#include "client/agent_access.h"
#include "client/job_follower.h"

namespace larder::agent {

class GetSession {
 public:
  GetSession(GetPlan plan, AgentAccess& agent);
  // Returns the exit status.
  int get_files();

 private:
  enum class Step { ended, interrupted };
  Result<Step> attempt();  // until the job has ended, or the agent disappeared (agent_unreachable)
  [[nodiscard]] bool is_brief() const;
  Status obtain_job();  // finds the job of an earlier run or creates one
  Result<Answer> create_job(bool once);
  [[nodiscard]] JobView as_made(JobView job) const;
  Status resume_if_needed(const JobView& job);
  Result<Step> follow();
  Result<bool> work();             // one piece of copying or hand-over; false: there was none
  Result<bool> wait(bool worked);  // true: interrupted
  Status finish();                 // the job has ended: hands over the rest, then acknowledges
  Status settle_error();           // the job failed: keep it or cancel it
  Status end_if_hopeless();        // ends a job whose retries cannot succeed
  Result<Step> refuse_name();      // the name given by the origin cannot be written
  // Downloads in windows where the agent has no room for the whole. None: impossible, keep waiting.
  Result<std::optional<Step>> try_windows();
  Result<bool> wait_for_window(JobFollower& follower, const FileView& so_far);
  Result<bool> wait_for_agent(const Error& why);  // true: interrupted
  bool poll_for(int events, Duration limit, bool& readable);
  bool wait_for_room(int fd);  // waits until output takes bytes; false: a signal came
  int interrupted();
  int end_unread();  // the reader of the output has gone
  int conclude();
  void show(const JobView& job);
  [[nodiscard]] SteadyTime now() const { return std::chrono::steady_clock::now(); }

  GetPlan plan_;
  AgentAccess& agent_;
  Interrupts interrupts_;
  Terminal terminal_;
  RateMeter meter_;
  std::optional<JobFollower> follower_;
  std::unique_ptr<LocalFiles> files_;
  std::string job_id_;
  struct Made {  // created by obtain_job() and not followed yet
    JobView job;
    std::string event;
    UniqueFd content;  // of its only file, if that is finished
  };
  std::optional<Made> made_;
  JobView final_;  // the job at its end
  std::optional<Error> failure_;
  SteadyTime started_, shown_{};
  std::string shown_state_;
  int signal_ = 0;
  bool reader_gone_ = false;  // of standard output, while bytes were still being fetched
  bool waiting_said_ = false;
  bool windows_tried_ = false;
  bool hopeless_ = false;
  unsigned errors_seen_ = 0;
  bool had_agent_ = false;  // an agent answered at some time
};

}  // namespace larder::agent
