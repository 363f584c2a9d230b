#include "agent/jobs/model/job.h"

#include <array>

namespace larder::agent {
namespace {

constexpr std::array<std::string_view, 10> kStates = {
    "suspended",   "queued",          "connecting", "transferring", "validating",
    "transferred", "transient_error", "error",      "acknowledged", "cancelled",
};
constexpr std::array<std::string_view, 4> kPriorities = {"foreground", "high", "normal", "low"};
constexpr std::array<std::string_view, 5> kFileStates = {"waiting", "active", "validating", "transferred", "failed"};
constexpr std::array<std::string_view, 5> kEvents = {"job.created", "job.state", "job.progress", "file.state",
                                                     "job.removed"};

template <class Enum, std::size_t N>
std::optional<Enum> from_name(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view job_state_name(JobState state) {
  return kStates.at(static_cast<std::size_t>(state));
}
std::optional<JobState> job_state_from_name(std::string_view name) {
  return from_name<JobState>(kStates, name);
}

bool is_final(JobState state) {
  return state == JobState::acknowledged || state == JobState::cancelled;
}

bool has_ended(JobState state) {
  return is_final(state) || state == JobState::transferred || state == JobState::error;
}

std::string_view priority_name(Priority priority) {
  return kPriorities.at(static_cast<std::size_t>(priority));
}
std::optional<Priority> priority_from_name(std::string_view name) {
  return from_name<Priority>(kPriorities, name);
}

std::string_view file_state_name(FileState state) {
  return kFileStates.at(static_cast<std::size_t>(state));
}
std::optional<FileState> file_state_from_name(std::string_view name) {
  return from_name<FileState>(kFileStates, name);
}

std::string_view event_kind_name(EventKind kind) {
  return kEvents.at(static_cast<std::size_t>(kind));
}

}  // namespace larder::agent
