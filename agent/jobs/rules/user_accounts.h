// On whose account a user id counts. A user of Linux has further ids in reserve, some 65,000 as a rule, which
// /etc/subuid lists and newuidmap hands out: they count as their owner's, or no limit for a user would bind.
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
  // The text of /etc/subuid: lines "NAME:FIRST:COUNT", NAME a user's or a number. Lines that are none are left out.
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
  std::shared_ptr<const std::vector<Range>> ranges_;  // ascending, apart
};

// By its name or its number; none: unknown. Blocks.
[[nodiscard]] std::optional<uid_t> find_user(const std::string& name);

}  // namespace larder::agent
