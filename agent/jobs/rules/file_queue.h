// The order in which a job's files are fetched: by index; files that failed for now are held back until the job is
// tried again. Pure; every step is logarithmic in the number of files.
#pragma once

#include <cstddef>
#include <optional>
#include <set>

namespace larder::agent {

class FileQueue {
 public:
  void add(unsigned file) {
    deferred_.erase(file);
    waiting_.insert(file);
  }
  // Holds a failed file back until release().
  void defer(unsigned file) {
    waiting_.erase(file);
    deferred_.insert(file);
  }
  void remove(unsigned file) {
    waiting_.erase(file);
    deferred_.erase(file);
  }
  void release() { waiting_.merge(deferred_); }
  [[nodiscard]] std::optional<unsigned> take_file() {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.extract(waiting_.begin()).value();
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t deferred() const { return deferred_.size(); }
  [[nodiscard]] const std::set<unsigned>& waiting_files() const { return waiting_; }
  [[nodiscard]] const std::set<unsigned>& deferred_files() const { return deferred_; }

 private:
  std::set<unsigned> waiting_;
  std::set<unsigned> deferred_;
};

}  // namespace larder::agent
