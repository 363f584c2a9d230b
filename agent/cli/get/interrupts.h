// SIGINT, SIGTERM, SIGHUP and SIGQUIT as something to poll for, so that a command ends where it wants to. Those that
// are ignored when it starts (nohup, a script's background job) stay ignored.
#pragma once

#include "base/io/unique_fd.h"

namespace larder::agent {

class Interrupts {
 public:
  Interrupts();   // blocks the signals for this process
  ~Interrupts();  // as before
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  [[nodiscard]] int descriptor() const { return fd_.get(); }
  // The signal that came, 0 when none did. The next one after that ends the process at once.
  int take();
  // In a child before exec.
  static void unblock();

 private:
  UniqueFd fd_;
};

}  // namespace larder::agent
