#include "origin/upload/exchange/reply_file.h"

namespace larder::origin {

Status write_reply(FileSystem& files, const std::string& path, std::string_view reply) {
  const std::string hidden = path + ".new";
  if (Status gone = files.remove(hidden); !gone) return gone;  // of a crash
  Result<std::unique_ptr<File>> file = files.open(hidden, OpenMode::create);
  if (!file) return tl::unexpected(file.error());
  Status ok = (*file)->write_at(0, as_bytes(reply));
  if (ok) ok = (*file)->sync();
  if (ok) ok = files.rename(hidden, path);
  if (ok) ok = files.sync_directory(path.substr(0, path.rfind('/')));
  if (!ok) static_cast<void>(files.remove(hidden));  // the first error is the one to tell
  return ok;
}

}  // namespace larder::origin
