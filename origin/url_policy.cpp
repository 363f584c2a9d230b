// The policy of url.h: what may be asked at all, and where redirects and names may lead.
#include <fmt/format.h>

#include <algorithm>

#include "origin/address.h"
#include "origin/url.h"

namespace larder::origin {
namespace {

std::string lower_name(std::string_view host) {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  std::string out;
  for (const char c : host) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool matches(std::string_view rule, const std::string& host) {
  const std::string pattern = lower_name(rule);
  if (pattern.starts_with("*.")) {
    return host.size() > pattern.size() - 1 && host.ends_with(std::string_view(pattern).substr(1));
  }
  return pattern == host;
}

tl::unexpected<Error> forbidden(ErrorCode code, const Url& url, std::string detail) {
  return fail(code, "fetch from " + url.host, std::move(detail));
}

}  // namespace

const std::string* matching_host(const std::vector<std::string>& rules, std::string_view host) {
  const std::string name = lower_name(host);
  const auto found =
      std::find_if(rules.begin(), rules.end(), [&name](const std::string& rule) { return matches(rule, name); });
  return found == rules.end() ? nullptr : &*found;
}

Status check_url(const UrlPolicy& policy, const Url& url) {
  if (url.scheme != "http" && url.scheme != "https") {
    return forbidden(ErrorCode::forbidden_url, url, "only http and https are fetched");
  }
  const std::string host = lower_name(url.host);
  if (const std::string* rule = matching_host(policy.deny_hosts, host)) {
    return forbidden(ErrorCode::forbidden_url, url, fmt::format("the configuration denies the host ({})", *rule));
  }
  return check_address(policy, url, host_scope(host) == AddressScope::loopback ? "127.0.0.1" : host, false);
}

Status check_redirect(const UrlPolicy& policy, const Url& from, const Url& to) {
  if (Status ok = check_url(policy, to); !ok) {
    Error error = ok.error();
    error.code = ErrorCode::redirect_forbidden;
    error.detail = fmt::format("{} redirects there, and {}", from.host, error.detail);
    return tl::unexpected(std::move(error));
  }
  if (from.scheme == "https" && to.scheme == "http" && !policy.redirect_downgrade) {
    return forbidden(ErrorCode::redirect_forbidden, to,
                     fmt::format("{} redirects from https to http, which gives up encryption", from.host));
  }
  const AddressScope origin = host_scope(from.host), target = host_scope(to.host);
  if (target == AddressScope::loopback && origin != AddressScope::loopback && !policy.redirect_to_loopback) {
    return forbidden(ErrorCode::redirect_forbidden, to,
                     fmt::format("{} redirects to this machine itself (loopback), which policy forbids", from.host));
  }
  if (target == AddressScope::private_network && origin == AddressScope::global && !policy.redirect_to_private) {
    return forbidden(ErrorCode::redirect_forbidden, to,
                     fmt::format("{} redirects to a private address, which policy forbids", from.host));
  }
  return {};
}

Status check_address(const UrlPolicy& policy, const Url& url, std::string_view address, bool redirected) {
  const std::optional<AddressScope> scope = address_scope(address);
  if (!scope || *scope == AddressScope::global) return {};
  if (*scope == AddressScope::loopback) {
    if (!policy.allow_loopback) {
      return forbidden(ErrorCode::forbidden_url, url, fmt::format("{} is this machine itself (loopback)", address));
    }
    if (redirected && !policy.redirect_to_loopback) {
      return forbidden(ErrorCode::redirect_forbidden, url,
                       fmt::format("a redirect leads to {}, this machine itself, which policy forbids", address));
    }
    return {};
  }
  if (!policy.allow_private) {
    return forbidden(ErrorCode::forbidden_url, url, fmt::format("{} is a private address", address));
  }
  if (redirected && !policy.redirect_to_private) {
    return forbidden(ErrorCode::redirect_forbidden, url,
                     fmt::format("a redirect leads to the private address {}, which policy forbids", address));
  }
  return {};
}

}  // namespace larder::origin
