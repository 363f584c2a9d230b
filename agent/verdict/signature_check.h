// Checks the minisign signature of a content, which it reads in steps on the disk pool. One content at a time, since a
// check takes the full speed of the disk, and a legacy signature takes memory.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "cache/content_lease.h"

namespace larder::agent {

class SignatureChecker {
 public:
  // Success: the signature is good. signature_invalid: it is not. Anything else: it could not be checked.
  using Done = UniqueFunction<void(Status)>;

  SignatureChecker(Runtime runtime, WorkerPool& disk);
  ~SignatureChecker();  // no `done` is called any more
  SignatureChecker(const SignatureChecker&) = delete;
  SignatureChecker& operator=(const SignatureChecker&) = delete;

  // Calls `done` once, from within the call if the key or signature is malformed.
  void check(const std::string& public_key, const std::string& signature, std::uint64_t size,
             std::shared_ptr<cache::ContentLease> content, Done done);

 private:
  struct Job;
  void next();
  void step(std::shared_ptr<Job> job);
  void ended(Status status);

  Runtime runtime_;
  WorkerPool& disk_;
  std::deque<std::shared_ptr<Job>> jobs_;  // the first one is being checked
  Alive alive_;
};

}  // namespace larder::agent
