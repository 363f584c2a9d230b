// The composition root: chooses every implementation and connects the parts. Loop thread only.
//
// Start: configuration, lock, database, cache, origin, LAN, jobs, and the API last, so that a client finds all parts
// working. Stop: the API first, then the LAN, then transfers (committed segments stay), then the queue of the database.
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
  bool config_required = false;  // the user named it: if missing, an error
  // Overrides of the configuration.
  std::string state_directory, runtime_directory;
  std::optional<Duration> idle_exit;
  // Set for a user's own agent: the certificate authorities that its environment names belong to its configuration.
  bool trust_environment = false;
  // The API's listening socket, if the service manager passed one; the agent owns it.
  std::optional<int> socket;
};

// Reads the file, and applies the command line's overrides. Blocks.
[[nodiscard]] Result<std::shared_ptr<const Config>> configuration(const CommandLine& command_line);

class Agent {
 public:
  // Makes everything that can fail at once (blocks). `ended` is called when an idle agent decides to end.
  static Result<std::unique_ptr<Agent>> make(Loop& loop, const CommandLine& command_line,
                                             std::shared_ptr<const Config> config, std::function<void()> ended);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Loads the jobs and opens the API; then calls `done`.
  void start(UniqueFunction<void(Status)> done);
  // Stops all parts, and calls `done` when everything is written. Committed segments are kept.
  void stop(UniqueFunction<void()> done);
  // Asks each thread for signs of life from now on (thread_watch.h). `patience`: the watchdog interval of the service
  // manager, if there is one; threads that never block must answer within it.
  void watch_threads(std::optional<Duration> patience);
  [[nodiscard]] bool healthy() const;  // no thread is stuck
  // Reads the configuration again, and applies all of it or refuses it.
  void reload(UniqueFunction<void(Status)> done);

 private:
  struct Parts;
  explicit Agent(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace larder::agent
