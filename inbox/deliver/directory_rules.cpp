#include "inbox/deliver/directory_rules.h"

#include <array>

#include "base/text/text.h"

namespace larder::inbox {
namespace {

constexpr std::size_t kMaxFileName = 255;  // NAME_MAX of Linux' file systems

struct Row {
  Place place;
  DirectoryStep fresh, was_ready;
};
constexpr std::array<Row, 4> kRows = {{
    {Place::ready, DirectoryStep::wait, DirectoryStep::wait},
    {Place::done, DirectoryStep::took, DirectoryStep::took},
    {Place::reject, DirectoryStep::refused, DirectoryStep::refused},
    {Place::nowhere, DirectoryStep::put_there, DirectoryStep::lost},
}};

}  // namespace

DirectoryStep directory_step(Place place, bool was_ready) {
  const Row& row = kRows[static_cast<std::size_t>(place)];
  return was_ready ? row.was_ready : row.fresh;
}

std::string delivered_name(std::string_view id, std::string_view name) {
  std::string out(id);
  if (name.empty()) return out;
  out += '.';
  while (!name.empty()) {
    const std::size_t length = utf8_length(name);
    if (length == 0 || out.size() + length > kMaxFileName) break;
    out += name.substr(0, length);
    name.remove_prefix(length);
  }
  return out;
}

}  // namespace larder::inbox
