// Readiness and watchdog messages to systemd, or to whoever started us and set NOTIFY_SOCKET (sd_notify(3)). Without
// one everything here does nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace larder::agent {

class ServiceManager {
 public:
  ServiceManager();  // reads and clears NOTIFY_SOCKET and WATCHDOG_USEC: hooks must not answer in our name
  void ready(std::string_view status);
  void reloading();
  void stopping();
  void alive();
  // How often alive() must be said; none: never.
  [[nodiscard]] std::optional<Duration> watchdog_interval() const { return watchdog_; }

 private:
  void send(std::string_view text);
  std::string socket_;  // a path, or '@' and an abstract name
  std::optional<Duration> watchdog_;
};

}  // namespace larder::agent
