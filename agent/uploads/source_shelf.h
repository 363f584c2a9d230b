// The files that are being uploaded: descriptors that callers handed over, and snapshots of the agent's own. Loop
// thread only; copies run on `disk`. Owned by main; every referent outlives it.
//
// A descriptor lives as long as the agent's process, a snapshot until its job ends. A snapshot is named after the
// file's id, in a directory of the agent alone.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/uploads/snapshot.h"
#include "agent/uploads/source_file.h"
#include "base/fair_places.h"
#include "base/io/unique_fd.h"
#include "base/result.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"

namespace larder::agent {

class SourceShelf {
 public:
  // Open descriptors of one user; other users have a reserve on top.
  static constexpr std::size_t kMaxOfUser = 256;
  using Kept = KeptSource;

  // `directory` is made if it is missing.
  SourceShelf(std::string directory, Runtime runtime, WorkerPool& disk);
  ~SourceShelf();  // ends copies between two pieces
  SourceShelf(const SourceShelf&) = delete;
  SourceShelf& operator=(const SourceShelf&) = delete;

  // Looks at descriptors by check_descriptor(), on `disk`; `owner` keeps them open until then. Calls `done` later, not
  // if this object is destroyed before. Error: that of the first one that is refused.
  void look_at(std::vector<int> descriptors, std::shared_ptr<const void> owner,
               UniqueFunction<void(Result<std::vector<origin::SourceIdentity>>)> done);
  // Takes a descriptor that check_descriptor() accepted. Error: limit_exceeded.
  [[nodiscard]] Status put(const std::string& file_id, Owner owner, UniqueFd descriptor);
  [[nodiscard]] bool holds(const std::string& file_id) const { return sources_.contains(file_id); }

  // Gives what is to be uploaded: a snapshot, if there is one or can be made, else the caller's descriptor. Cloned
  // where the file system can (FICLONE), which costs nothing; copied only with `copy`. `was_snapshot`: there is one of
  // an earlier start. Calls `done` later, not if this object is destroyed before. Error: not_found, of a source that
  // went with an earlier process; source_changed, while it was copied; disk_full; disk_error.
  void open_source(const std::string& file_id, const origin::SourceIdentity& expected, bool was_snapshot, bool copy,
                   UniqueFunction<void(Result<Kept>)> done);
  // Closes the descriptor, and removes snapshot and reply.
  void drop(const std::string& file_id);
  // Removes the files that belong to none of these ids, after a crash.
  void drop_all_but(std::vector<std::string> file_ids);
  [[nodiscard]] std::string reply_file(const std::string& file_id) const {
    return directory_ + "/" + file_id + ".reply";
  }

 private:
  struct Source {
    std::shared_ptr<const SourceFile> file;
    FairPlaces::Place place;
  };
  void submit(WorkerPool& pool, std::shared_ptr<Task> work);
  [[nodiscard]] std::string snapshot_file(const std::string& file_id) const { return directory_ + "/" + file_id; }

  const std::string directory_;
  Runtime runtime_;
  WorkerPool& disk_;
  FairPlaces places_ = FairPlaces::with_reserve(kMaxOfUser);
  std::map<std::string, Source> sources_;
  std::map<std::string, std::shared_ptr<std::atomic<bool>>> copying_;  // set to end the copies of a file
  // Copies take as long as they take, and nothing else waits for them. One thread: of two copies of one file the second
  // begins after the first.
  WorkerPool copies_{"spool", 1, 1024};
  Alive alive_;
};

}  // namespace larder::agent
