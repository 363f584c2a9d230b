#include "inbox/admin/admin_metrics.h"

#include "base/text/metrics_page.h"
#include "inbox/model/dialect_names.h"

namespace larder::inbox {
namespace {

void add_uploads(MetricsPage& page, const LedgerTotals& totals) {
  page.family("larder_inbox_uploads", "gauge", "Uploads that the ledger knows, by state.");
  for (std::size_t i = 0; i < totals.by_state.size(); ++i)
    page.sample("state", state_name(static_cast<UploadState>(i)), totals.by_state[i]);
  page.family("larder_inbox_reserved_bytes", "gauge",
              "Bytes that began uploads still miss, as far as their sizes are known.");
  page.sample(totals.reserved);
}

void add_answers(MetricsPage& page, const FrontFigures& front) {
  page.family("larder_inbox_answers_total", "counter",
              "Answers to requests of clients, by dialect and status. Without those that were refused unread.");
  for (const auto& [key, count] : front.answers) {
    const std::string status = std::to_string(key.second);
    page.sample({{"dialect", dialect_name(key.first)}, {"code", status}}, count);
  }
  page.family("larder_inbox_responses_total", "counter", "All answers to clients, by status.");
  for (const auto& [status, count] : front.statuses) page.sample("code", std::to_string(status), count);
  page.family("larder_inbox_connections", "gauge", "Open connections of clients.");
  page.sample(front.server.connections);
  page.family("larder_inbox_refused_connections_total", "counter", "Connections refused because there were too many.");
  page.sample(front.server.refused);
}

}  // namespace

std::string render_admin_metrics(const AdminFigures& figures, const LedgerTotals& totals) {
  MetricsPage page;
  add_uploads(page, totals);
  page.family("larder_inbox_received_bytes_total", "counter", "Bytes of the bodies of clients' requests.");
  page.sample(figures.received);
  add_answers(page, figures.front);
  page.family(
      "larder_inbox_deliveries_under_way", "gauge",
      "Uploads that an application is being told of, by inbox; of inboxes with `take` see the state delivering.");
  for (const auto& [inbox, count] : figures.deliveries) page.sample("inbox", inbox, count);
  return page.take();
}

}  // namespace larder::inbox
