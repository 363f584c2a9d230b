// Reads a content in steps on the disk pool and checks its minisign signature. One at a time: a signature costs the
// speed of the disk, and a legacy one memory.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "cache/cache.h"

namespace larder::agent {

class SignatureChecker {
 public:
  // Success: the signature is good. signature_invalid: it is not. Anything else: it could not be checked.
  using Done = UniqueFunction<void(Status)>;

  SignatureChecker(Runtime runtime, WorkerPool& disk);
  ~SignatureChecker();  // nothing is called back any more
  SignatureChecker(const SignatureChecker&) = delete;
  SignatureChecker& operator=(const SignatureChecker&) = delete;

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
