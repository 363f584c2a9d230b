#include "agent/jobs/rules/user_accounts.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>

#include "base/io/log.h"
#include "base/io/read_file.h"
#include "base/process/user_name.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMaxFile = kMiB;
constexpr uid_t kLastUser = static_cast<uid_t>(-2);  // -1 is no user

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view cut(std::string_view& text, char at) {
  const std::size_t end = std::min(text.find(at), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

}  // namespace

UserAccounts UserAccounts::parse(std::string_view text, const UserOf& user_of) {
  std::vector<Range> all;
  std::map<std::string, std::optional<uid_t>> known;  // a name often has several ranges
  while (!text.empty()) {
    std::string_view line = cut(text, '\n');
    const std::string name(cut(line, ':'));
    const auto first = number(cut(line, ':'));
    const auto count = number(line);
    // Root's id belongs to no other account.
    if (name.empty() || !first || !count || *first == 0 || *first > kLastUser || *count == 0) continue;
    const auto [owner, is_new] = known.try_emplace(name);
    if (is_new) owner->second = user_of(name);
    if (!owner->second) continue;
    const std::uint64_t last = *first + std::min<std::uint64_t>(*count - 1, kLastUser - *first);
    all.push_back({static_cast<uid_t>(*first), static_cast<uid_t>(last), *owner->second});
  }
  // An id in two ranges belongs to the one that begins first.
  std::stable_sort(all.begin(), all.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  std::vector<Range> apart;
  for (Range range : all) {
    if (!apart.empty() && range.first <= apart.back().last) {
      if (range.last <= apart.back().last) continue;
      range.first = apart.back().last + 1;
    }
    apart.push_back(range);
  }
  UserAccounts accounts;
  accounts.ranges_ = std::make_shared<const std::vector<Range>>(std::move(apart));
  return accounts;
}

UserAccounts UserAccounts::read(const std::string& path) {
  const auto text = read_small_file(path, kMaxFile, "read the subordinate user ids");
  if (text) return parse(*text, find_user);
  if (text.error().code != ErrorCode::not_found)
    log::warn("subordinate user ids count for themselves: {}", text.error().text());
  return {};
}

uid_t UserAccounts::account_of(uid_t user) const {
  if (!ranges_) return user;
  auto after = std::upper_bound(ranges_->begin(), ranges_->end(), user,
                                [](uid_t id, const Range& range) { return id < range.first; });
  if (after == ranges_->begin()) return user;
  const Range& range = *--after;
  return user <= range.last ? range.owner : user;
}

}  // namespace larder::agent
