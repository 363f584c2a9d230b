// GET /metrics: the figures of the agent in the Prometheus text format 0.0.4. Pure but for process_memory().
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/api/http/api_server.h"
#include "agent/jobs/model/job_service.h"
#include "cache/cache_figures.h"
#include "cache/record/record.h"

namespace larder::agent {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

struct MetricsFacts {
  Totals totals;
  cache::CacheFigures cache;
  ServerFigures server;
  std::string version;
  Duration uptime{};
  std::uint64_t resident_bytes = 0;
  std::uint64_t refused_fetches = 0;
  // Of sharing (agent/peer_facts.h); all zero without a group.
  std::size_t peers_around = 0, unreached_catalogues = 0, unreached_swarms = 0, unreached_by = 0, not_listened = 0;
  bool copied = false;
  std::vector<std::pair<std::string, bool>> threads;  // of the watchdog: name, and whether it is stuck
};

struct SharingFacts;
void add_sharing(const SharingFacts& sharing, MetricsFacts& facts);
[[nodiscard]] std::string render_metrics(const MetricsFacts& facts);
// Returns the resident memory of this process; 0 if the system does not report it.
[[nodiscard]] std::uint64_t process_memory();

}  // namespace larder::agent
