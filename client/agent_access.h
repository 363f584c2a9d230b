// The agent that a command talks to: located once, and located again after it ended. Blocks.
#pragma once

#include <optional>
#include <string>

#include "client/agent_locator.h"
#include "client/client.h"

namespace larder::agent {

class AgentAccess {
 public:
  AgentAccess(std::string socket_option, Environment environment)
      : socket_option_(std::move(socket_option)), environment_(std::move(environment)) {}

  // Returns the client, which this object owns. The first call locates the agent; `start` allows to start the user's
  // own.
  Result<Client*> client(bool start = true);
  // Tries once to reach the agent again: starts the user's own if it does not run; any other agent is only connected
  // to.
  Status revive();
  [[nodiscard]] const std::optional<Located>& located() const { return located_; }
  [[nodiscard]] const Environment& environment() const { return environment_; }

 private:
  std::string socket_option_;
  Environment environment_;
  std::optional<Located> located_;
  std::optional<Client> client_;
};

}  // namespace larder::agent
