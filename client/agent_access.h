// The agent that a command talks to: found once, and found again after it went away.
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

  // Locates the agent at the first call; `start` lets it start the user's own.
  Result<Client*> client(bool start = true);
  // One attempt to have the agent back: starts the user's own again, otherwise only looks.
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
