#include "agent/cli/attributes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "agent/cli/unique_fd.h"

namespace larder::agent {
namespace {

constexpr const char* kAccessList = "system.posix_acl_access";

// False where there is one that could not be copied. The group's bits of a file with an access list are the list's
// mask: without the list they would be the group's own rights.
bool copy_access_list(int to, const AttributesOf& from) {
  const UniqueFd file(::openat(from.directory, from.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  const std::string path = fmt::format("/proc/self/fd/{}", file.get());
  std::array<char, 4096> list{};
  const ssize_t size = file ? ::getxattr(path.c_str(), kAccessList, list.data(), list.size()) : -1;
  if (size < 0) return errno == ENODATA || errno == EOPNOTSUPP || errno == ENOENT;
  return ::fsetxattr(to, kAccessList, list.data(), static_cast<std::size_t>(size), 0) == 0;
}

}  // namespace

tl::expected<std::string, int> take_over_attributes(int to, const struct stat& facts, const AttributesOf& from) {
  struct stat own {};
  if (::fstat(to, &own) != 0) return tl::unexpected<int>(errno);
  const bool same = own.st_uid == facts.st_uid && own.st_gid == facts.st_gid;
  if (!same && ::fchown(to, facts.st_uid, facts.st_gid) != 0)
    (void)!::fchown(to, static_cast<uid_t>(-1), facts.st_gid);  // what came of it is seen below
  if (::fstat(to, &own) != 0) return tl::unexpected<int>(errno);
  mode_t mode = facts.st_mode & 0777;
  const mode_t of_others = (mode & 07) << 3;
  if (own.st_gid != facts.st_gid) mode &= ~static_cast<mode_t>(070) | of_others;
  if (::fchmod(to, mode) != 0) return tl::unexpected<int>(errno);
  if (!copy_access_list(to, from) && ::fchmod(to, mode & (~static_cast<mode_t>(070) | of_others)) != 0)
    return tl::unexpected<int>(errno);
  std::string note;
  if (own.st_uid != facts.st_uid) note = fmt::format("it belonged to user {} and is yours now", facts.st_uid);
  if (own.st_gid != facts.st_gid)
    note += fmt::format("{}its group {} could not be kept", note.empty() ? "" : "; ", facts.st_gid);
  if ((facts.st_mode & (S_ISUID | S_ISGID)) != 0)
    note += fmt::format("{}its setuid and setgid bits were dropped", note.empty() ? "" : "; ");
  if (facts.st_nlink > 1)
    note += fmt::format("{}it had {} names: the others keep the old content", note.empty() ? "" : "; ",
                        static_cast<std::uint64_t>(facts.st_nlink));
  return note;
}

}  // namespace larder::agent
