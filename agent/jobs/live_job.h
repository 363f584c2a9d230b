// A job, with the state that lasts only as long as this process.
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
#include "cache/record/record.h"
#include "origin/origin.h"
#include "origin/upload/uploads.h"

namespace larder::agent {

struct LiveFile {
  std::uint64_t attempt = 0;        // grows at each start and stop, so that late answers are recognised
  TransferId transfer = 0;          // 0: none
  origin::FetchId probe = 0;        // of a new URL, before its transfer
  origin::UploadId upload = 0;      // 0: none
  std::uint64_t wasted_before = 0;  // bytes wasted by earlier attempts
  unsigned restarts_before = 0;
  std::uint64_t most_bytes = 0;     // largest number of bytes so far: more is progress
  std::uint64_t share_counted = 0;  // for an unknown size: bytes already counted for the user's share of the disk
  bool share_asked = false;         // for a known size: the share of the disk was asked for in this attempt
  bool judging = false;             // the file is at the judge or waits for its turn
  bool awaiting_app = false;        // the judge awaits the owner's verdict
  std::vector<Task> when_judged;    // the owner's verdicts that arrived before the judge was done
  unsigned judge_failures = 0;
  TimerId judge_again_timer = 0;
  std::optional<cache::KnownContents> known;  // the cache's answer for known_url, asked before the first start
  std::string known_url;
  SteadyTime known_at{};
  MirrorRound mirrors;
  bool mixed_badly = false;  // bytes of two mirrors together had another digest: they are not mixed again
  unsigned times_lost = 0;   // times that its finished content was gone
};

struct LiveJob {
  Job job;
  // Options of all files without a user of their own, made when the first of them starts. Dropped when the settings
  // change.
  std::shared_ptr<const origin::ConnectOptions> connect;
  std::shared_ptr<const origin::UrlPolicy> policy;
  std::shared_ptr<const origin::Lane> lane;  // limits the concurrent requests of these files at the origin
  std::vector<LiveFile> files;               // in the order of job.files
  FileQueue queue;                           // waiting files
  std::set<unsigned> active;                 // files in transfer
  unsigned small_in_a_row = 0;               // consecutive files that turned out to be small
  bool looking_ahead = false;                // the cache is being asked about the next files
  std::size_t looked_up = 0;                 // files with `known` that have not started
  std::size_t validating = 0;                // files in each of these states
  std::size_t transferred = 0;
  std::size_t failed = 0;
  unsigned failures_in_a_row = 0;  // consecutive transient failures of files since the last start
  bool progressed = false;         // some bytes arrived since the job's last transient error
  std::optional<SteadyTime> transient_since;
  std::optional<SteadyTime> running_since;
  SteadyTime last_activity{};
  TimerId retry_timer = 0;
  TimerId maximum_timer = 0;
  TimerId progress_timer = 0;
  std::optional<SteadyTime> last_progress_event;
  // Additions run one after the other, each durable before it counts, so that indexes have no gaps.
  bool adding = false;
  std::deque<Task> additions;
};

}  // namespace larder::agent
