#include "agent/uploads/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <system_error>
#include <vector>

#include "base/io/write_all.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

constexpr std::size_t kCopied = 8 * 1024 * 1024;  // bytes of one copy_file_range
constexpr std::size_t kByHand = 1024 * 1024;      // bytes of one read

using Opened = Result<KeptSource>;

tl::unexpected<Error> failed(std::string_view what, int number) {
  return fail(number == ENOSPC || number == EDQUOT ? ErrorCode::disk_full : ErrorCode::disk_error, "copy the file",
              fmt::format("{}: {}", what, std::system_category().message(number)));
}

Status check_room(int directory_file, std::uint64_t size) {
  struct statvfs space {};
  if (::fstatvfs(directory_file, &space) != 0) return {};  // the copy itself tells
  const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
  if (free >= size + kKeepFree) return {};
  return fail(ErrorCode::disk_full, "copy the file",
              fmt::format("it has {}, and of {} free {} are kept; upload it without --spool", format_bytes(size),
                          format_bytes(free), format_bytes(kKeepFree)));
}

// False: the file system cannot clone.
bool clone(int to, int from) {
  return ::ioctl(to, FICLONE, from) == 0;
}

// Returns how many bytes were copied: 0 at the end of the file.
Result<std::size_t> copy_by_hand(int to, const SourceFile& from, std::uint64_t offset, std::span<std::byte> buffer) {
  auto got = from.read(offset, buffer);
  if (!got) return got;
  if (const int error = write_all_at(to, buffer.first(*got), offset); error != 0)
    return failed("its bytes cannot be copied", error);
  return got;
}

Status copy_bytes(int to, const SourceFile& from, std::uint64_t size, const std::atomic<bool>& stop) {
  std::vector<std::byte> buffer;  // used where the kernel does not copy between these two file systems
  for (std::uint64_t done = 0; done < size;) {
    if (stop) return fail(ErrorCode::cancelled, "copy the file", "its job has ended");
    const auto left = std::min<std::uint64_t>(kCopied, size - done);
    if (!buffer.empty()) {
      const auto piece = std::span(buffer).first(std::min<std::size_t>(buffer.size(), left));
      const auto copied = copy_by_hand(to, from, done, piece);
      if (!copied) return tl::unexpected(copied.error());
      if (*copied == 0) break;  // it became shorter, which its identity tells
      done += *copied;
      continue;
    }
    auto in = static_cast<off64_t>(done), out = static_cast<off64_t>(done);
    const ssize_t got = ::copy_file_range(from.descriptor(), &in, to, &out, static_cast<std::size_t>(left), 0);
    if (got == 0) break;
    if (got > 0) done += static_cast<std::uint64_t>(got);
    if (got > 0 || errno == EINTR) continue;
    if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
      return failed("its bytes cannot be copied", errno);
    buffer.resize(kByHand);
  }
  return {};
}

}  // namespace

Result<KeptSource> open_snapshot(const std::string& path, std::uint64_t size) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) return fail(ErrorCode::not_found, "upload the file", "the agent's copy of it is gone");
  if (!file) return failed("the agent's copy cannot be opened", errno);
  auto source = std::make_shared<const SourceFile>(std::move(file));
  const auto identity = source->identity();
  if (!identity) return tl::unexpected(identity.error());
  if (identity->size != size)
    return fail(ErrorCode::source_changed, "upload the file",
                fmt::format("the agent's copy of it has {} bytes, and the file had {}", identity->size, size));
  return KeptSource{source, *identity, true};
}

Result<KeptSource> take_snapshot(const SnapshotWish& wish) {
  const KeptSource in_place{wish.from, wish.expected, false};
  const std::string hidden = wish.path + ".new";
  UniqueFd to(::open(hidden.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!to) return wish.copy ? Opened(failed("the agent cannot write its copy", errno)) : Opened(in_place);
  const auto give_up = [&hidden](Opened result) {
    ::unlink(hidden.c_str());
    return result;
  };
  if (!clone(to.get(), wish.from->descriptor())) {
    if (!wish.copy) return give_up(in_place);
    if (Status room = check_room(to.get(), wish.expected.size); !room) return give_up(tl::unexpected(room.error()));
    if (Status copied = copy_bytes(to.get(), *wish.from, wish.expected.size, *wish.stop); !copied)
      return give_up(tl::unexpected(copied.error()));
  }
  // A change before the end of the copy would be in it in part.
  const auto now = wish.from->identity();
  if (!now) return give_up(tl::unexpected(now.error()));
  if (Status same = origin::check_source("the file", wish.expected, *now); !same)
    return give_up(tl::unexpected(same.error()));
  if (::fsync(to.get()) != 0) return give_up(failed("the agent's copy cannot be written", errno));
  if (::rename(hidden.c_str(), wish.path.c_str()) != 0)
    return give_up(failed("the agent's copy cannot be put in place", errno));
  return open_snapshot(wish.path, wish.expected.size);
}

void write_back(int file) {
  static_cast<void>(::sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE));
}

}  // namespace larder::agent
