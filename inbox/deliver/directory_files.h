// The directory's files (directory_rules.h). Every call blocks: worker threads.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "inbox/deliver/directory_rules.h"

namespace larder::inbox {

class DirectoryFiles {
 public:
  explicit DirectoryFiles(std::string directory) : directory_(std::move(directory)) {}

  // Makes ready/, done/ and reject/ where they are missing, with the mode and the group of the directory itself. Error:
  // the directory is missing, or cannot be written to.
  [[nodiscard]] Status prepare() const;
  // Where an application is told the path of the file by another way: ready/ and reply/ alone, as above.
  [[nodiscard]] Status prepare_to_name() const;
  [[nodiscard]] std::string ready_path(const std::string& name) const { return path("ready", name); }
  [[nodiscard]] std::string reply_path(const std::string& name) const { return path("reply", name); }
  // Of a name that was put there; the application has what it needs. What cannot be removed is logged.
  void remove_named(const std::string& name) const;
  // ready/ is looked at first: a file that was renamed since is then found where it went.
  [[nodiscard]] Result<Place> find(const std::string& name) const;
  // Puts the content to ready/, durably, and never over a file that is there. It is a link, or a copy where the
  // directory is on another file system. The file's group becomes that of ready/, which may read it.
  [[nodiscard]] Status put(const std::string& content, const std::string& name) const;

 private:
  [[nodiscard]] Status make_places(std::span<const char* const> names) const;
  [[nodiscard]] std::string path(const char* place, const std::string& name) const {
    return directory_ + "/" + place + "/" + name;
  }
  const std::string directory_;
};

}  // namespace larder::inbox
