#include "inbox/admin/admin_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::inbox {
namespace {

using testing::HasSubstr;

TEST(AdminMetrics, EveryFigureHasItsLine) {
  AdminFigures figures;
  figures.front.server.connections = 3;
  figures.front.server.refused = 4;
  figures.front.statuses[404] = 5;
  figures.front.answers[{Dialect::tus, 204}] = 6;
  figures.received = 7;
  figures.deliveries["builds"] = 8;
  LedgerTotals totals;
  totals.by_state[static_cast<std::size_t>(UploadState::delivering)] = 9;
  totals.reserved = 10;
  const std::string page = render_admin_metrics(figures, totals);
  for (const char* line :
       {"larder_inbox_connections 3\n", "larder_inbox_refused_connections_total 4\n",
        "larder_inbox_responses_total{code=\"404\"} 5\n",
        "larder_inbox_answers_total{dialect=\"tus\",code=\"204\"} 6\n", "larder_inbox_received_bytes_total 7\n",
        "larder_inbox_deliveries_under_way{inbox=\"builds\"} 8\n", "larder_inbox_uploads{state=\"delivering\"} 9\n",
        "larder_inbox_uploads{state=\"expired\"} 0\n", "larder_inbox_reserved_bytes 10\n"})
    EXPECT_THAT(page, HasSubstr(line));
}

}  // namespace
}  // namespace larder::inbox
