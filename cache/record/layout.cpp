#include "cache/record/layout.h"

#include <algorithm>

namespace larder::cache {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

bool is_lower_hex(char c) {
  return kDigits.find(c) != std::string_view::npos;
}

}  // namespace

bool is_content_id(std::string_view text) {
  return text.size() == kContentIdLength && std::all_of(text.begin(), text.end(), is_lower_hex);
}

std::size_t prefix_of(std::string_view id) {
  return kDigits.find(id[0]) * 16 + kDigits.find(id[1]);
}

std::string prefix_name(std::size_t prefix) {
  return {kDigits[prefix / 16 % 16], kDigits[prefix % 16]};
}

ContentLayout::ContentLayout(std::string_view state_directory)
    : contents_(std::string(state_directory) + "/contents") {}

std::string ContentLayout::prefix_directory(std::size_t prefix) const {
  return contents_ + "/" + prefix_name(prefix);
}

std::string ContentLayout::content_path(const ContentId& id) const {
  return contents_ + "/" + id.substr(0, 2) + "/" + id;
}

std::optional<ContentId> ContentLayout::parse_name(std::size_t prefix, std::string_view name) {
  if (!is_content_id(name) || prefix_of(name) != prefix) return std::nullopt;
  return ContentId(name);
}

}  // namespace larder::cache
