// Hands files over by a directory: puts each to ready/ and watches where the application renames it to. Loop thread;
// the files are looked at on a worker thread, all at once, every kInterval while any is there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "inbox/deliver/directory_files.h"
#include "inbox/deliver/hand_over.h"

namespace larder::inbox {

class DirectoryHandOver final : public HandOver {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(500);
  using ContentPath = std::function<std::string(const std::string& id)>;

  // The pool ends before what it uses does: see Store.
  DirectoryHandOver(std::string directory, ContentPath content_path, Runtime runtime, WorkerPool& pool);
  ~DirectoryHandOver() override;

  void begin(const UploadRow& row, bool resumed, Done done) override;
  [[nodiscard]] bool ends_by_itself() const override { return false; }

 private:
  struct Attempt {
    std::string name;  // in the directory
    bool was_ready = false;
    Done done;
  };
  struct Look {
    std::string id, name, content;
    bool was_ready = false;
    DirectoryStep step = DirectoryStep::wait;
    std::string problem;  // why it could not be put there, or looked for
  };
  static void look_at(const DirectoryFiles& files, Look& look);
  void look_soon();
  void look_now();
  void on_looked(const std::vector<Look>& looks);

  const std::shared_ptr<const DirectoryFiles> files_;
  const ContentPath content_path_;
  Runtime runtime_;
  WorkerPool& pool_;
  std::map<std::string, Attempt> attempts_;  // by the upload's id
  TimerId timer_ = 0;
  bool looking_ = false;
  Alive alive_;
};

}  // namespace larder::inbox
