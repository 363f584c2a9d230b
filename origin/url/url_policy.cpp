// The policy of url.h: which URLs may be fetched, and where redirects and names may lead.
#include <fmt/format.h>

#include <algorithm>

#include "origin/url/address.h"
#include "origin/url/url.h"

namespace larder::origin {
namespace {

std::string lower_name(std::string_view host) {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  std::string out;
  for (const char c : host) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Returns the host as rules name it. An IPv4 address within IPv6 (::ffff:10.0.0.1, ::ffff:a00:1) becomes the IPv4
// address, since that is the one connected to.
std::string name_of(std::string_view host) {
  const std::string plain = host.find(':') == std::string_view::npos ? std::string() : normalise_ipv6(host);
  constexpr std::string_view kMapped = "::ffff:";
  if (plain.starts_with(kMapped) && plain.find('.') != std::string::npos) return plain.substr(kMapped.size());
  return plain.empty() ? lower_name(host) : plain;
}

bool matches(std::string_view rule, const std::string& host) {
  const std::string pattern = name_of(rule);
  if (pattern.starts_with("*.")) {
    return host.size() > pattern.size() - 1 && host.ends_with(std::string_view(pattern).substr(1));
  }
  return pattern == host;
}

tl::unexpected<Error> forbidden(ErrorCode code, const Url& url, std::string detail) {
  return fail(code, "fetch from " + url.host, std::move(detail));
}

std::string link_local_words(std::string_view address, std::string_view host) {
  return fmt::format(
      "{} is link-local or of a metadata service, where a machine is told its secrets; origin.allow_link_local in the "
      "configuration may name {}",
      address, host);
}

// Allows loopback only for a URL that names this machine itself.
Status check_loopback(const UrlPolicy& policy, const Url& url, std::string_view address, bool redirected) {
  if (!policy.allow_loopback) {
    return forbidden(ErrorCode::forbidden_url, url, fmt::format("{} is this machine itself (loopback)", address));
  }
  if (host_scope(lower_name(url.host)) != AddressScope::loopback) {
    return forbidden(
        redirected ? ErrorCode::redirect_forbidden : ErrorCode::forbidden_url, url,
        fmt::format("its name leads to {}, this machine itself (loopback); only URLs with a loopback address or "
                    "localhost are fetched from there",
                    address));
  }
  if (redirected && !policy.redirect_to_loopback) {
    return forbidden(ErrorCode::redirect_forbidden, url,
                     fmt::format("a redirect leads to {}, this machine itself, which policy forbids", address));
  }
  return {};
}

// Refuses a redirect from a host outside to an address of the office.
Status check_inside(const UrlPolicy& policy, const Url& url, std::string_view address, bool redirected) {
  if (redirected && !policy.redirect_to_private) {
    return forbidden(
        ErrorCode::redirect_forbidden, url,
        fmt::format("a redirect from outside leads to the private address {}, which policy forbids", address));
  }
  return {};
}

}  // namespace

const std::string* matching_host(const std::vector<std::string>& rules, std::string_view host) {
  const std::string name = name_of(host);
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

Status check_redirect(const UrlPolicy& policy, const Url& from, const Url& to, std::optional<bool> outside) {
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
  const AddressScope target = host_scope(to.host);
  if (target == AddressScope::loopback && host_scope(from.host) != AddressScope::loopback &&
      !policy.redirect_to_loopback) {
    return forbidden(ErrorCode::redirect_forbidden, to,
                     fmt::format("{} redirects to this machine itself (loopback), which policy forbids", from.host));
  }
  const bool from_outside = outside.value_or(host_scope(from.host) == AddressScope::global);
  const bool inside = target == AddressScope::private_network || target == AddressScope::link_local;
  if (inside && from_outside && !policy.redirect_to_private) {
    return forbidden(ErrorCode::redirect_forbidden, to,
                     fmt::format("{} redirects to a private address, which policy forbids", from.host));
  }
  return {};
}

Status check_address(const UrlPolicy& policy, const Url& url, std::string_view address, bool redirected) {
  const std::optional<AddressScope> scope = address_scope(address);
  const ErrorCode code = redirected ? ErrorCode::redirect_forbidden : ErrorCode::forbidden_url;
  switch (scope.value_or(AddressScope::global)) {
    case AddressScope::global:
      return {};
    case AddressScope::loopback:
      return check_loopback(policy, url, address, redirected);
    case AddressScope::private_network:
      if (policy.allow_private) return check_inside(policy, url, address, redirected);
      return forbidden(ErrorCode::forbidden_url, url, fmt::format("{} is a private address", address));
    case AddressScope::link_local:
      if (matching_host(policy.allow_link_local, url.host) != nullptr)
        return check_inside(policy, url, address, redirected);
      return forbidden(code, url, link_local_words(address, url.host));
    case AddressScope::no_host:
      break;
  }
  return forbidden(code, url, fmt::format("{} is no address of a host", address));
}

Status check_proxy_address(const UrlPolicy& policy, std::string_view proxy_host, std::string_view address) {
  const std::optional<AddressScope> scope = address_scope(address);
  if (scope != AddressScope::link_local || matching_host(policy.allow_link_local, proxy_host) != nullptr) return {};
  return fail(ErrorCode::forbidden_url, "use the proxy", link_local_words(address, proxy_host));
}

}  // namespace larder::origin
