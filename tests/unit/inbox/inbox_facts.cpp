// What larder-inbox knows of its own API, as JSON, for inbox_document_test.py: the route table, views with every member
// set and with none, and request bodies that their own parser takes.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error_table.h"
#include "inbox/admin/admin_json.h"
#include "inbox/admin/admin_routes.h"

namespace larder::inbox {
namespace {

using nlohmann::ordered_json;

UploadRow whole_row() {
  UploadRow row;
  row.id = "a";
  row.inbox = row.principal = row.key = row.name = row.metadata = row.url = "x";
  row.size = 1;
  row.computed = Digest{};
  row.state = UploadState::receiving;  // so that it has the time of its expiry
  row.settled_at = WallTime{};
  row.answer = StoredAnswer{};
  row.delivery.emplace();
  row.delivery->next_at = row.delivery->lease_until = WallTime{};
  row.delivery->holder = row.delivery->result = "x";
  return row;
}

ordered_json routes() {
  ordered_json all = ordered_json::array();
  for (const AdminRoute& route : admin_routes())
    all.push_back({{"method", route.method},
                   {"path", route.path},
                   {"query", route.query},
                   {"admin", false},
                   {"loopback", false}});
  return all;
}

ordered_json states() {
  ordered_json all = ordered_json::array();
  for (std::size_t i = 0; i < kUploadStateCount; ++i) all.push_back(state_name(static_cast<UploadState>(i)));
  return all;
}

ordered_json views(const UploadRow& row, const std::string& next) {
  const auto error = error_answer({ErrorCode::busy, "do it", "later", std::nullopt});
  return {{"Upload", ordered_json::parse(upload_json(row))},
          {"Uploads", ordered_json::parse(uploads_json({row}, next))},
          {"ErrorBody", ordered_json::parse(error.body)}};
}

// A body that its own parser takes.
ordered_json body(const char* member) {
  const ordered_json json = {{member, "x"}};
  return parse_said(json.dump(), member, true) ? json : ordered_json();
}

}  // namespace
}  // namespace larder::inbox

int main() {
  using namespace larder::inbox;
  nlohmann::ordered_json facts;
  facts["routes"] = routes();
  facts["states"] = states();
  for (const larder::ErrorInfo& info : larder::error_table()) facts["codes"].push_back(info.name);
  facts["views"] = views(whole_row(), "a");
  facts["bare_views"] = views(UploadRow{}, "");
  facts["bodies"] = {{"Acknowledgement", body("result")}, {"Rejection", body("reason")}};
  return std::puts(facts.dump().c_str()) < 0 ? 1 : 0;
}
