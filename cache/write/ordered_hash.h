// The plain SHA-256 of a content that arrives in order: written jobs queue here and are hashed one after another. It is
// given up at the first job that does not continue the one before. Loop thread; hash() of a taken run on a disk thread.
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

  // A job was cut; in cutting order. False: it will not be hashed.
  bool expect(const WriteJob& job);
  // That job was written.
  void written(std::shared_ptr<WriteJob> job);
  // The jobs that can be hashed now, in order; empty: nothing to do.
  [[nodiscard]] std::vector<std::shared_ptr<WriteJob>> take();
  [[nodiscard]] const std::shared_ptr<Sha256>& hash() const { return hash_; }
  // The digest when every byte up to `size` was hashed; once.
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
