#include "agent/daemon/signals.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

namespace larder::agent {

struct Signals::Parts {
  Parts(Loop& loop, std::function<void()> stop, std::function<void()> reload)
      : set(loop.context(), SIGTERM, SIGINT, SIGHUP), on_stop(std::move(stop)), on_reload(std::move(reload)) {}

  void wait() {
    set.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      (number == SIGHUP ? on_reload : on_stop)();
      wait();
    });
  }

  boost::asio::signal_set set;
  std::function<void()> on_stop, on_reload;
};

Signals::Signals(Loop& loop, std::function<void()> on_stop, std::function<void()> on_reload)
    : parts_(std::make_unique<Parts>(loop, std::move(on_stop), std::move(on_reload))) {
  parts_->wait();
}

Signals::~Signals() = default;

}  // namespace larder::agent
