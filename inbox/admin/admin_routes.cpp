#include "inbox/admin/admin_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text/text.h"

namespace larder::inbox {
namespace {

constexpr std::array kRoutes = {
    AdminRoute{AdminRouteId::uploads, "GET", "/v1/uploads", "inbox state after limit"},
    AdminRoute{AdminRouteId::upload, "GET", "/v1/uploads/{id}", ""},
    AdminRoute{AdminRouteId::take, "POST", "/v1/inboxes/{inbox}/take", "lease"},
    AdminRoute{AdminRouteId::ack, "POST", "/v1/uploads/{id}/ack", ""},
    AdminRoute{AdminRouteId::reply, "POST", "/v1/uploads/{id}/reply", ""},
    AdminRoute{AdminRouteId::reject, "POST", "/v1/uploads/{id}/reject", ""},
    AdminRoute{AdminRouteId::renew, "POST", "/v1/uploads/{id}/renew", "lease attempt"},
    AdminRoute{AdminRouteId::content, "GET", "/v1/uploads/{id}/content", ""},
    AdminRoute{AdminRouteId::metrics, "GET", "/metrics", ""},
    AdminRoute{AdminRouteId::healthz, "GET", "/v1/healthz", ""},
};

constexpr std::size_t kMaxName = 64;  // of an id, of an inbox

tl::unexpected<NoMatch> no_match(int status, ErrorCode code, std::string detail, std::string allow = {}) {
  return tl::unexpected<NoMatch>(
      NoMatch{status, {code, "read the request", std::move(detail), std::nullopt}, std::move(allow)});
}

bool is_name(std::string_view text) {
  const auto allowed = [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.size() <= kMaxName && std::all_of(text.begin(), text.end(), allowed);
}

std::string_view next_word(std::string_view& text, char at) {
  const auto end = std::min(text.find(at), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

// Both begin with "/".
bool has_path(std::string_view pattern, std::string_view path, std::string& name) {
  if (std::count(pattern.begin(), pattern.end(), '/') != std::count(path.begin(), path.end(), '/')) return false;
  while (!pattern.empty()) {
    const std::string_view wanted = next_word(pattern, '/');
    const std::string_view given = next_word(path, '/');
    if (wanted.substr(0, 1) == "{") {
      if (!is_name(given)) return false;
      name = given;
    } else if (wanted != given) {
      return false;
    }
  }
  return path.empty();
}

bool takes(const AdminRoute& route, std::string_view name) {
  for (std::string_view names = route.query; !names.empty();) {
    if (next_word(names, ' ') == name) return true;
  }
  return false;
}

std::optional<std::string> read_query(std::string_view query, AdminMatch& match) {
  while (!query.empty()) {
    std::string_view value = next_word(query, '&');
    if (value.empty()) continue;
    const std::string name(next_word(value, '='));
    if (!takes(*match.route, name)) return fmt::format("\"{}\" is no parameter of this path", name);
    if (value.find('%') != std::string_view::npos) return fmt::format("the value of \"{}\" needs no escapes", name);
    if (!match.query.emplace(name, value).second) return fmt::format("\"{}\" is given twice", name);
  }
  return std::nullopt;
}

}  // namespace

std::span<const AdminRoute> admin_routes() {
  return kRoutes;
}

std::optional<std::string> AdminMatch::asked(const std::string& parameter) const {
  const auto found = query.find(parameter);
  return found == query.end() ? std::nullopt : std::optional<std::string>(found->second);
}

tl::expected<AdminMatch, NoMatch> match_admin_route(std::string_view method, std::string_view target) {
  const std::string_view path = next_word(target, '?');  // then `target` is the query
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  std::string allow;
  for (const AdminRoute& route : kRoutes) {
    AdminMatch match;
    if (!has_path(route.path, path, match.name)) continue;
    if (route.method != wanted) {
      allow += (allow.empty() ? "" : ", ") + std::string(route.method == "GET" ? "GET, HEAD" : route.method);
      continue;
    }
    match.route = &route;
    if (auto problem = read_query(target, match))
      return no_match(400, ErrorCode::invalid_argument, std::move(*problem));
    return match;
  }
  if (!allow.empty()) return no_match(405, ErrorCode::invalid_argument, "this path takes " + allow + " only", allow);
  return no_match(404, ErrorCode::not_found, "there is no such path; docs/inbox-api.yaml has them all");
}

}  // namespace larder::inbox
