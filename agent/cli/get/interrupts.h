// SIGINT, SIGTERM, SIGHUP and SIGQUIT as a descriptor to poll, so that a command can end in order. Signals that were
// ignored at the start (nohup, a script's background job) stay ignored.
#pragma once

#include "base/io/unique_fd.h"

namespace larder::agent {

class Interrupts {
 public:
  Interrupts();   // blocks the signals for this process
  ~Interrupts();  // restores the former mask
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  [[nodiscard]] int descriptor() const { return fd_.get(); }
  // Returns the signal that came, 0 if none. The next signal after it ends the process at once.
  int take_signal();
  // Unblocks the signals in a child before exec.
  static void unblock();

 private:
  UniqueFd fd_;
};

}  // namespace larder::agent
