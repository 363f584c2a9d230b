#include "agent/uploads/source_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

namespace larder::agent {
namespace {

tl::unexpected<Error> read_failed(std::string what, int number) {
  return fail(ErrorCode::disk_error, "upload the file", what + ": " + std::system_category().message(number));
}

std::int64_t to_ns(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Result<struct stat> stat_of(int descriptor) {
  struct stat facts {};
  if (::fstat(descriptor, &facts) != 0) return read_failed("it cannot be looked at", errno);
  return facts;
}

origin::SourceIdentity identity_of(const struct stat& facts) {
  origin::SourceIdentity identity;
  identity.device = facts.st_dev;
  identity.inode = facts.st_ino;
  identity.size = static_cast<std::uint64_t>(facts.st_size);
  identity.changed_ns = to_ns(facts.st_ctim);
  identity.modified_ns = to_ns(facts.st_mtim);
  return identity;
}

tl::unexpected<Error> refused(std::string why) {
  return fail(ErrorCode::invalid_argument, "upload the file", std::move(why));
}

}  // namespace

Result<origin::SourceIdentity> check_descriptor(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0) return refused("no open file was handed over");
  if ((flags & O_PATH) != 0) return refused("its descriptor was opened with O_PATH, which cannot be read");
  if ((flags & O_ACCMODE) != O_RDONLY) return refused("its descriptor must be opened for reading alone (O_RDONLY)");
  auto facts = stat_of(descriptor);
  if (!facts) return tl::unexpected(facts.error());
  if (!S_ISREG(facts->st_mode))
    return refused("it is no regular file; copy what it gives into a file first, as larder put - does");
  // Files of the kernel's own (/proc) have bytes and no size: they would be sent as empty.
  char byte = 0;
  if (facts->st_size == 0 && ::pread(descriptor, &byte, 1, 0) > 0)
    return refused("its size is not known to the system; copy what it gives into a file first, as larder put - does");
  return identity_of(*facts);
}

Result<std::size_t> SourceFile::read(std::uint64_t offset, std::span<std::byte> into) const {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = ::pread(file_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return read_failed("it cannot be read", errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<origin::SourceIdentity> SourceFile::identity() const {
  auto facts = stat_of(file_.get());
  if (!facts) return tl::unexpected(facts.error());
  return identity_of(*facts);
}

}  // namespace larder::agent
