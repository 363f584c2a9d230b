// The socket of a path that clients of this machine connect to. POSIX only, without asio. For start-up: all calls
// return quickly.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder {

// The agent's Unix socket. A lock beside it keeps the path from other agents; a socket left behind by a dead agent is
// replaced. The destructor removes the socket.
class UnixListener {
 public:
  // `mode` as for chmod. Creates a missing directory (0755). already_exists: another agent listens there.
  static Result<UnixListener> open(const std::string& path, mode_t mode);
  // Takes over the socket of a service manager, which listens on it while agents come and go: clients that connect in
  // between wait for the next agent. The socket must listen at `path`; its file gets `mode`, and is not removed.
  // invalid_argument: not such a socket.
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

// Returns the user of an accepted Unix connection (SO_PEERCRED).
[[nodiscard]] std::optional<uid_t> peer_user_id(int socket);

}  // namespace larder
