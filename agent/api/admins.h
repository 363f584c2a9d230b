// Who may see and steer everything: root, the agent's own user, and api.admins of the configuration.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "agent/jobs/job_service.h"

namespace larder::agent {

class Admins {
 public:
  // Looks names up in the user database (may block: start-up and reload only). Unknown ones are logged and left out.
  [[nodiscard]] static Admins resolve(const std::vector<std::string>& names);

  [[nodiscard]] Caller caller(uid_t uid) const { return {uid, users_.count(uid) != 0}; }

 private:
  std::set<uid_t> users_;
};

}  // namespace larder::agent
