#include "inbox/admin/inbox_admins.h"

#include <unistd.h>

#include "base/io/log.h"
#include "base/process/user_name.h"

namespace larder::inbox {

InboxAdmins InboxAdmins::resolve(const std::vector<std::string>& names) {
  std::set<uid_t> users = {0, ::geteuid()};
  for (const std::string& name : names) {
    if (const auto user = find_user(name))
      users.insert(*user);
    else
      log::warn("server.admins names an unknown user name={}", name);
  }
  return InboxAdmins(std::move(users));
}

}  // namespace larder::inbox
