#include "base/process/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <csignal>

#include "base/process/stop_guard.h"

namespace larder {
namespace {

constexpr std::array kSignals = {SIGTERM, SIGINT, SIGHUP};

// Write end of the handler's pipe; -1: no Signals object.
std::atomic<int> pipe_in{-1};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler uses it");

extern "C" void on_signal(int number) {
  const int saved = errno;
  // The time starts here, even if the loop never handles the signal.
  if (number != SIGHUP) StopGuard::begin();
  const auto byte = static_cast<unsigned char>(number);
  // A full pipe already holds enough signals.
  [[maybe_unused]] const ssize_t written = ::write(pipe_in, &byte, 1);
  errno = saved;
}

}  // namespace

struct Signals::Parts {
  Parts(Loop& loop, std::function<void()> stop, std::function<void()> reload)
      : out(loop.context()), on_stop(std::move(stop)), on_reload(std::move(reload)) {}

  void wait() {
    out.async_read_some(boost::asio::buffer(&number, 1), [this](const boost::system::error_code& error, std::size_t) {
      if (error) return;
      (number == SIGHUP ? on_reload : on_stop)();
      wait();
    });
  }

  boost::asio::posix::stream_descriptor out;
  unsigned char number = 0;
  std::function<void()> on_stop, on_reload;
};

Signals::Signals(Loop& loop, std::function<void()> on_stop, std::function<void()> on_reload)
    : parts_(std::make_unique<Parts>(loop, std::move(on_stop), std::move(on_reload))) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return;  // the signals then keep their default action, which ends the process
  parts_->out.assign(ends[0]);
  pipe_in = ends[1];
  for (const int number : kSignals) {
    struct sigaction action {};
    action.sa_handler = &on_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(number, &action, nullptr);
  }
  parts_->wait();
}

Signals::~Signals() {
  if (pipe_in < 0) return;
  for (const int number : kSignals) std::signal(number, SIG_DFL);
  ::close(pipe_in.exchange(-1));
}

}  // namespace larder
