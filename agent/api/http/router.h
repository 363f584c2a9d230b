// Maps a method and path to a handler. Pure; a test compares the table with docs/api.yaml.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace larder::agent {

enum class RouteId {
  status,
  metrics,
  config,
  reload,
  events,
  jobs,
  job_create,
  upload_create,
  job,
  job_change,
  job_files,
  job_resume,
  job_suspend,
  job_cancel,
  job_complete,
  job_descriptors,
  file_verdict,
  file_retarget,
  file_content,
  file_descriptor,
  file_reply,
  cache,
  cache_remove,
  cache_record,
  cache_record_remove,
  cache_pin,
  group,
  group_create,
  group_invite,
  group_join,
  group_leave,
  group_revoke,
  peers,
  peer_pardon,
};

struct Route {
  RouteId id;
  std::string_view method;
  std::string_view path;   // "{id}" and "{index}" stand for one segment each
  std::string_view query;  // names of permitted parameters, separated by blanks
  bool admin = false;      // for admins only
  bool loopback = false;   // also on the read-only loopback port
};

[[nodiscard]] std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;
  std::string id;                            // of "{id}"
  std::optional<unsigned> index;             // of "{index}"
  std::map<std::string, std::string> query;  // decoded
  [[nodiscard]] std::optional<std::string> asked(const std::string& name) const;
};

struct MethodNotAllowed {
  std::string allow;  // "GET, POST"
};

// Errors: not_found if no route has the path, invalid_argument for a bad query. HEAD matches the route of GET.
[[nodiscard]] Result<std::variant<RouteMatch, MethodNotAllowed>> match_route(std::string_view method,
                                                                             std::string_view target);

// Decodes %XX; a "+" stays a plus. Returns nothing for an incomplete escape or one that is not hex.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

}  // namespace larder::agent
