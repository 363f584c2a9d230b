// The state machine of a job (docs/design.md, Jobs; after BITS). Pure: one table says for every state and event what
// follows or that the event is refused there.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "agent/jobs/model/job.h"
#include "base/result.h"

namespace larder::agent {

enum class JobEvent {
  // Asked for by the owner.
  resume,
  suspend,
  cancel,
  complete,
  change,  // options: name, priority, rate, limits
  add_files,
  retarget,  // a new URL for one file
  verdict,   // of the application, on one file
  // From the scheduler.
  slot_given,
  slot_taken,  // pre-empted, or the time slice is over
  // From transfers and judges.
  connected,        // the first answer
  verdict_awaited,  // nothing is left to transfer and at least one file has no verdict yet
  all_transferred,  // every file is transferred and judged
  fetch_again,      // a finished file has to be fetched once more: its content was judged not valid, or is gone
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

// The state after `event`; the same state where the event has no effect on it. invalid_state, with what the job is and
// when the event is possible, where it is refused.
[[nodiscard]] Result<JobState> next_state(JobState state, JobEvent event);
[[nodiscard]] std::string_view job_event_name(JobEvent event);  // "resume the job", for error texts

// States in which the job takes part in scheduling: has or waits for a slot.
[[nodiscard]] bool is_runnable(JobState state);
// connecting or transferring: has a slot, and its time counts.
[[nodiscard]] bool is_running(JobState state);

}  // namespace larder::agent
