// One run of `larder put`: opens the files, gets an upload job for them, follows it and acknowledges it. However the
// run ends (Ctrl-C, kill -9, an agent that disappears), the same command goes on from there: the agent knows the job by
// the URL and the file. Only what came by a pipe is gone with the command, unless the agent has its copy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/cli/get/interrupts.h"
#include "agent/cli/put/put_plan.h"
#include "agent/cli/put/put_sources.h"
#include "agent/cli/show/progress.h"
#include "agent/cli/show/terminal.h"
#include "base/runtime/clock.h"
#include "client/agent_access.h"
#include "client/job_follower.h"

namespace larder::agent {

class PutSession {
 public:
  PutSession(PutPlan plan, AgentAccess& agent);
  // Returns the exit status.
  int put_files();

 private:
  enum class Step { ended, interrupted };
  Result<Step> open_sources();
  Result<Step> read_standard_input();
  int upload();            // of the opened sources
  Result<Step> attempt();  // until the job has ended, or the agent disappeared (agent_unreachable)
  Status obtain_job();     // finds the job of an earlier run or creates one
  Result<Answer> create_job();
  Status check_sources() const;
  Status go_on_with(const JobView& job);
  Result<Step> follow();
  Status finish();          // the job has ended
  Status take_reply();      // the application's, into --reply
  Result<bool> read_end();  // whether a job was acknowledged whose answer was lost
  Status settle_error();    // the job failed: keep it or cancel it
  Status end_if_hopeless();
  Result<bool> wait();                            // true: interrupted
  Result<bool> wait_for_agent(const Error& why);  // true: interrupted
  bool poll_for(int events, Duration limit, bool& readable);
  int interrupted();
  int conclude();
  void show(const JobView& job);
  void show_spooled(std::uint64_t bytes);
  [[nodiscard]] std::string name() const;  // of what is put, for people
  [[nodiscard]] std::string how_to_go_on() const;
  [[nodiscard]] SteadyTime now() const { return std::chrono::steady_clock::now(); }

  PutPlan plan_;
  AgentAccess& agent_;
  Interrupts interrupts_;
  Terminal terminal_;
  RateMeter meter_;
  std::vector<PutSource> sources_;
  std::string key_;
  std::optional<JobFollower> follower_;
  std::string job_id_;
  struct Made {  // created by obtain_job() and not followed yet
    JobView job;
    std::string event;
  };
  std::optional<Made> made_;
  JobView final_;  // the job at its end
  std::optional<Error> failure_;
  std::string reply_written_;  // where; empty: there is none
  SteadyTime started_, shown_{};
  std::string shown_state_;
  int signal_ = 0;
  bool completing_ = false;  // the job was told to be acknowledged: it is not created again
  bool waiting_said_ = false, hopeless_ = false, had_agent_ = false;
  unsigned errors_seen_ = 0;
};

}  // namespace larder::agent
