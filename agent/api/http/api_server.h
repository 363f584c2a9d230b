// The listening side of the API: sockets, who may connect, and the connections. It knows HTTP but no routes: every
// whole request goes to the handler. Loop thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/api/http/connection.h"
#include "agent/api/http/http_message.h"
#include "agent/api/http/server_limits.h"
#include "base/runtime/loop.h"

namespace larder::agent {

struct ServerSettings {
  std::string socket_path;
  mode_t socket_mode = 0666;
  // Listens at socket_path already, passed by a service manager; start() takes it over. None: start() makes one.
  std::optional<int> passed_socket;
  std::optional<std::uint16_t> http_port;  // loopback, read-only; 0: any free port (tests)
  ServerLimits limits;
};

struct ServerFigures {
  std::size_t connections = 0;
  std::uint64_t refused = 0;             // for want of room
  std::map<int, std::uint64_t> answers;  // by status
  SteadyTime last_request{};             // or the start
};

class ApiServer final {
 public:
  using Handler = std::function<void(ApiRequest, Responder)>;
  using CallerOf = std::function<Caller(uid_t)>;

  ApiServer(Loop& loop, ServerSettings settings, CallerOf caller_of, Handler handler);
  ~ApiServer();  // closes everything at once
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // Blocks for a moment (start-up). already_exists: another agent has the socket.
  [[nodiscard]] Status start();
  // No new connections, idle ones and event streams closed; answers under way are finished.
  void stop();
  [[nodiscard]] const ServerFigures& figures() const;
  [[nodiscard]] std::uint16_t http_port() const;  // in use; 0: none

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace larder::agent
