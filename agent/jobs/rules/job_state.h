// The state machine of a job (docs/design.md, Jobs; after BITS). Pure: one table gives the next state for every state
// and event, or refuses the event. A restart of the agent is no event: JobManager::load() queues the jobs that ran.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "agent/jobs/model/job.h"
#include "base/result.h"

namespace larder::agent {

enum class JobEvent {
  // Requests of the owner.
  resume,
  suspend,
  cancel,
  complete,
  change,  // options: name, priority, rate, limits
  add_files,
  retarget,  // a new URL for one file
  verdict,   // of the application, for one file
  // From the scheduler.
  slot_given,
  slot_taken,  // pre-empted, or at the end of its time slice
  // From transfers and judges.
  connected,        // the first answer
  verdict_awaited,  // nothing is left to transfer, and some file has no verdict yet
  all_transferred,  // every file is transferred and judged
  fetch_again,      // a finished file must be fetched again: judged not valid, or its content is gone
  transient_failure,
  fatal_failure,
  // From time and the network.
  retry_due,
  network_returned,
  no_progress,
  maximum_time,
  inactive,
};

inline constexpr std::array kAllJobStates = {
    JobState::suspended,    JobState::queued,      JobState::connecting,      JobState::transferring,
    JobState::validating,   JobState::transferred, JobState::transient_error, JobState::error,
    JobState::acknowledged, JobState::cancelled,
};
inline constexpr std::size_t kJobEventCount = static_cast<std::size_t>(JobEvent::inactive) + 1;

// Returns the state after `event`, the same state if the event has no effect. A refused event gives invalid_state, with
// the job's state and the states in which the event is possible.
[[nodiscard]] Result<JobState> next_state(JobState state, JobEvent event);
[[nodiscard]] std::string_view job_event_name(JobEvent event);  // "resume the job", for error texts

// States in which the job takes part in scheduling: has or waits for a slot.
[[nodiscard]] bool is_runnable(JobState state);
// connecting or transferring: has a slot, and its time counts.
[[nodiscard]] bool is_running(JobState state);

}  // namespace larder::agent
