#include "origin/http/proxy.h"

#include "origin/http/http_fields.h"
#include "origin/url/address.h"
#include "origin/url/host_name.h"

namespace larder::origin {
namespace {

std::string either_case(const Environment& environment, const char* lower, const char* upper) {
  if (auto value = environment(lower); value && !value->empty()) return *value;
  return environment(upper).value_or("");
}

bool in_network(std::string_view rule, const std::string& host) {
  const std::size_t slash = rule.find('/');
  if (slash == std::string_view::npos || !ends_in_number(host)) return false;
  const auto network = parse_ipv4(rule.substr(0, slash)), address = parse_ipv4(host);
  const auto bits = parse_decimal(rule.substr(slash + 1));
  if (!network || !address || !bits || *bits > 32) return false;
  return *bits == 0 || (*network ^ *address) >> (32 - *bits) == 0;
}

bool rule_matches(std::string rule, const std::string& host) {
  if (rule == "*") return true;
  if (in_network(rule, host)) return true;
  if (rule.starts_with("*.")) rule.erase(0, 1);
  if (rule.starts_with(".")) rule.erase(0, 1);
  if (rule.size() > 2 && rule.front() == '[' && rule.back() == ']') rule = rule.substr(1, rule.size() - 2);
  if (rule.empty()) return false;
  if (!is_ascii(rule)) rule = ascii_host_name(rule).value_or("");
  return host == rule || (!address_scope(host) && host.ends_with("." + rule));
}

}  // namespace

bool bypasses_proxy(std::string_view no_proxy, const Url& url) {
  std::string host = url.host;
  if (host.size() > 1 && host.back() == '.') host.pop_back();
  while (!no_proxy.empty()) {
    const std::size_t end = no_proxy.find_first_of(", ");
    if (rule_matches(lower_case(no_proxy.substr(0, end)), host)) return true;
    no_proxy.remove_prefix(end == std::string_view::npos ? no_proxy.size() : end + 1);
  }
  return false;
}

bool goes_without_proxy(const std::string& configured, const Environment& environment) {
  if (!configured.empty()) return configured == "none";
  return environment("http_proxy").value_or("").empty() &&
         either_case(environment, "https_proxy", "HTTPS_PROXY").empty() &&
         either_case(environment, "all_proxy", "ALL_PROXY").empty();
}

std::string choose_proxy(const std::string& configured, const Url& url, const Environment& environment) {
  if (configured == "none") return {};
  if (!configured.empty()) return configured;
  std::string proxy = url.scheme == "https" ? either_case(environment, "https_proxy", "HTTPS_PROXY")
                                            : environment("http_proxy").value_or("");
  if (proxy.empty()) proxy = either_case(environment, "all_proxy", "ALL_PROXY");
  if (proxy.empty() || bypasses_proxy(either_case(environment, "no_proxy", "NO_PROXY"), url)) return {};
  return proxy;
}

std::string proxy_host(std::string_view proxy) {
  if (const std::size_t scheme = proxy.find("://"); scheme != std::string_view::npos) proxy.remove_prefix(scheme + 3);
  proxy = proxy.substr(0, proxy.find_first_of("/?#"));
  if (const std::size_t user = proxy.rfind('@'); user != std::string_view::npos) proxy.remove_prefix(user + 1);
  if (proxy.starts_with('[')) return lower_case(proxy.substr(1, proxy.find(']') - 1));
  return lower_case(proxy.substr(0, proxy.find(':')));
}

}  // namespace larder::origin
