// The rows that differ from the database, for the next transaction to write. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace larder::agent {

struct DirtyRows {
  struct OfJob {
    bool row = false;
    std::set<unsigned> files;
  };
  std::map<std::string, OfJob> jobs;
  std::vector<std::string> removed;
  bool counters = false;
  bool secrets_overwritten = false;  // some changed row in `jobs` held secrets

  [[nodiscard]] bool empty() const { return jobs.empty() && removed.empty() && !counters; }
  void merge(DirtyRows other) {
    for (auto& [id, rows] : other.jobs) {
      OfJob& mine = jobs[id];
      mine.row |= rows.row;
      mine.files.merge(rows.files);
    }
    removed.insert(removed.end(), other.removed.begin(), other.removed.end());
    counters |= other.counters;
    secrets_overwritten |= other.secrets_overwritten;
  }
};

}  // namespace larder::agent
