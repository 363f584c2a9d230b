#include "base/process/process_setup.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>

#include "base/io/log.h"
#include "base/io/standard_streams.h"

namespace larder {
namespace {

constexpr rlim_t kOpenFiles = 65536;

void raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = limit.rlim_max == RLIM_INFINITY ? kOpenFiles : std::min(kOpenFiles, limit.rlim_max);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) log::warn("open files not raised wanted={}", wanted);
}

// The process holds the passwords of all users' jobs. The hard limit stays, so that an administrator can raise the
// limit again (prlimit).
void write_no_core() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = 0;
  if (::setrlimit(RLIMIT_CORE, &limit) != 0) log::warn("core files not switched off");
}

// An agent outlives the shell whose command started it, and serves others than those for whom that shell's `ulimit -f`
// was set.
void raise_file_size() {
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_FSIZE, &none) == 0) return;  // root
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  const bool raised = ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
  if (!raised || limit.rlim_max != RLIM_INFINITY)
    log::warn("files cannot grow beyond a limit (ulimit -f) of this process bytes={}", limit.rlim_max);
}

}  // namespace

void set_up_process() {
  hold_standard_descriptors();
  ::umask(077);
  // A program that waits for signals by descriptor starts the agent with its own mask: SIGTERM would never arrive.
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  ignore_write_signals();
  raise_open_files();
  write_no_core();
  raise_file_size();
  // Buffers travel from curl's thread to the disk's: many arenas would each keep a high-water mark of their own. The
  // thresholds are fixed, since the adaptive ones grow with the largest buffer ever freed and never shrink.
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
  ::mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
}

void trim_memory() {
  ::malloc_trim(0);
}

}  // namespace larder
