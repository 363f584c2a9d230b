// The account on which a user id counts. A user of Linux has further ids in reserve, usually some 65,000, which
// /etc/subuid lists and newuidmap hands out. They count as their owner's, since no limit for a user would bind
// otherwise.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::agent {

class UserAccounts {
 public:
  using UserOf = std::function<std::optional<uid_t>(const std::string& name)>;

  UserAccounts() = default;  // every id counts for itself
  // Reads the text of /etc/subuid: lines "NAME:FIRST:COUNT", where NAME is a user name or a number. Other lines are
  // ignored.
  [[nodiscard]] static UserAccounts parse(std::string_view text, const UserOf& user_of);
  // Blocks (file and user database): start-up and reload only. Without the file every id counts for itself.
  [[nodiscard]] static UserAccounts read(const std::string& path = "/etc/subuid");

  [[nodiscard]] uid_t account_of(uid_t user) const;

 private:
  struct Range {
    uid_t first = 0;
    uid_t last = 0;  // included
    uid_t owner = 0;
  };
  std::shared_ptr<const std::vector<Range>> ranges_;  // ascending, without overlap
};

}  // namespace larder::agent
