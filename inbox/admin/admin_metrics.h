// The text of GET /metrics. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "inbox/front/inbox_server.h"
#include "inbox/ledger/ledger.h"

namespace larder::inbox {

struct AdminFigures {
  FrontFigures front;
  std::uint64_t received = 0;                     // bytes of bodies, since the start
  std::map<std::string, std::size_t> deliveries;  // under way, by inbox that hands over by itself
};

[[nodiscard]] std::string render_admin_metrics(const AdminFigures& figures, const LedgerTotals& totals);

}  // namespace larder::inbox
