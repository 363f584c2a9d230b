#include "agent/cli/place/attributes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/io/unique_fd.h"

namespace larder::agent {
namespace {

constexpr const char* kAccessList = "system.posix_acl_access";

// Copies the access list, or removes the inherited one if `from` has none. Returns false if that is impossible.
bool copy_access_list(int to, const AttributesOf& from) {
  const UniqueFd file(::openat(from.directory, from.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  const std::string path = fmt::format("/proc/self/fd/{}", file.get());
  std::array<char, 4096> list{};
  const ssize_t size = file ? ::getxattr(path.c_str(), kAccessList, list.data(), list.size()) : -1;
  if (size >= 0) return ::fsetxattr(to, kAccessList, list.data(), static_cast<std::size_t>(size), 0) == 0;
  if (errno != ENODATA && errno != EOPNOTSUPP && errno != ENOENT) return false;
  return ::fremovexattr(to, kAccessList) == 0 || errno == ENODATA || errno == EOPNOTSUPP;
}

}  // namespace

tl::expected<std::string, int> take_over_attributes(int to, const struct stat& facts, const AttributesOf& from) {
  struct stat own {};
  if (::fstat(to, &own) != 0) return tl::unexpected<int>(errno);
  const bool same = own.st_uid == facts.st_uid && own.st_gid == facts.st_gid;
  if (!same && ::fchown(to, facts.st_uid, facts.st_gid) != 0)
    (void)!::fchown(to, static_cast<uid_t>(-1), facts.st_gid);  // checked below
  if (::fstat(to, &own) != 0) return tl::unexpected<int>(errno);
  // With an access list, the group's bits are the list's mask: without the list they would be rights that the group did
  // not have. Nor does another group get the rights of the old one.
  const bool same_rights = copy_access_list(to, from) && own.st_gid == facts.st_gid;
  mode_t mode = facts.st_mode & 0777;
  if (!same_rights) mode &= ~static_cast<mode_t>(070) | (mode & 07) << 3;
  if (::fchmod(to, mode) != 0) return tl::unexpected<int>(errno);
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
