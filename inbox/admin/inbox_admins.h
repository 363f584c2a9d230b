// Who may use inbox.sock: root, the service's own user, and `server.admins` of the configuration. A value.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

namespace larder::inbox {

class InboxAdmins {
 public:
  explicit InboxAdmins(std::set<uid_t> users) : users_(std::move(users)) {}
  // Looks the names up in the user database (blocks: start-up only). Names that nobody has are logged and ignored.
  [[nodiscard]] static InboxAdmins resolve(const std::vector<std::string>& names);

  [[nodiscard]] bool has(uid_t user) const { return users_.contains(user); }

 private:
  std::set<uid_t> users_;
};

}  // namespace larder::inbox
