// The composition root: chooses and ties together every part of the agent. Loop thread only.
//
// Start: lock, configuration, database, cache, origin, jobs, then the API last: who can connect finds everything there.
// Stop: the API first, then transfers (committed segments stay), then what is queued for the database.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/config/config.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/loop.h"

namespace larder::agent {

struct CommandLine {
  std::string config_file{kDefaultConfigPath};
  bool config_required = false;  // named by the user: missing is an error
  // Each overrides the configuration.
  std::string state_directory, runtime_directory;
  std::optional<Duration> idle_exit;
  // A user started it for itself: what its environment names as certificate authorities is its configuration.
  bool trust_environment = false;
  // The API's listening socket, where the service manager passed one; the agent owns it.
  std::optional<int> socket;
};

// The file, with the command line's overrides on top. Blocks.
[[nodiscard]] Result<std::shared_ptr<const Config>> configuration(const CommandLine& command_line);

class Agent {
 public:
  // Makes everything that can fail at once (blocks); `ended` is called when the agent ends itself (idle).
  static Result<std::unique_ptr<Agent>> make(Loop& loop, const CommandLine& command_line,
                                             std::shared_ptr<const Config> config, std::function<void()> ended);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Jobs come back and the API opens; then `done`.
  void start(UniqueFunction<void(Status)> done);
  // Nothing of what was committed is lost; `done` when all is written.
  void stop(UniqueFunction<void()> done);
  // Asks each thread for signs of life from now on (thread_watch.h). `patience`: of the service manager, where there is
  // one; threads that never block have to answer within it.
  void watch_threads(std::optional<Duration> patience);
  [[nodiscard]] bool healthy() const;  // no thread stands still
  // Swaps the whole configuration or refuses it.
  void reload(UniqueFunction<void(Status)> done);

 private:
  struct Parts;
  explicit Agent(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace larder::agent
