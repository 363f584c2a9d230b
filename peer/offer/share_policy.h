// The admin's policy of sharing: URLs that are never shared, and the least size worth it. Plain value; pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::peer {

// Returns whether a URL matches a pattern: "*" stands for any text, also none; every other character for itself, in
// either case of ASCII. The time is bounded by pattern length times URL length.
[[nodiscard]] bool matches_url_glob(std::string_view pattern, std::string_view url);

class SharePolicy {
 public:
  SharePolicy() = default;
  SharePolicy(std::vector<std::string> never_share, std::uint64_t min_size)
      : never_share_(std::move(never_share)), min_size_(min_size) {}

  // Returns whether peers may be asked for content of this canonical URL.
  [[nodiscard]] bool may_ask(std::string_view url) const;
  // Returns whether content of this canonical URL and size may be offered. An unknown size counts as large enough.
  [[nodiscard]] bool may_offer(std::string_view url, std::optional<std::uint64_t> size) const;

 private:
  std::vector<std::string> never_share_;
  std::uint64_t min_size_ = 0;
};

}  // namespace larder::peer
