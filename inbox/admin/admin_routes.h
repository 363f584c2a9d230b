// Which handler a method and path of inbox.sock have. Pure; a test compares the table with docs/inbox-api.yaml.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace larder::inbox {

enum class AdminRouteId { uploads, upload, take, ack, reply, reject, renew, content, metrics, healthz };

struct AdminRoute {
  AdminRouteId id;
  std::string_view method;
  std::string_view path;   // "{id}" and "{inbox}" stand for one segment each
  std::string_view query;  // names of permitted parameters, separated by blanks
};

[[nodiscard]] std::span<const AdminRoute> admin_routes();

struct AdminMatch {
  const AdminRoute* route = nullptr;
  std::string name;                          // of "{id}" or "{inbox}"
  std::map<std::string, std::string> query;  // each name once; a value has no escapes
  [[nodiscard]] std::optional<std::string> asked(const std::string& parameter) const;
};

struct NoMatch {
  int status = 404;
  Error error;
  std::string allow;  // of 405: "GET, HEAD"
};

// HEAD has the route of GET. `target`: as a request has it, "/path?query". Names and values need no percent-escapes, so
// one that has some is refused.
[[nodiscard]] tl::expected<AdminMatch, NoMatch> match_admin_route(std::string_view method, std::string_view target);

}  // namespace larder::inbox
