#include "agent/uploads/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <vector>

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

// Where the kernel does not copy between these two file systems: by hand.
Status copy_piece_by_hand(int to, int from, std::uint64_t offset, std::size_t bytes, std::size_t& copied) {
  std::vector<char> buffer(std::min<std::size_t>(bytes, kByHand));
  const ssize_t got = ::pread(from, buffer.data(), buffer.size(), static_cast<off_t>(offset));
  if (got < 0) return errno == EINTR ? Status() : failed("its bytes cannot be read", errno);
  for (std::size_t done = 0; done < static_cast<std::size_t>(got);) {
    const ssize_t put =
        ::pwrite(to, buffer.data() + done, static_cast<std::size_t>(got) - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno != EINTR) return failed("its bytes cannot be copied", errno);
    if (put > 0) done += static_cast<std::size_t>(put);
  }
  copied = static_cast<std::size_t>(got);
  return {};
}

Status copy_bytes(int to, int from, std::uint64_t size, const std::atomic<bool>& stop) {
  bool by_kernel = true;
  for (std::uint64_t done = 0; done < size;) {
    if (stop) return fail(ErrorCode::cancelled, "copy the file", "its job has ended");
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kCopied, size - done));
    if (!by_kernel) {
      std::size_t copied = SIZE_MAX;
      if (Status ok = copy_piece_by_hand(to, from, done, want, copied); !ok) return ok;
      if (copied == 0) break;  // it became shorter, which its identity tells
      if (copied != SIZE_MAX) done += copied;
      continue;
    }
    auto in = static_cast<off64_t>(done), out = static_cast<off64_t>(done);
    const ssize_t got = ::copy_file_range(from, &in, to, &out, want, 0);
    if (got == 0) break;
    if (got > 0) done += static_cast<std::uint64_t>(got);
    if (got >= 0 || errno == EINTR) continue;
    by_kernel = errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP;
    if (by_kernel) return failed("its bytes cannot be copied", errno);
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
    if (Status copied = copy_bytes(to.get(), wish.from->descriptor(), wish.expected.size, *wish.stop); !copied)
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
