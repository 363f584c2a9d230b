#include "agent/jobs/rules/job_state.h"

#include <fmt/format.h>

#include <optional>

namespace larder::agent {
namespace {

using Cell = std::optional<JobState>;

// Short names, to fit the cells of the table below.
// NOLINTBEGIN(readability-identifier-naming)
constexpr Cell SU = JobState::suspended;
constexpr Cell QU = JobState::queued;
constexpr Cell CO = JobState::connecting;
constexpr Cell TR = JobState::transferring;
constexpr Cell VA = JobState::validating;
constexpr Cell TD = JobState::transferred;
constexpr Cell TE = JobState::transient_error;
constexpr Cell ER = JobState::error;
constexpr Cell AK = JobState::acknowledged;
constexpr Cell CA = JobState::cancelled;
constexpr Cell no = std::nullopt;  // refused
// NOLINTEND(readability-identifier-naming)

struct Row {
  JobEvent event;
  std::string_view name;
  std::array<Cell, kAllJobStates.size()> next;  // in the order of kAllJobStates
};

// A suspended job stays suspended whatever its last transfers and judges report; only verdicts still count.
// clang-format off
constexpr std::array<Row, kJobEventCount> kTable = {{
    // event                        name                                    SU  QU  CO  TR  VA  TD  TE  ER  AK  CA
    {JobEvent::resume,            "resume the job",                       {QU, QU, CO, TR, VA, TD, QU, QU, no, no}},
    {JobEvent::suspend,           "suspend the job",                      {SU, SU, SU, SU, SU, SU, SU, SU, no, no}},
    {JobEvent::cancel,            "cancel the job",                       {CA, CA, CA, CA, CA, CA, CA, CA, no, no}},
    {JobEvent::complete,          "complete the job",                     {AK, AK, AK, AK, AK, AK, AK, AK, no, no}},
    {JobEvent::change,            "change the job",                       {SU, QU, CO, TR, VA, TD, TE, ER, no, no}},
    // As in BITS, a finished job that gets more files waits for its owner to resume it.
    {JobEvent::add_files,         "add files to the job",                 {SU, QU, CO, TR, QU, SU, TE, ER, no, no}},
    {JobEvent::retarget,          "give a file of the job a new URL",     {SU, QU, no, no, no, no, TE, ER, no, no}},
    {JobEvent::verdict,           "post a verdict on a file of the job",  {SU, QU, CO, TR, VA, no, TE, ER, no, no}},
    {JobEvent::slot_given,        "give the job a slot",                  {no, CO, no, no, no, no, no, no, no, no}},
    {JobEvent::slot_taken,        "take the job's slot",                  {no, no, QU, QU, no, no, no, no, no, no}},
    {JobEvent::connected,         "note a connection of the job",         {no, no, TR, TR, no, no, no, no, no, no}},
    {JobEvent::verdict_awaited,   "let the job await a verdict",          {no, VA, VA, VA, VA, no, no, no, no, no}},
    {JobEvent::all_transferred,   "finish the job's transfers",           {no, TD, TD, TD, TD, no, no, no, no, no}},
    {JobEvent::fetch_again,       "fetch a file of the job again",        {SU, QU, CO, TR, QU, QU, TE, ER, no, no}},
    {JobEvent::transient_failure, "let the job wait for a retry",         {no, TE, TE, TE, no, no, no, no, no, no}},
    {JobEvent::fatal_failure,     "fail the job",                         {ER, ER, ER, ER, ER, ER, ER, ER, no, no}},
    {JobEvent::retry_due,         "retry the job",                        {no, no, no, no, no, no, QU, no, no, no}},
    {JobEvent::network_returned,  "retry the job on another network",     {SU, QU, CO, TR, VA, TD, QU, ER, no, no}},
    {JobEvent::no_progress,       "end the job for lack of progress",     {no, no, no, no, no, no, ER, no, no, no}},
    {JobEvent::maximum_time,      "end the job for its maximum time",     {no, no, ER, ER, no, no, no, no, no, no}},
    {JobEvent::inactive,          "end the job for inactivity",           {CA, CA, CA, CA, CA, CA, CA, CA, no, no}},
}};
// clang-format on

constexpr bool rows_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].event) != i) return false;
  }
  return true;
}
static_assert(rows_in_order());

const Row& row(JobEvent event) {
  return kTable[static_cast<std::size_t>(event)];
}

std::string possible_states(const Row& row) {
  std::string text;
  for (std::size_t i = 0; i < row.next.size(); ++i) {
    if (!row.next[i]) continue;
    if (!text.empty()) text += ", ";
    text += job_state_name(kAllJobStates[i]);
  }
  return text;
}

}  // namespace

Result<JobState> next_state(JobState state, JobEvent event) {
  const Row& found = row(event);
  const Cell next = found.next[static_cast<std::size_t>(state)];
  if (next) return *next;
  if (is_final(state)) {
    return fail(ErrorCode::invalid_state, std::string(found.name),
                fmt::format("the job is {} and over; make a new one", job_state_name(state)));
  }
  const bool running = state == JobState::connecting || state == JobState::transferring;
  return fail(ErrorCode::invalid_state, std::string(found.name),
              fmt::format("the job is {}; that is possible while it is {}{}", job_state_name(state),
                          possible_states(found), running ? "; suspend it first" : ""));
}

std::string_view job_event_name(JobEvent event) {
  return row(event).name;
}

bool is_runnable(JobState state) {
  return state == JobState::queued || is_running(state);
}

bool is_running(JobState state) {
  return state == JobState::connecting || state == JobState::transferring;
}

}  // namespace larder::agent
