// Jobs and files as values: what is persisted and what the API shows.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/model/upload_facts.h"
#include "agent/transfer/transfer.h"
#include "agent/verdict/verdict.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "cache/record/record.h"
#include "origin/http/http_client.h"

namespace larder::agent {

enum class JobState {
  suspended,
  queued,
  connecting,
  transferring,
  validating,
  transferred,
  transient_error,
  error,
  acknowledged,
  cancelled,
};
[[nodiscard]] std::string_view job_state_name(JobState state);
[[nodiscard]] std::optional<JobState> job_state_from_name(std::string_view name);
[[nodiscard]] bool is_final(JobState state);
[[nodiscard]] bool has_ended(JobState state);  // nothing more happens without its owner

enum class Priority { foreground, high, normal, low };
[[nodiscard]] std::string_view priority_name(Priority priority);
[[nodiscard]] std::optional<Priority> priority_from_name(std::string_view name);

enum class FileState { waiting, active, validating, transferred, failed };
[[nodiscard]] std::string_view file_state_name(FileState state);
[[nodiscard]] std::optional<FileState> file_state_from_name(std::string_view name);

// Options that a caller may choose for a job; each has a default.
struct JobOptions {
  std::string name;
  Priority priority = Priority::normal;
  VerdictPolicy verdict;
  origin::ConnectOptions connect;  // secrets inside: stored 0600 with the job, never shown
  std::uint64_t max_rate = 0;      // bytes/s
  std::uint64_t max_file_size = 0;
  unsigned parallel_ranges = 1;
  bool use_cache = true;
  bool store = true;      // keep the content for others
  bool use_peers = true;  // if the configuration does
  bool share = true;      // offer it to peers
  // The origin cannot be reached: the newest validated edition is enough; policy may forbid it.
  bool offline_ok = false;
  bool redirect_loopback = false;                              // request redirects to loopback; policy may forbid them
  Duration retry_delay = std::chrono::seconds(5);              // first delay; grows to 10 min
  Duration no_progress_timeout = std::chrono::hours(24 * 14);  // 0: no retries
  Duration maximum_time = std::chrono::hours(24 * 90);         // of connecting and transferring together
  std::string notify_command;                                  // name of a command in the configuration
  std::optional<UploadOptions> upload;                         // the job uploads; what is of downloads alone is unused
};

// Another URL of the same file. `url` is canonical once in a job, with its user info moved out.
struct Mirror {
  std::string url, user, password;  // the last two are secret and never shown
  friend bool operator==(const Mirror&, const Mirror&) = default;
};

struct FileSpec {
  std::string url;          // the caller's; canonical once in a job, with its user info moved to `user` and `password`
  std::string destination;  // for the command line only: its destination; the agent never writes there
  std::vector<ByteRange> ranges;  // UINT64_MAX length: to the end; UINT64_MAX offset: the last `length` bytes
  std::optional<Digest> sha256;
  std::string minisign_signature;  // overrides the job's
  std::string user, password;      // the user info of the URL; secret, for this file alone, never shown
  // Asked in turn when `url` fails; only with sha256, which decides over the bytes. `url` is always the present one: a
  // URL that failed moves to the end of this list.
  std::vector<Mirror> mirrors;
};

struct File {
  std::string id;  // "<job id>.<index>"
  unsigned index = 0;
  FileSpec spec;
  FileState state = FileState::waiting;
  std::optional<std::uint64_t> size;
  std::uint64_t bytes = 0;       // so far
  std::uint64_t contiguous = 0;  // committed from the start
  SourceFigures figures;
  cache::ContentId content;  // once known
  std::optional<cache::Version> version;
  std::optional<Digest> actual_sha256;
  std::string verdict;  // "", "valid", "not_valid"
  std::string verdict_reason;
  bool version_told = false;  // `version` was named by the origin itself; false where a digest alone found the content
  bool origin_alone = false;  // fetch from the origin alone after "not valid"
  cache::ContentId rejected;  // content that was judged not valid before
  std::optional<Duration> offline_age;  // age of the edition when it was used without asking the origin
  bool retargeted = false;              // the URL was changed: the next start decides whether the content is continued
  std::optional<Digest> origin_sha256;  // promised by Repr-Digest or Digest
  std::string effective_url;
  std::string note;
  std::string file_name;  // named by the origin to this job (Content-Disposition); no path
  unsigned mirror = 0;    // index of spec.url among the caller's URL (0) and its mirrors
  bool mixed = false;     // the content was continued at another URL
  origin::Privacy privacy = origin::Privacy::shareable;  // why no other user or agent may have it, as far as known
  unsigned restarts = 0;
  std::optional<peer::CrowdFigures> crowd;  // while downloaded in a crowd
  std::optional<UploadFacts> upload;        // of an upload: `bytes` counts what the server has or is being sent
  std::optional<Error> error;
};

struct Job {
  std::string id;  // 16 hex digits
  uid_t owner = 0;
  JobOptions options;
  JobState state = JobState::suspended;
  std::vector<File> files;
  WallTime created{};
  WallTime modified{};
  std::optional<WallTime> finished;  // when it became transferred
  std::optional<Error> error;
  unsigned error_count = 0;
  std::optional<WallTime> retry_at;  // with transient_error
  Duration active_time{};            // connecting + transferring so far
  // Bookkeeping that survives restarts; not shown.
  unsigned retries = 0;                     // consecutive transient errors without progress
  std::optional<WallTime> transient_since;  // time of the first of them
  bool notify_pending = false;              // the notify command has not succeeded yet
};

// A change for watchers. The listener is called at once and copies what it needs from `job`; ids, JSON and the replay
// ring are the API's (agent/api).
enum class EventKind {
  job_created,
  job_state,     // state, error, options or the number of files changed
  job_progress,  // at most every 100 ms for one job, every 250 ms for one of several files
  file_state,
  job_removed,  // acknowledged or cancelled: no longer listed; still found by id for 10 minutes
};
[[nodiscard]] std::string_view event_kind_name(EventKind kind);  // "job.created", …

struct Event {
  EventKind kind = EventKind::job_state;
  std::string job_id;
  uid_t owner = 0;
  std::optional<unsigned> file;  // index; with file_state
  const Job* job = nullptr;      // present state; valid during the call only
};

}  // namespace larder::agent
