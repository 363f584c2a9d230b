// Listening sockets. POSIX only: no asio. All calls are quick; at start-up.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder::agent {

// The agent's Unix socket. While it lives nobody else can take the path (a lock beside it); a socket that a dead agent
// left behind is replaced. Removes its own on destruction.
class UnixListener {
 public:
  // `mode` as of chmod. The directory is made (0755) where it is missing. already_exists: another agent listens there.
  static Result<UnixListener> open(const std::string& path, mode_t mode);
  // Takes over a socket that a service manager made and keeps listening on while agents come and go: who connects in
  // between waits for the next one. It has to listen at `path`; its file gets `mode`, and stays at the end.
  // invalid_argument: it is no such socket.
  static Result<UnixListener> adopt(UniqueFd socket, const std::string& path, mode_t mode);
  UnixListener(UnixListener&&) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();
  [[nodiscard]] int descriptor() const { return socket_.get(); }  // owned
  void close();

 private:
  UnixListener(std::string path, UniqueFd lock, UniqueFd socket)
      : path_(std::move(path)), lock_(std::move(lock)), socket_(std::move(socket)) {}
  std::string path_;
  UniqueFd lock_, socket_;
};

// 127.0.0.1 (AF_INET) or ::1 (AF_INET6); non-blocking. Port 0: any.
[[nodiscard]] Result<UniqueFd> listen_loopback(int family, std::uint16_t port);
[[nodiscard]] std::uint16_t local_port(int socket);

// SO_PEERCRED of an accepted Unix connection.
[[nodiscard]] std::optional<uid_t> peer_user_id(int socket);

}  // namespace larder::agent
