#include "agent/api/http/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "agent/api/json/unknown_name.h"
#include "base/version.h"

namespace larder::agent {
namespace {

constexpr std::array kRoutes = {
    Route{RouteId::status, "GET", "/v1/status", "", false, true},
    Route{RouteId::metrics, "GET", "/metrics", "", false, true},
    Route{RouteId::config, "GET", "/v1/config", "", true},
    Route{RouteId::reload, "POST", "/v1/reload", "", true},
    Route{RouteId::events, "GET", "/v1/events", "job after files"},
    Route{RouteId::jobs, "GET", "/v1/jobs", "state all"},
    Route{RouteId::job_create, "POST", "/v1/jobs", "files once wait_ms descriptor"},
    Route{RouteId::upload_create, "POST", "/v1/uploads", "files"},
    Route{RouteId::job, "GET", "/v1/jobs/{id}", "files"},
    Route{RouteId::job_change, "PATCH", "/v1/jobs/{id}", "files"},
    Route{RouteId::job_files, "POST", "/v1/jobs/{id}/files", "files"},
    Route{RouteId::job_resume, "POST", "/v1/jobs/{id}/resume", "files"},
    Route{RouteId::job_suspend, "POST", "/v1/jobs/{id}/suspend", "files"},
    Route{RouteId::job_cancel, "POST", "/v1/jobs/{id}/cancel", "files"},
    Route{RouteId::job_complete, "POST", "/v1/jobs/{id}/complete", "files"},
    Route{RouteId::job_descriptors, "POST", "/v1/jobs/{id}/descriptors", ""},
    Route{RouteId::file_verdict, "POST", "/v1/jobs/{id}/files/{index}/verdict", "files"},
    Route{RouteId::file_retarget, "POST", "/v1/jobs/{id}/files/{index}/retarget", "files"},
    Route{RouteId::file_content, "GET", "/v1/jobs/{id}/files/{index}/content", ""},
    Route{RouteId::file_reply, "GET", "/v1/jobs/{id}/files/{index}/reply", ""},
    Route{RouteId::file_descriptor, "POST", "/v1/jobs/{id}/files/{index}/descriptor", "partial"},
    Route{RouteId::cache, "GET", "/v1/cache", "after limit url"},
    Route{RouteId::cache_remove, "DELETE", "/v1/cache", "url", true},
    Route{RouteId::cache_record, "GET", "/v1/cache/{id}", ""},
    Route{RouteId::cache_record_remove, "DELETE", "/v1/cache/{id}", "", true},
    Route{RouteId::cache_pin, "POST", "/v1/cache/{id}/pin", "", true},
    Route{RouteId::group, "GET", "/v1/group", ""},
    Route{RouteId::group_create, "POST", "/v1/group", "", true},
    Route{RouteId::group_invite, "POST", "/v1/group/invite", "", true},
    Route{RouteId::group_join, "POST", "/v1/group/join", "", true},
    Route{RouteId::group_leave, "POST", "/v1/group/leave", "", true},
    Route{RouteId::group_revoke, "POST", "/v1/group/revoke", "", true},
    Route{RouteId::peers, "GET", "/v1/peers", ""},
    Route{RouteId::peer_pardon, "POST", "/v1/peers/pardon", "", true},
};

constexpr std::size_t kMaxId = 64;

std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);  // the slash
  const auto end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxId &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); });
}

bool match_path(std::string_view pattern, std::string_view path, RouteMatch& match) {
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = next_segment(pattern);
    const std::string_view given = next_segment(path);
    if (wanted == "{id}") {
      if (!is_id(given)) return false;
      match.id = given;
    } else if (wanted == "{index}") {
      unsigned index = 0;
      const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), index);
      if (given.empty() || error != std::errc{} || end != given.data() + given.size()) return false;
      match.index = index;
    } else if (wanted != given) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

bool takes(const Route& route, std::string_view name) {
  std::string_view names = route.query;
  while (!names.empty()) {
    const auto end = std::min(names.find(' '), names.size());
    if (names.substr(0, end) == name) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

tl::unexpected<Error> bad_query(const std::string& what) {
  return fail(ErrorCode::invalid_argument, "read the request's query", what);
}

Status read_query(std::string_view query, RouteMatch& match) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    const auto name = percent_decode(pair.substr(0, equals));
    const auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return bad_query("a \"%\" is not followed by two hex digits");
    if (!takes(*match.route, *name)) return bad_query(fmt::format("\"{}\" {}", *name, unknown_name()));
    if (!match.query.emplace(*name, *value).second) return bad_query(fmt::format("\"{}\" is given twice", *name));
  }
  return {};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

std::optional<std::string> RouteMatch::asked(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::nullopt : std::optional<std::string>(found->second);
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

Result<std::variant<RouteMatch, MethodNotAllowed>> match_route(std::string_view method, std::string_view target) {
  target = target.substr(0, target.find('#'));
  const auto question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);
  if (path.empty() || path.front() != '/')
    return fail(ErrorCode::invalid_argument, "read the request", "its target does not start with \"/\"");
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  std::string allow;
  for (const Route& route : kRoutes) {
    RouteMatch match;
    if (!match_path(route.path, path, match)) continue;
    if (route.method != wanted) {
      if (!allow.empty()) allow += ", ";
      allow += route.method;
      if (route.method == "GET") allow += ", HEAD";
      continue;
    }
    match.route = &route;
    if (auto read = read_query(target.substr(std::min(question + 1, target.size())), match); !read)
      return tl::unexpected<Error>(read.error());
    return match;
  }
  if (!allow.empty()) return MethodNotAllowed{allow};
  return fail(ErrorCode::not_found, fmt::format("find {}", path.substr(0, 200)),
              fmt::format("the API of this agent ({}, API {}) has no such path", kVersion, kApiVersion));
}

}  // namespace larder::agent
