#include "inbox/admin/admin_routes.h"

#include <gtest/gtest.h>

#include <string>

namespace larder::inbox {
namespace {

struct Good {
  const char* method;
  const char* target;
  AdminRouteId id;
  const char* name;
};

TEST(AdminRoutes, EachPathHasItsHandler) {
  for (const Good& good : {
           Good{"GET", "/v1/uploads", AdminRouteId::uploads, ""},
           Good{"GET", "/v1/uploads?inbox=a&state=accepted&after=x&limit=3", AdminRouteId::uploads, ""},
           Good{"GET", "/v1/uploads/abc234", AdminRouteId::upload, "abc234"},
           Good{"HEAD", "/v1/uploads/abc234/content", AdminRouteId::content, "abc234"},
           Good{"POST", "/v1/inboxes/my-in_box.1/take?lease=5", AdminRouteId::take, "my-in_box.1"},
           Good{"POST", "/v1/uploads/abc/ack", AdminRouteId::ack, "abc"},
           Good{"POST", "/v1/uploads/abc/reject", AdminRouteId::reject, "abc"},
           Good{"POST", "/v1/uploads/abc/renew?attempt=2&lease=9", AdminRouteId::renew, "abc"},
           Good{"GET", "/metrics", AdminRouteId::metrics, ""},
           Good{"GET", "/v1/healthz", AdminRouteId::healthz, ""},
       }) {
    const auto match = match_admin_route(good.method, good.target);
    ASSERT_TRUE(match) << good.target;
    EXPECT_EQ(match->route->id, good.id) << good.target;
    EXPECT_EQ(match->name, good.name) << good.target;
  }
  EXPECT_EQ(match_admin_route("POST", "/v1/inboxes/a/take?lease=5")->asked("lease"), "5");
  EXPECT_EQ(match_admin_route("POST", "/v1/inboxes/a/take")->asked("lease"), std::nullopt);
}

struct Bad {
  const char* method;
  std::string target;
  int status;
  const char* says;
};

TEST(AdminRoutes, EverythingElseIsRefusedInWords) {
  const std::string too_long(65, 'a');
  for (const Bad& bad : {
           Bad{"GET", "/", 404, "no such path"},
           Bad{"GET", "", 404, "no such path"},
           Bad{"GET", "http://x/metrics", 404, "no such path"},
           Bad{"GET", "/v1/uploads/", 404, "no such path"},
           Bad{"GET", "/v1/uploads/a/b/c", 404, "no such path"},
           Bad{"GET", "/v1/uploads/" + too_long, 404, "no such path"},
           Bad{"GET", "/v1/uploads/a%2fb", 404, "no such path"},
           Bad{"GET", "//v1/uploads", 404, "no such path"},
           Bad{"POST", "/v1/uploads", 405, "GET, HEAD"},
           Bad{"GET", "/v1/uploads/a/ack", 405, "POST"},
           Bad{"HEAD", "/v1/inboxes/a/take", 405, "POST"},
           Bad{"GET", "/v1/uploads?all=1", 400, "\"all\" is no parameter"},
           Bad{"GET", "/v1/uploads?limit=1&limit=2", 400, "given twice"},
           Bad{"GET", "/v1/uploads?inbox=a%20b", 400, "needs no escapes"},
           Bad{"GET", "/metrics?x", 400, "\"x\" is no parameter"},
       }) {
    const auto match = match_admin_route(bad.method, bad.target);
    ASSERT_FALSE(match) << bad.target;
    EXPECT_EQ(match.error().status, bad.status) << bad.target;
    EXPECT_NE(match.error().error.text().find(bad.says), std::string::npos) << match.error().error.text();
    EXPECT_EQ(match.error().allow.empty(), bad.status != 405) << bad.target;
  }
}

}  // namespace
}  // namespace larder::inbox
