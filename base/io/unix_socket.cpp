#include "base/io/unix_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <utility>

namespace larder {
namespace {

constexpr int kBacklog = 512;

std::string doing_for(const std::string& path) {
  return "listen on " + path;
}

tl::unexpected<Error> failed(const std::string& path, const char* step, int error) {
  const ErrorCode code = error == EACCES || error == EPERM ? ErrorCode::permission_denied : ErrorCode::disk_error;
  return fail(code, doing_for(path), fmt::format("{}: {}", step, std::strerror(error)));
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return fail(ErrorCode::invalid_argument, doing_for(path),
                fmt::format("the path has {} characters, a socket's may have {}; choose a shorter runtime directory",
                            path.size(), sizeof(address.sun_path) - 1));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Status make_directory(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (std::filesystem::is_directory(directory, error)) return {};
  if (!std::filesystem::create_directories(directory, error) && error)
    return failed(path, "make its directory", error.value());
  if (::chmod(directory.c_str(), 0755) != 0) return failed(path, "set the mode of its directory", errno);
  return {};
}

tl::unexpected<Error> already_runs(const std::string& path) {
  return fail(ErrorCode::already_exists, doing_for(path),
              "another process already listens there; stop it first, or use another runtime directory");
}

// The lock, held for the life of the agent: of two that start at once, one gets it.
Result<UniqueFd> take_lock(const std::string& path) {
  const std::string name = path + ".lock";
  UniqueFd lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return failed(path, "open its lock", errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return already_runs(path);
  return failed(path, "lock it", errno);
}

// Checks that a new socket may take the path: there is no file, or a socket without a listener.
Status check_replaceable(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return errno == ENOENT ? Status{} : failed(path, "look at it", errno);
  if (!S_ISSOCK(info.st_mode))
    return fail(ErrorCode::already_exists, doing_for(path), "there is something else than a socket; move it away");
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return failed(path, "make a socket", errno);
  const int result = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // EAGAIN: there is a listener, and it is busy.
  if (result == 0 || errno == EAGAIN || errno == EINPROGRESS) return already_runs(path);
  return {};
}

// Created under another name, so that `path` never shows a mode or state that is not final.
Result<UniqueFd> bind_and_rename(const std::string& path, mode_t mode) {
  const std::string temporary = path + ".new";
  const auto address = address_of(temporary);
  if (!address) return tl::unexpected<Error>(address.error());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failed(path, "make a socket", errno);
  ::unlink(temporary.c_str());
  const char* step = "bind";
  bool good = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0;
  if (good) good = (step = "set its mode", ::chmod(temporary.c_str(), mode) == 0);
  if (good) good = (step = "listen", ::listen(socket.get(), kBacklog) == 0);
  if (good) good = (step = "put it in place", ::rename(temporary.c_str(), path.c_str()) == 0);
  if (good) return socket;
  const int error = errno;
  ::unlink(temporary.c_str());
  return failed(path, step, error);
}

int option(int socket, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

// Checks a socket that was created by another program.
Status check_listens(int socket, const std::string& path) {
  const auto odd = [&path](const std::string& what) {
    return fail(ErrorCode::invalid_argument, doing_for(path),
                fmt::format("the service manager passed {}; its socket unit needs ListenStream={}", what, path));
  };
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sun_family != AF_UNIX ||
      option(socket, SO_TYPE) != SOCK_STREAM || option(socket, SO_ACCEPTCONN) != 1)
    return odd("something else than a listening Unix stream socket");
  const std::size_t length = size - offsetof(sockaddr_un, sun_path);
  const std::string at(address.sun_path, ::strnlen(address.sun_path, std::min(length, sizeof(address.sun_path))));
  if (at != path) return odd(fmt::format("a socket at {}", at.empty() ? "no path" : at));
  const int flags = ::fcntl(socket, F_GETFL);
  if (flags >= 0 && ::fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0) return {};
  return failed(path, "make it non-blocking", errno);
}

}  // namespace

Result<UnixListener> UnixListener::open(const std::string& path, mode_t mode) {
  const auto address = address_of(path);
  if (!address) return tl::unexpected<Error>(address.error());
  if (auto made = make_directory(path); !made) return tl::unexpected<Error>(made.error());
  auto lock = take_lock(path);
  if (!lock) return tl::unexpected<Error>(lock.error());
  UnixListener listener(path, std::move(*lock), UniqueFd());
  if (auto free = check_replaceable(path, *address); !free) {
    listener.path_.clear();  // not this agent's to remove
    return tl::unexpected<Error>(free.error());
  }
  auto socket = bind_and_rename(path, mode);
  if (!socket) return tl::unexpected<Error>(socket.error());
  listener.socket_ = std::move(*socket);
  return listener;
}

Result<UnixListener> UnixListener::adopt(UniqueFd socket, const std::string& path, mode_t mode) {
  UnixListener listener({}, UniqueFd(),
                        std::move(socket));  // without the path: the service manager removes the file
  if (auto checked = check_listens(listener.descriptor(), path); !checked)
    return tl::unexpected<Error>(checked.error());
  auto lock = take_lock(path);
  if (!lock) return tl::unexpected<Error>(lock.error());
  listener.lock_ = std::move(*lock);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return failed(path, "look at it", errno);
  if ((info.st_mode & 07777) != mode && ::chmod(path.c_str(), mode) != 0)
    return failed(path, "set its mode (SocketUser= of the socket unit has to be the agent's user)", errno);
  return listener;
}

UnixListener::~UnixListener() {
  close();
}

void UnixListener::close() {
  if (socket_ && !path_.empty()) ::unlink(path_.c_str());
  socket_.reset();
  // The lock file stays: removing it would let two agents lock two files of the same name.
  lock_.reset();
}

std::optional<uid_t> peer_user_id(int socket) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials.uid;
}

}  // namespace larder
