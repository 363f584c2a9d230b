// The service manager, such as systemd. Sends it readiness and watchdog messages (NOTIFY_SOCKET, sd_notify(3)) and
// takes over the listening socket that it passed (LISTEN_FDS, sd_listen_fds(3)). Does nothing without a service
// manager.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/runtime/clock.h"

namespace larder {

class ServiceManager {
 public:
  // Reads and clears NOTIFY_SOCKET, WATCHDOG_USEC and LISTEN_FDS: hooks must neither answer for the agent nor take its
  // socket.
  ServiceManager();
  void ready(std::string_view status);
  void reloading();
  void stopping();
  void alive();
  // Returns the first socket that was passed, close-on-exec; the caller owns it. None: none was passed, or it is taken
  // already. Further sockets are closed, with a warning.
  [[nodiscard]] std::optional<int> take_socket();
  // Interval at which alive() must be called; none: never.
  [[nodiscard]] std::optional<Duration> watchdog_interval() const { return watchdog_; }

 private:
  void send(std::string_view text);
  std::string socket_;  // a path, or '@' and an abstract name
  std::optional<Duration> watchdog_;
  int sockets_ = 0;  // passed and not taken
};

}  // namespace larder
