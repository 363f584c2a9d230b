#include "agent/cli/place/place_walk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <string_view>
#include <vector>

namespace larder::agent {
namespace {

constexpr unsigned kMaxLinks = 40;  // the kernel's own limit
constexpr std::size_t kMaxNames = 4096;

UniqueFd open_path(int directory, const char* name, int flags) {
  return UniqueFd(::openat(directory, name, O_PATH | O_CLOEXEC | flags));
}

UniqueFd open_as(int directory, const std::string& path, const open_how& how) {
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how))));
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// As may_follow_link() of the kernel: in a directory where all users may create names, only links of this user and of
// the directory's owner are followed.
bool may_follow(const struct stat& directory, const struct stat& link) {
  if ((directory.st_mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH)) return true;
  return link.st_uid == ::geteuid() || link.st_uid == directory.st_uid;
}

// Returns true for a link of /proc that the kernel resolves itself; its readlink text need not be a path.
bool is_magic(int directory, const std::string& name) {
  struct statfs facts {};
  if (::fstatfs(directory, &facts) != 0 || facts.f_type != PROC_SUPER_MAGIC) return false;
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  const UniqueFd opened = open_as(directory, name, how);
  return !opened &&
         errno != ENOENT;  // a kernel without openat2 resolves all of /proc's links by itself, which is as good
}

// Returns the descriptor's number if `directory` is this process's own list of descriptors.
int own_descriptor(const struct stat& directory, const std::string& name) {
  int number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return -1;
  for (const char* own : {"/proc/self/fd", "/proc/thread-self/fd"}) {
    struct stat facts {};
    if (::stat(own, &facts) == 0 && same_file(facts, directory)) return number;
  }
  return -1;
}

class Walk {
 public:
  Walk(const std::string& path, std::string doing) : doing_(std::move(doing)) { push(path); }

  Result<Walked> run() {
    if (!go_to_last_directory())
      if (auto at_root = go_to_root(); !at_root) return tl::unexpected(at_root.error());
    while (!rest_.empty()) {
      const std::string name = std::move(rest_.back());
      rest_.pop_back();
      if (auto stepped = step(name); !stepped) return tl::unexpected(stepped.error());
    }
    return std::move(at_);
  }

 private:
  tl::unexpected<Error> failed(const std::string& name, int number) const {
    const ErrorCode code = number == ENOENT ? ErrorCode::not_found
                           : number == ELOOP || number == ENOTDIR || number == ENAMETOOLONG
                               ? ErrorCode::invalid_argument
                               : ErrorCode::permission_denied;
    const char* advice = number == ENOENT ? "; make the directory first" : "";
    return fail(code, doing_, fmt::format("{}: {}{}", name, std::strerror(number), advice));
  }

  Status go_to_root() {
    at_.object = open_path(AT_FDCWD, "/", O_DIRECTORY);
    if (!at_.object || ::fstat(at_.object.get(), &at_.object_facts) != 0) return failed("/", errno);
    at_.name.clear();
    return {};
  }

  // Most paths contain no link: the kernel then passes all names but the last in one call, where single steps take
  // three calls for each name. Returns false for a link, for an error that step() describes better, and on a kernel
  // without openat2.
  bool go_to_last_directory() {
    std::string directories;
    for (auto name = rest_.rbegin(); rest_.size() > 1 && name != rest_.rend() - 1; ++name) directories += "/" + *name;
    if (directories.empty()) return false;
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC | O_DIRECTORY;
    how.resolve = RESOLVE_NO_SYMLINKS;
    at_.object = open_as(AT_FDCWD, directories, how);
    if (!at_.object || ::fstat(at_.object.get(), &at_.object_facts) != 0) return false;
    at_.name = rest_[1];
    rest_.resize(1);
    return true;
  }

  // Queues the names of `path`. A "." at the end stands for a final slash, which requires a directory.
  void push(std::string_view path) {
    std::vector<std::string> names;
    if (path.ends_with('/')) names.emplace_back(".");
    while (!path.empty()) {
      const auto slash = path.rfind('/');
      const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
      if (!name.empty()) names.emplace_back(name);
      path = slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
    }
    rest_.insert(rest_.end(), std::make_move_iterator(names.begin()), std::make_move_iterator(names.end()));
  }

  // Makes the found object the directory for the next name.
  Status enter(const std::string& name) {
    if (!at_.object) return failed(at_.name, ENOENT);
    if (!S_ISDIR(at_.object_facts.st_mode)) return failed(at_.name, ENOTDIR);
    at_.directory = std::move(at_.object);
    at_.object = UniqueFd();
    at_.directory_facts = at_.object_facts;
    at_.name = name;
    at_.magic = false;
    at_.own_descriptor = -1;
    return {};
  }

  Status step(const std::string& name) {
    if (auto entered = enter(name); !entered) return entered;
    at_.object = open_path(at_.directory.get(), name.c_str(), O_NOFOLLOW);
    if (!at_.object && errno == ENOENT && name != "." && name != "..") {  // allowed only at the end: see enter()
      at_.own_descriptor = own_descriptor(at_.directory_facts, name);
      return {};
    }
    if (!at_.object || ::fstat(at_.object.get(), &at_.object_facts) != 0) return failed(name, errno);
    return S_ISLNK(at_.object_facts.st_mode) ? follow(name) : Status{};
  }

  Status follow(const std::string& name) {
    if (++links_ > kMaxLinks) return failed(name, ELOOP);
    at_.followed_link = true;
    if (!may_follow(at_.directory_facts, at_.object_facts))
      return fail(ErrorCode::permission_denied, doing_,
                  fmt::format("{} is a link that another user put into a directory where anybody may; remove it, or "
                              "name the place it leads to",
                              name));
    if (is_magic(at_.directory.get(), name)) {
      at_.magic = true;
      at_.own_descriptor = own_descriptor(at_.directory_facts, name);
      at_.object = open_path(at_.directory.get(), name.c_str(), 0);
      if (!at_.object || ::fstat(at_.object.get(), &at_.object_facts) != 0) return failed(name, errno);
      return {};
    }
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(at_.object.get(), "", target.data(), target.size());
    if (size <= 0) return failed(name, size < 0 ? errno : ENOENT);
    target.resize(static_cast<std::size_t>(size));
    push(target);
    if (rest_.size() > kMaxNames) return failed(name, ELOOP);
    if (target.starts_with('/')) return go_to_root();
    at_.object = std::move(at_.directory);
    at_.object_facts = at_.directory_facts;
    return {};
  }

  std::string doing_;
  std::vector<std::string> rest_;  // the next name last
  Walked at_;
  unsigned links_ = 0;
};

}  // namespace

Result<Walked> walk_path(const std::string& path, const std::string& doing) {
  return Walk(path, doing).run();
}

}  // namespace larder::agent
