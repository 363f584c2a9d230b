#include "agent/api/admins.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/log.h"

namespace larder::agent {
namespace {

std::optional<uid_t> numeric(const std::string& name) {
  uid_t uid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), uid);
  return error == std::errc{} && end == name.data() + name.size() ? std::optional<uid_t>(uid) : std::nullopt;
}

std::optional<uid_t> user_id(const std::string& name) {
  if (const auto uid = numeric(name)) return uid;
  std::vector<char> memory(64 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, memory.data(), memory.size(), &found) != 0 || !found) return std::nullopt;
  return entry.pw_uid;
}

}  // namespace

Admins Admins::resolve(const std::vector<std::string>& names) {
  Admins admins;
  admins.users_ = {0, ::geteuid()};
  for (const std::string& name : names) {
    if (const auto uid = user_id(name))
      admins.users_.insert(*uid);
    else
      log::warn("api.admins names an unknown user name={}", name);
  }
  return admins;
}

}  // namespace larder::agent
