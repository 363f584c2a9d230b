// The users with full rights: root, the agent's own user, and api.admins of the configuration. Also maps other users'
// ids to accounts.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "agent/jobs/model/job_service.h"
#include "agent/jobs/rules/user_accounts.h"

namespace larder::agent {

class Admins {
 public:
  // Looks the names up in the user database (blocks: start-up and reload only). Unknown names are logged and ignored.
  [[nodiscard]] static Admins resolve(const std::vector<std::string>& names);

  [[nodiscard]] Caller caller(uid_t uid) const {
    const uid_t account = accounts_.account_of(uid);
    return {uid, users_.count(uid) != 0, account == uid ? std::nullopt : std::optional(account)};
  }
  [[nodiscard]] const UserAccounts& accounts() const { return accounts_; }

 private:
  std::set<uid_t> users_;
  UserAccounts accounts_;
};

}  // namespace larder::agent
