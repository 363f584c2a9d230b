#include "agent/api/http/router.h"

#include <gtest/gtest.h>

#include <set>

namespace larder::agent {
namespace {

std::string answer(std::string_view method, std::string_view target) {
  const auto found = match_route(method, target);
  if (!found) return std::string("error ") + std::to_string(static_cast<int>(found.error().code));
  if (const auto* wrong = std::get_if<MethodNotAllowed>(&*found)) return "allow " + wrong->allow;
  const auto& match = std::get<RouteMatch>(*found);
  std::string text(match.route->path);
  if (!match.id.empty()) text += " id=" + match.id;
  if (match.index) text += " index=" + std::to_string(*match.index);
  for (const auto& [name, value] : match.query) text += " " + name + "=" + value;
  return text;
}

TEST(Router, FindsRoutes) {
  EXPECT_EQ(answer("GET", "/v1/status"), "/v1/status");
  EXPECT_EQ(answer("HEAD", "/v1/status"), "/v1/status");
  EXPECT_EQ(answer("GET", "/v1/jobs?state=error&all=1"), "/v1/jobs all=1 state=error");
  EXPECT_EQ(answer("GET", "/v1/jobs/0123456789abcdef"), "/v1/jobs/{id} id=0123456789abcdef");
  EXPECT_EQ(answer("PATCH", "/v1/jobs/a1"), "/v1/jobs/{id} id=a1");
  EXPECT_EQ(answer("POST", "/v1/jobs/a1/files/12/verdict"), "/v1/jobs/{id}/files/{index}/verdict id=a1 index=12");
  EXPECT_EQ(answer("GET", "/v1/cache?url=a%26b%3D+c"), "/v1/cache url=a&b=+c");
  EXPECT_EQ(answer("GET", "/v1/jobs?&state=error&"), "/v1/jobs state=error");
  EXPECT_EQ(answer("GET", "/v1/events?after="), "/v1/events after=");
}

TEST(Router, SaysWhatAPathTakes) {
  EXPECT_EQ(answer("DELETE", "/v1/jobs"), "allow GET, HEAD, POST");
  EXPECT_EQ(answer("HEAD", "/v1/reload"), "allow POST");
  EXPECT_EQ(answer("get", "/v1/status"), "allow GET, HEAD");
  EXPECT_EQ(answer("BREW", "/v1/cache/a1"), "allow GET, HEAD, DELETE");
}

TEST(Router, EveryRouteIsFoundByItsOwnPath) {
  std::set<RouteId> ids;
  for (const Route& route : routes()) {
    std::string path(route.path);
    if (const auto id = path.find("{id}"); id != std::string::npos) path.replace(id, 4, "abc123");
    if (const auto index = path.find("{index}"); index != std::string::npos) path.replace(index, 7, "7");
    const auto found = match_route(route.method, path);
    ASSERT_TRUE(found && std::holds_alternative<RouteMatch>(*found)) << path;
    EXPECT_EQ(std::get<RouteMatch>(*found).route, &route);
    EXPECT_TRUE(ids.insert(route.id).second) << path;
  }
}

TEST(Router, RefusesWhatIsNotAPath) {
  const std::string not_found = "error " + std::to_string(static_cast<int>(ErrorCode::not_found));
  for (const char* target :
       {"/", "//", "/v1", "/v1/", "/v1/status/", "/v1//status", "/v2/status", "/v1/jobs/", "/v1/jobs/UPPER",
        "/v1/jobs/..", "/v1/jobs/%41", "/v1/jobs/a/files/x/content", "/v1/jobs/a/files/-1/content",
        "/v1/jobs/a/files/99999999999/content", "/v1/jobs/a/files/1x/content", "/v1/jobs/a/files//content",
        "/v1/jobs/a b", "/v1/jobs/a/unknown", "/metrics/x"})
    EXPECT_EQ(answer("GET", target), not_found) << target;
  EXPECT_EQ(answer("GET", "/v1/jobs/" + std::string(65, 'a')), not_found);
  const std::string invalid = "error " + std::to_string(static_cast<int>(ErrorCode::invalid_argument));
  for (const char* target :
       {"", "v1/status", "*", "http://host/v1/status", "?x", "/v1/status?x=1", "/v1/jobs?all=1&all=1",
        "/v1/jobs?state=%", "/v1/jobs?state=%4", "/v1/jobs?state=%zz", "/v1/jobs?%ff=1"})
    EXPECT_EQ(answer("GET", target), invalid) << target;
}

TEST(PercentDecode, Decodes) {
  EXPECT_EQ(percent_decode("a%20b%2Fc+"), "a b/c+");
  EXPECT_EQ(percent_decode(""), "");
  EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
  EXPECT_EQ(percent_decode("%"), std::nullopt);
  EXPECT_EQ(percent_decode("%1"), std::nullopt);
  EXPECT_EQ(percent_decode("%g0"), std::nullopt);
}

}  // namespace
}  // namespace larder::agent
