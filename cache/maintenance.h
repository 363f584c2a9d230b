// Keeps files and records consistent in the background: after start every directory is compared with the index once, in
// small steps. Afterwards ages are checked every hour; the file system's free space is checked every 30 seconds from
// the start. Loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io/file_system.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "cache/index/index.h"
#include "cache/record/layout.h"
#include "cache/write/disk_queue.h"
#include "database/database.h"

namespace larder::cache {

class MaintenanceHost {
 public:
  virtual ~MaintenanceHost() = default;
  [[nodiscard]] virtual bool in_use(const ContentId& id) = 0;  // written or read now
  virtual void drop_changed(const ContentId& id, const std::string& why, Task then) = 0;
  virtual void drop_unheld(std::vector<ContentId> ids, index::RemoveOnly only, Task then) = 0;
  virtual void check_space() = 0;
};

class Maintenance {
 public:
  Maintenance(Runtime runtime, DiskQueue& disk, Database& database, FileSystem& files, const ContentLayout& layout,
              MaintenanceHost& host, Duration max_age);
  ~Maintenance();
  void start();
  void set_max_age(Duration max_age) { max_age_ = max_age; }

 private:
  struct Directory {  // one step: the contents of one directory
    std::size_t prefix = 0;
    std::vector<ContentId> names;  // ascending; without those in use when it was listed
    std::vector<index::PrefixRow> rows;
  };
  struct Damage {
    ContentId id;
    std::string why;
  };
  void step(std::size_t prefix);
  void read_rows(std::shared_ptr<Directory> directory);
  void compare(std::shared_ptr<Directory> directory);
  void drop_unkept(std::shared_ptr<Directory> directory);
  void drop_damaged(std::size_t prefix, std::shared_ptr<std::vector<Damage>> damages);
  void next(std::size_t prefix);
  void age_out(std::optional<index::Candidate> after);
  void check_space_later();
  void schedule(Duration delay, Task task);

  Runtime runtime_;
  DiskQueue& disk_;
  Database& database_;
  FileSystem& files_;
  const ContentLayout layout_;
  MaintenanceHost& host_;
  Duration max_age_;
  WallTime started_{};
  TimerId step_timer_ = 0;  // the walk, then ages
  TimerId space_timer_ = 0;
  bool running_ = false;
  std::uint64_t orphans_ = 0;
  std::uint64_t damaged_ = 0;
  Alive alive_;
};

}  // namespace larder::cache
