// The listening side of the API: sockets, admission of clients, and connections. It knows HTTP and no routes: each
// complete request goes to the handler. Loop thread only.
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
  // A socket that listens at socket_path, passed by a service manager, which start() takes over. None: start() creates
  // one.
  std::optional<int> passed_socket;
  std::optional<std::uint16_t> http_port;  // loopback, read-only; 0: any free port (tests)
  ServerLimits limits;
};

struct ServerFigures {
  std::size_t connections = 0;
  std::uint64_t refused = 0;             // connections refused for want of room
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

  // Opens the sockets; blocks for a moment (start-up). already_exists: another agent has the socket.
  [[nodiscard]] Status start();
  // Accepts no more connections, and closes idle ones and event streams. Answers under way are finished.
  void stop();
  [[nodiscard]] ServerFigures figures() const;
  [[nodiscard]] std::uint16_t http_port() const;  // in use; 0: none

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace larder::agent
