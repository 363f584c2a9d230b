// Verdicts on finished content: a digest, a minisign signature, a hook that the admin configured, or the application.
// Loop thread only; disk threads and hook processes do the work.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fair_places.h"
#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "cache/content_lease.h"

namespace larder::agent {

// How a job's files are judged. Several may be set; all must say valid, the cheapest first.
struct VerdictPolicy {
  std::string minisign_public_key;  // the base64 line of the .pub file; empty: none
  std::string minisign_signature;   // the text of the .minisig file
  std::string hook;                 // name in the configuration; empty: none
  bool app = false;                 // wait for the owner's verdict
};

struct Facts {      // given to hooks as LARDER_URL, LARDER_SIZE, LARDER_SOURCE, LARDER_JOB, LARDER_FILE, LARDER_SHA256
  std::string url;  // without credentials
  std::uint64_t size = 0;
  std::string source;  // "origin", "peers", "cache" or "mixed"
  std::string job_id;
  std::string file_id;
  std::optional<Digest> sha256;         // of the content, computed
  std::optional<Digest> wanted_sha256;  // given by the caller
  std::optional<Digest> origin_sha256;  // from Repr-Digest
  Want want;                            // user on whose account a hook runs
};

enum class Verdict { valid, not_valid, wait_for_app };

struct Judgement {
  Verdict verdict = Verdict::valid;
  Error reason;  // with not_valid: digest_mismatch, signature_invalid or validation_failed, with the detail
};

// A hook runs as the agent's user, with the content, read-only, on standard input and again on descriptor 3
// (LARDER_CONTENT_FD). It has no other descriptors, no environment but PATH, LANG and LARDER_*, and working directory
// "/". Exit status 0: valid; 1: not valid (the first line of its output is the reason); any other: an error of the
// hook.
struct Hook {
  std::string name;
  std::vector<std::string> command;  // absolute program and arguments; no shell
  Duration timeout = std::chrono::minutes(5);
};

class Judge {
 public:
  virtual ~Judge() = default;
  // Judges the content, and calls `done` once, never from within the call. An error (such as hook_failed: not started,
  // time-out, another exit status than 0 and 1) is not a verdict: the file stays validating and is judged again later.
  virtual void judge(VerdictPolicy policy, Facts facts, std::shared_ptr<cache::ContentLease> content,
                     UniqueFunction<void(Result<Judgement>)> done) = 0;
  virtual void set_hooks(std::vector<Hook> hooks) = 0;
  [[nodiscard]] virtual bool has_hook(const std::string& name) const = 0;
};

// Makes the judge. Signatures are computed on `disk`; hooks run as processes, at most 4 of one user at a time, watched
// by a thread of the judge's. Destroying the judge kills running hooks and calls no `done`.
[[nodiscard]] std::unique_ptr<Judge> make_judge(Runtime runtime, WorkerPool& disk);

// Checks the syntax of a key or signature when a job is made. The content is checked by judge().
[[nodiscard]] Status check_minisign(const std::string& public_key, const std::string& signature);

}  // namespace larder::agent
