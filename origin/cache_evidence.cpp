#include "origin/cache_evidence.h"

#include <fmt/format.h>

#include <array>

#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

constexpr std::array<std::string_view, 5> kCacheFields = {"cache-status", "x-cache", "x-cache-status", "x-proxy-cache",
                                                          "cf-cache-status"};

bool has_word(const std::string& text, std::string_view word) {
  return text.find(word) != std::string::npos;
}

void read_cache_field(const std::string& value, CacheEvidence& evidence) {
  const std::string text = lower_case(value);
  // "hit" is tested before "miss": "MISS, HIT" of two caches in a row is an answer by a cache.
  if (has_word(text, "hit") || has_word(text, "stale") || has_word(text, "updating")) {
    evidence.answered = CacheEvidence::Answered::by_cache;
  } else if (evidence.answered == CacheEvidence::Answered::unknown &&
             (has_word(text, "miss") || has_word(text, "bypass") || has_word(text, "expired") ||
              has_word(text, "dynamic") || has_word(text, "fwd") || has_word(text, "revalidated"))) {
    evidence.answered = CacheEvidence::Answered::by_origin;
  }
}

// "1.1 squid.example (squid/5.7)" -> "squid.example"
std::string via_name(const std::string& value) {
  const auto hops = split_list(value);
  if (hops.empty()) return {};
  std::string_view hop = hops.back();
  const std::size_t space = hop.find(' ');
  if (space == std::string_view::npos) return std::string(hop.substr(0, 80));
  hop = trim(hop.substr(space + 1));
  return std::string(hop.substr(0, std::min<std::size_t>(hop.find(' '), 80)));
}

// "HIT from proxy.example" -> "proxy.example"
std::string from_name(const std::string& value) {
  const std::size_t from = lower_case(value).find(" from ");
  if (from == std::string::npos) return {};
  const std::string_view rest = trim(std::string_view(value).substr(from + 6));
  return std::string(rest.substr(0, std::min<std::size_t>(rest.find_first_of(" ,;"), 80)));
}

}  // namespace

CacheEvidence cache_evidence(const HttpHead& head) {
  CacheEvidence evidence;
  for (const std::string_view field : kCacheFields) {
    for (const std::string* value : find_all(head.headers, field)) {
      read_cache_field(*value, evidence);
      if (evidence.name.empty()) evidence.name = from_name(*value);
    }
  }
  const std::string* age = head.find_field("age");
  if (age != nullptr && evidence.answered == CacheEvidence::Answered::unknown) {
    evidence.answered = parse_decimal(trim(*age)).value_or(0) > 0 ? CacheEvidence::Answered::by_cache
                                                                  : CacheEvidence::Answered::by_origin;
  }
  if (const std::string* via = head.find_field("via"); via != nullptr && evidence.name.empty())
    evidence.name = via_name(*via);
  if (!evidence.name.empty()) return evidence;
  for (const std::string_view field : kCacheFields) {
    if (head.find_field(field) != nullptr) evidence.name = fmt::format("a cache that names itself by {} only", field);
  }
  if (head.find_field("cf-cache-status") != nullptr) evidence.name = "Cloudflare";
  if (evidence.name.empty() && age != nullptr) evidence.name = "a cache that names itself by Age only";
  if (evidence.name.empty() && head.via_proxy) evidence.name = "the configured proxy";
  return evidence;
}

}  // namespace larder::origin
