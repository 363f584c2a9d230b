#include "peer/offer/share_policy.h"

#include <algorithm>

#include "base/text/text.h"

namespace larder::peer {
bool matches_url_glob(std::string_view pattern, std::string_view url) {
  std::size_t p = 0, u = 0;
  std::size_t star = std::string_view::npos, resume = 0;  // the last star, and the end of the text that it matches
  while (u < url.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = u;
    } else if (p < pattern.size() && lower(pattern[p]) == lower(url[u])) {
      ++p;
      ++u;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      u = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool SharePolicy::may_ask(std::string_view url) const {
  return std::none_of(never_share_.begin(), never_share_.end(),
                      [url](const std::string& pattern) { return matches_url_glob(pattern, url); });
}

bool SharePolicy::may_offer(std::string_view url, std::optional<std::uint64_t> size) const {
  return size.value_or(min_size_) >= min_size_ && may_ask(url);
}

}  // namespace larder::peer
