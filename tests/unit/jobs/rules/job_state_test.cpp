#include "agent/jobs/rules/job_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

namespace larder::agent {
namespace {

using testing::HasSubstr;

// For each event the state that follows, in the order of kAllJobStates; "-": refused.
struct Expected {
  JobEvent event;
  const char* states;
};
const std::vector<Expected> kExpected = {
    {JobEvent::resume, "queued queued connecting transferring validating transferred queued queued - -"},
    {JobEvent::suspend, "suspended suspended suspended suspended suspended suspended suspended suspended - -"},
    {JobEvent::cancel, "cancelled cancelled cancelled cancelled cancelled cancelled cancelled cancelled - -"},
    {JobEvent::complete,
     "acknowledged acknowledged acknowledged acknowledged acknowledged acknowledged acknowledged acknowledged - -"},
    {JobEvent::change, "suspended queued connecting transferring validating transferred transient_error error - -"},
    {JobEvent::add_files, "suspended queued connecting transferring queued suspended transient_error error - -"},
    {JobEvent::retarget, "suspended queued - - - - transient_error error - -"},
    {JobEvent::verdict, "suspended queued connecting transferring validating - transient_error error - -"},
    {JobEvent::slot_given, "- connecting - - - - - - - -"},
    {JobEvent::slot_taken, "- - queued queued - - - - - -"},
    {JobEvent::connected, "- - transferring transferring - - - - - -"},
    {JobEvent::verdict_awaited, "- validating validating validating validating - - - - -"},
    {JobEvent::all_transferred, "- transferred transferred transferred transferred - - - - -"},
    {JobEvent::fetch_again, "suspended queued connecting transferring queued queued transient_error error - -"},
    {JobEvent::transient_failure, "- transient_error transient_error transient_error - - - - - -"},
    {JobEvent::fatal_failure, "error error error error error error error error - -"},
    {JobEvent::retry_due, "- - - - - - queued - - -"},
    {JobEvent::network_returned, "suspended queued connecting transferring validating transferred queued error - -"},
    {JobEvent::no_progress, "- - - - - - error - - -"},
    {JobEvent::maximum_time, "- - error error - - - - - -"},
    {JobEvent::inactive, "cancelled cancelled cancelled cancelled cancelled cancelled cancelled cancelled - -"},
};

TEST(job_state, every_state_and_event_is_decided) {
  ASSERT_EQ(kExpected.size(), kJobEventCount);
  for (const Expected& row : kExpected) {
    std::istringstream words(row.states);
    for (const JobState state : kAllJobStates) {
      std::string word;
      ASSERT_TRUE(words >> word) << row.states;
      const auto next = next_state(state, row.event);
      const std::string what = std::string(job_event_name(row.event)) + " while " + std::string(job_state_name(state));
      if (word == "-") {
        ASSERT_FALSE(next) << what;
        EXPECT_EQ(next.error().code, ErrorCode::invalid_state) << what;
        EXPECT_EQ(next.error().doing, job_event_name(row.event)) << what;
        EXPECT_THAT(next.error().detail, HasSubstr(job_state_name(state))) << what;
      } else {
        ASSERT_TRUE(next) << what;
        EXPECT_EQ(job_state_name(*next), word) << what;
      }
    }
  }
}

TEST(job_state, nothing_leads_out_of_a_final_state) {
  for (const JobState state : {JobState::acknowledged, JobState::cancelled}) {
    for (std::size_t event = 0; event < kJobEventCount; ++event) {
      EXPECT_FALSE(next_state(state, static_cast<JobEvent>(event)));
    }
  }
}

TEST(job_state, refusal_says_when_it_is_possible) {
  const auto next = next_state(JobState::transferring, JobEvent::retarget);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().text(),
            "cannot give a file of the job a new URL: the job is transferring; that is possible while it is suspended, "
            "queued, transient_error, error; suspend it first");
}

TEST(job_state, every_state_is_reached_from_suspended) {
  std::map<JobState, bool> reached = {{JobState::suspended, true}};
  for (std::size_t round = 0; round < kAllJobStates.size(); ++round) {
    for (const JobState state : kAllJobStates) {
      if (!reached[state]) continue;
      for (std::size_t event = 0; event < kJobEventCount; ++event) {
        if (const auto next = next_state(state, static_cast<JobEvent>(event))) reached[*next] = true;
      }
    }
  }
  for (const JobState state : kAllJobStates) EXPECT_TRUE(reached[state]) << job_state_name(state);
}

TEST(job_names, of_states_go_there_and_back) {
  for (const JobState state : kAllJobStates) EXPECT_EQ(job_state_from_name(job_state_name(state)), state);
  EXPECT_FALSE(job_state_from_name("Queued"));
  EXPECT_FALSE(job_state_from_name(""));
}

TEST(job_names, of_priorities_and_file_states_go_there_and_back) {
  for (const auto priority : {Priority::foreground, Priority::high, Priority::normal, Priority::low}) {
    EXPECT_EQ(priority_from_name(priority_name(priority)), priority);
  }
  for (const auto state :
       {FileState::waiting, FileState::active, FileState::validating, FileState::transferred, FileState::failed}) {
    EXPECT_EQ(file_state_from_name(file_state_name(state)), state);
  }
  EXPECT_FALSE(priority_from_name("urgent"));
}

// They are the API's, and what is stored.
TEST(job_names, are_these) {
  const auto names = [](auto name_of, auto... values) {
    std::string text;
    ((text += std::string(name_of(values)) + " "), ...);
    return text;
  };
  using P = Priority;
  EXPECT_EQ(names(priority_name, P::foreground, P::high, P::normal, P::low), "foreground high normal low ");
  using F = FileState;
  EXPECT_EQ(names(file_state_name, F::waiting, F::active, F::validating, F::transferred, F::failed),
            "waiting active validating transferred failed ");
  using E = EventKind;
  EXPECT_EQ(names(event_kind_name, static_cast<E>(0), static_cast<E>(1), static_cast<E>(2), static_cast<E>(3),
                  static_cast<E>(4)),
            "job.created job.state job.progress file.state job.removed ");
}

TEST(job_state, some_are_over_some_have_ended_some_run) {
  const auto those = [](auto holds) {
    std::string text;
    for (const JobState state : kAllJobStates) {
      if (holds(state)) text += std::string(job_state_name(state)) + " ";
    }
    return text;
  };
  EXPECT_EQ(those(is_final), "acknowledged cancelled ");
  EXPECT_EQ(those(has_ended), "transferred error acknowledged cancelled ");
  EXPECT_EQ(those(is_runnable), "queued connecting transferring ");
  EXPECT_EQ(those(is_running), "connecting transferring ");
}

TEST(job_state, a_refusal_advises_what_helps) {
  const auto detail = [](JobState state, JobEvent event) { return next_state(state, event).error().detail; };
  EXPECT_EQ(detail(JobState::connecting, JobEvent::retarget),
            "the job is connecting; that is possible while it is suspended, queued, transient_error, error; suspend it "
            "first");
  EXPECT_EQ(detail(JobState::validating, JobEvent::retarget),
            "the job is validating; that is possible while it is suspended, queued, transient_error, error");
  EXPECT_EQ(detail(JobState::cancelled, JobEvent::resume), "the job is cancelled and over; make a new one");
}

}  // namespace
}  // namespace larder::agent
