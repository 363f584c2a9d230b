// The plain SHA-256 of a content that arrives in order: written jobs queue here and are hashed one after another. The
// first job that does not continue the previous one ends it without a digest. Loop thread; taken jobs are hashed on a
// disk thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/hash/digest.h"
#include "cache/write/write_job.h"

namespace larder::cache {

class OrderedHash {
 public:
  explicit OrderedHash(bool wanted) : alive_(wanted), hash_(wanted ? std::make_shared<Sha256>() : nullptr) {}

  // Called for each job when it is cut, in that order. False: the job will not be hashed.
  bool expect(const WriteJob& job);
  // Called when an expected job was written.
  void on_written(std::shared_ptr<WriteJob> job);
  // Returns the jobs that can be hashed now, in order.
  [[nodiscard]] std::vector<std::shared_ptr<WriteJob>> take_jobs();
  [[nodiscard]] const std::shared_ptr<Sha256>& hash() const { return hash_; }
  // Returns the digest, once, if every byte up to `size` was taken for hashing.
  [[nodiscard]] std::optional<Digest> finish(std::uint64_t size);

 private:
  bool alive_;
  std::shared_ptr<Sha256> hash_;
  std::uint64_t expected_ = 0;  // offset after the last job expected
  std::uint64_t taken_ = 0;     // offset after the last job taken
  std::map<std::uint64_t, std::shared_ptr<WriteJob>> waiting_;
};

// Disk thread.
void hash_jobs(Sha256& hash, const std::vector<std::shared_ptr<WriteJob>>& jobs);

}  // namespace larder::cache
