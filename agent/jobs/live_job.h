// A job with what is only true while this process runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "agent/jobs/model/job.h"
#include "agent/jobs/model/mirrors.h"
#include "agent/jobs/rules/file_queue.h"
#include "base/runtime/clock.h"
#include "cache/cache.h"
#include "origin/origin.h"

namespace larder::agent {

struct LiveFile {
  std::uint64_t attempt =
      0;  // tells the answers of this attempt from late ones of an earlier; grows at each start and stop
  TransferId transfer = 0;          // 0: none runs
  origin::FetchId probe = 0;        // of a new URL, before the transfer
  std::uint64_t wasted_before = 0;  // by earlier attempts
  unsigned restarts_before = 0;
  std::uint64_t most_bytes = 0;   // more than that is progress
  std::uint64_t share_told = 0;   // of unknown size: bytes that were counted as new for its user's share of the disk
  bool share_asked = false;       // of known size: its user's share of the disk was asked for it in this attempt
  bool judging = false;           // the judge has it, or it waits for its turn there
  bool awaiting_app = false;      // the judge has said so: the owner's verdict is due
  std::vector<Task> when_judged;  // verdicts of the owner that came before the judge was through
  unsigned judge_failures = 0;
  TimerId judge_again = 0;
  std::optional<cache::Cache::Known> known;  // looked up ahead of its first start, for known_url
  std::string known_url;
  SteadyTime known_at{};
  MirrorRound mirrors;
  bool mixed_badly = false;  // bytes of two mirrors together had another digest: they are not put together again
  unsigned lost = 0;         // how often its finished content was gone
};

struct LiveJob {
  Job job;
  // The same for all files without a user of their own, made at the first start of one; forgotten with the settings.
  std::shared_ptr<const origin::ConnectOptions> connect;
  std::shared_ptr<const origin::UrlPolicy> policy;
  std::shared_ptr<const origin::Lane> lane;  // of files with one request at a time
  std::vector<LiveFile> live;                // as job.files
  FileQueue queue;                           // files that are waiting
  std::set<unsigned> active;                 // files that are being transferred
  unsigned small_in_a_row = 0;               // files that turned out to be small, without another between them
  bool looking_ahead = false;                // the cache is asked what it knows of the next files
  std::size_t looked_up = 0;                 // files that have `known` and have not been started
  std::size_t validating = 0;                // files in each of these states
  std::size_t transferred = 0;
  std::size_t failed = 0;
  unsigned failures_in_a_row = 0;  // transient ones of files, without a success between them, since the last start
  bool progressed = false;         // since the last transient error of the job
  std::optional<SteadyTime> transient_since;
  std::optional<SteadyTime> running_since;
  SteadyTime last_activity{};
  TimerId retry_timer = 0;
  TimerId maximum_timer = 0;
  TimerId progress_timer = 0;
  std::optional<SteadyTime> last_progress_event;
  // Additions of files are durable before they count, one after the other, so that indexes stay without gaps.
  bool adding = false;
  std::deque<Task> additions;
};

}  // namespace larder::agent
