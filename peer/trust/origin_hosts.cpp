#include "peer/trust/origin_hosts.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace larder::peer {
namespace {

constexpr std::size_t kMaxHost = 255;

bool is_address(std::string_view host) {
  if (host.find(':') != std::string_view::npos) return true;
  return !host.empty() &&
         std::all_of(host.begin(), host.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

bool is_public_label(std::string_view label) {
  static constexpr std::array<std::string_view, 14> kLabels{"ac",  "co",  "com", "edu", "go", "gob", "gov",
                                                            "ltd", "mil", "ne",  "net", "or", "org", "plc"};
  return std::find(kLabels.begin(), kLabels.end(), label) != kLabels.end();
}

// Returns where the label that ends at `end` begins; 0: it is the first.
std::size_t label_before(std::string_view host, std::size_t end) {
  const auto dot = host.rfind('.', end == 0 ? 0 : end - 1);
  return dot == std::string_view::npos || dot >= end ? 0 : dot + 1;
}

}  // namespace

OriginName origin_of(std::string_view url) {
  OriginName name;
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return name;
  name.https = url.substr(0, colon) == "https";
  url.remove_prefix(colon + 3);
  std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  std::string_view host = authority;
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host = host.substr(0, host.rfind(':'));
  }
  host = host.substr(0, kMaxHost);
  name.host.assign(host);
  std::transform(name.host.begin(), name.host.end(), name.host.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  while (name.host.ends_with('.')) name.host.pop_back();
  return name;
}

std::string site_of(std::string_view host) {
  if (is_address(host)) return std::string(host);
  const std::size_t last = label_before(host, host.size());
  if (last == 0) return std::string(host);
  std::size_t from = label_before(host, last - 1);
  // co.uk, com.au, ac.jp and the like are public suffixes.
  if (host.size() - last == 2 && from > 0 && is_public_label(host.substr(from, last - 1 - from))) {
    from = label_before(host, from - 1);
  }
  return std::string(host.substr(from));
}

void OriginHosts::know(const Digest& version, std::string_view url) {
  OriginName name = origin_of(url);
  if (name.host.empty()) return;
  if (!versions_.try_emplace(version, std::move(name)).second) return;
  order_.push_back(version);
  if (order_.size() <= kMaxVersions) return;
  versions_.erase(order_.front());
  order_.pop_front();
}

std::optional<OriginName> OriginHosts::of(const Digest& version) const {
  const auto found = versions_.find(version);
  return found == versions_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<HostMark> OriginHosts::mark(const std::string& host, WallTime now) {
  if (host.empty() || not_constant(host, now)) return std::nullopt;
  if (!marks_.contains(host) && marks_.size() >= kMaxMarks) {
    marks_.erase(std::min_element(marks_.begin(), marks_.end(), [](const auto& a, const auto& b) {
      return a.second.mark.spell.until < b.second.mark.spell.until;
    }));
  }
  Marked& marked = marks_[host];
  marked.mark.host = host;
  marked.mark.spell.begin(now, kFirst, kLongest);
  marked.told = false;
  return marked.mark;
}

bool OriginHosts::not_constant(const std::string& host, WallTime now) const {
  const auto found = marks_.find(host);
  return found != marks_.end() && found->second.mark.spell.in_force(now, kLongest);
}

std::vector<HostMark> OriginHosts::marks(WallTime now) const {
  std::vector<HostMark> out;
  for (const auto& [host, marked] : marks_) {
    if (marked.mark.spell.in_force(now, kLongest)) out.push_back(marked.mark);
  }
  return out;
}

void OriginHosts::restore(HostMark mark, WallTime now) {
  if (marks_.size() >= kMaxMarks || !mark.spell.remembered(now, kLongest)) return;
  const bool over = !mark.spell.in_force(now, kLongest);
  const std::string host = mark.host;
  marks_.emplace(host, Marked{std::move(mark), over});
}

OriginHosts::Tidied OriginHosts::tidy(WallTime now) {
  Tidied out;
  for (auto at = marks_.begin(); at != marks_.end();) {
    Marked& marked = at->second;
    if (!marked.told && !marked.mark.spell.in_force(now, kLongest)) out.ended = marked.told = true;
    if (marked.mark.spell.remembered(now, kLongest)) {
      ++at;
      continue;
    }
    out.forgotten.push_back(at->first);
    at = marks_.erase(at);
  }
  return out;
}

void OriginHosts::forget_all() {
  versions_.clear();
  order_.clear();
  marks_.clear();
}

}  // namespace larder::peer
