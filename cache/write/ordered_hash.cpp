#include "cache/write/ordered_hash.h"

namespace larder::cache {

bool OrderedHash::expect(const WriteJob& job) {
  if (!alive_) return false;
  std::uint64_t at = expected_;
  for (const WritePart& part : job.parts) {
    if (part.offset != at) {
      alive_ = false;  // jobs in flight are still returned by take_jobs(), so that their bytes are freed
      return false;
    }
    at += part.bytes.size();
  }
  expected_ = at;
  return true;
}

void OrderedHash::on_written(std::shared_ptr<WriteJob> job) {
  const std::uint64_t offset = job->parts.front().offset;
  waiting_.emplace(offset, std::move(job));
}

std::vector<std::shared_ptr<WriteJob>> OrderedHash::take_jobs() {
  std::vector<std::shared_ptr<WriteJob>> jobs;
  for (auto first = waiting_.begin(); first != waiting_.end() && first->first == taken_; first = waiting_.begin()) {
    taken_ += first->second->bytes;
    jobs.push_back(std::move(first->second));
    waiting_.erase(first);
  }
  return jobs;
}

std::optional<Digest> OrderedHash::finish(std::uint64_t size) {
  if (!alive_ || taken_ != size) return std::nullopt;
  alive_ = false;
  return hash_->finish();
}

void hash_jobs(Sha256& hash, const std::vector<std::shared_ptr<WriteJob>>& jobs) {
  for (const auto& job : jobs) {
    for (const WritePart& part : job->parts) hash.update(part.bytes);
  }
}

}  // namespace larder::cache
