#include "agent/api/handlers/admins.h"

#include <unistd.h>

#include "agent/jobs/rules/user_accounts.h"
#include "base/io/log.h"
#include "base/process/user_name.h"

namespace larder::agent {

Admins Admins::resolve(const std::vector<std::string>& names) {
  Admins admins;
  admins.users_ = {0, ::geteuid()};
  admins.accounts_ = UserAccounts::read();
  for (const std::string& name : names) {
    if (const auto uid = find_user(name))
      admins.users_.insert(*uid);
    else
      log::warn("api.admins names an unknown user name={}", name);
  }
  return admins;
}

}  // namespace larder::agent
