#include "origin/upload/source_identity.h"

#include <fmt/format.h>

namespace larder::origin {

std::string changes_of(const SourceIdentity& before, const SourceIdentity& now) {
  std::string text;
  const auto add = [&text](bool differs, const std::string& what) {
    if (!differs) return;
    if (!text.empty()) text += ", ";
    text += what;
  };
  add(before.device != now.device, "its file system");
  add(before.inode != now.inode, "the file itself (it was replaced)");
  add(before.size != now.size, fmt::format("its size ({} bytes, {} now)", before.size, now.size));
  add(before.modified_ns != now.modified_ns, "its time of modification");
  add(before.changed_ns != now.changed_ns, "its time of change");
  return text;
}

Status check_source(std::string_view name, const SourceIdentity& before, const SourceIdentity& now) {
  if (before == now) return {};
  return fail(ErrorCode::source_changed, fmt::format("upload {}", name),
              fmt::format("it changed while it was uploaded: {}; upload it again when nothing writes to it, or with "
                          "--spool",
                          changes_of(before, now)));
}

}  // namespace larder::origin
