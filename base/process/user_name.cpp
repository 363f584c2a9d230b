#include "base/process/user_name.h"

#include <pwd.h>

#include <charconv>
#include <cstdint>
#include <vector>

namespace larder {
namespace {

constexpr uid_t kLastUser = static_cast<uid_t>(-2);  // -1 is no user

}  // namespace

std::optional<uid_t> find_user(const std::string& name) {
  std::uint64_t number = 0;
  const char* const after = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data(), after, number);
  if (error == std::errc{} && end == after && number <= kLastUser) return static_cast<uid_t>(number);
  std::vector<char> memory(64 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, memory.data(), memory.size(), &found) != 0 || !found) return std::nullopt;
  return entry.pw_uid;
}

}  // namespace larder
