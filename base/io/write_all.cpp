#include "base/io/write_all.h"

#include <unistd.h>

#include <cerrno>

namespace larder {
namespace {

// `write` takes what is left.
template <class Write>
int repeat(Bytes bytes, Write write) {
  while (!bytes.empty()) {
    const ssize_t written = write(bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

int write_all(int file, Bytes bytes) {
  return repeat(bytes, [file](Bytes left) { return ::write(file, left.data(), left.size()); });
}

int write_all_at(int file, Bytes bytes, std::uint64_t offset) {
  const std::uint64_t end = offset + bytes.size();
  return repeat(bytes, [file, end](Bytes left) {
    return ::pwrite(file, left.data(), left.size(), static_cast<off_t>(end - left.size()));
  });
}

}  // namespace larder
