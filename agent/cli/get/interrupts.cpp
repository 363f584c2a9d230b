#include "agent/cli/get/interrupts.h"

#include <sys/signalfd.h>

#include <csignal>

namespace larder::agent {
namespace {

// Ignored signals are left out, since a blocked signal is kept pending even where it is ignored.
sigset_t heeded() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) sigaddset(&set, signal);
  }
  return set;
}

}  // namespace

Interrupts::Interrupts() {
  const sigset_t set = heeded();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  fd_ = UniqueFd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

Interrupts::~Interrupts() {
  unblock();
}

int Interrupts::take_signal() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return 0;
  unblock();
  return static_cast<int>(info.ssi_signo);
}

void Interrupts::unblock() {
  const sigset_t set = heeded();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace larder::agent
