#include "agent/cli/interrupts.h"

#include <sys/signalfd.h>

#include <csignal>

namespace larder::agent {
namespace {

sigset_t both() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Interrupts::Interrupts() {
  const sigset_t set = both();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  fd_ = UniqueFd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

Interrupts::~Interrupts() {
  unblock();
}

int Interrupts::take() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return 0;
  unblock();
  return static_cast<int>(info.ssi_signo);
}

void Interrupts::unblock() {
  const sigset_t set = both();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace larder::agent
