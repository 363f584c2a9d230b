#include "base/process/stop_guard.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/io/standard_streams.h"

namespace larder {
namespace {

// Static, since a signal handler uses them. sem_post() is allowed there (signal-safety(7)).
struct Gate {
  sem_t wake{};
  std::atomic<bool> begun{false}, over{false};
  Gate() { ::sem_init(&wake, 0, 0); }
};

Gate the_gate;

// Returns the names of the remaining threads, one of which blocks the stop.
std::string threads_left() {
  std::string names;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::string name;
    if (!std::getline(std::ifstream(task.path() / "comm"), name) || name == "larder-stop") continue;
    if (task.path().filename() == std::to_string(::getpid())) name = "main";
    names += names.empty() ? name : "," + name;
  }
  return names;
}

constexpr std::array kSignals = {SIGTERM, SIGINT, SIGHUP};

sigset_t signals_of_the_agent() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kSignals) sigaddset(&set, number);
  return set;
}

void wait_for_begin() {
  while (!the_gate.begun && !the_gate.over) ::sem_wait(&the_gate.wake);
}

bool ended_within(Duration within) {
  timespec until{};
  ::clock_gettime(CLOCK_MONOTONIC, &until);
  const auto ns = until.tv_nsec + within.count();
  until.tv_sec += ns / 1'000'000'000;
  until.tv_nsec = ns % 1'000'000'000;
  while (!the_gate.over) {
    if (::sem_clockwait(&the_gate.wake, CLOCK_MONOTONIC, &until) != 0 && errno == ETIMEDOUT) return false;
  }
  return true;
}

}  // namespace

struct StopGuard::Parts {
  std::thread thread;
};

StopGuard::StopGuard(Duration within) : parts_(std::make_unique<Parts>()) {
  the_gate.begun = the_gate.over = false;
  // Otherwise the kernel could deliver them to the loop's thread, which may be in a call that no signal ends.
  const sigset_t ours = signals_of_the_agent();
  ::pthread_sigmask(SIG_BLOCK, &ours, nullptr);
  parts_->thread = std::thread([within] {
    sigset_t others;
    sigfillset(&others);
    for (const int number : kSignals) sigdelset(&others, number);
    ::pthread_sigmask(SIG_SETMASK, &others, nullptr);
    wait_for_begin();
    if (the_gate.over || ended_within(within)) return;
    // Listing the threads allocates memory, and the stuck thread may hold the allocator's lock: then SIGALRM ends the
    // process.
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(2);
    // Not through the log, whose lock the stuck thread may hold. A full pipe is not waited for.
    (void)say("larderd: the stop does not come to its end, the process ends at once; threads left: " + threads_left() +
                  "; what was committed is safe\n",
              std::chrono::milliseconds(0));
    ::_exit(kExitStatus);
  });
  ::pthread_setname_np(parts_->thread.native_handle(), "larder-stop");
}

StopGuard::~StopGuard() {
  the_gate.over = true;
  ::sem_post(&the_gate.wake);
  parts_->thread.join();
}

void StopGuard::begin() noexcept {
  if (!the_gate.begun.exchange(true)) ::sem_post(&the_gate.wake);
}

}  // namespace larder
