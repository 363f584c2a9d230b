#include "agent/api/handlers/metrics.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "agent/peer_facts.h"
#include "base/text/metrics_page.h"

namespace larder::agent {
namespace {

void add_jobs(MetricsPage& page, const Totals& totals) {
  page.family("larder_bytes_total", "counter",
              "Bytes of files by where they came from; wasted: fetched and thrown away.");
  page.sample("source", "origin", totals.bytes.origin);
  page.sample("source", "peers", totals.bytes.peers);
  page.sample("source", "cache", totals.bytes.cache);
  page.sample("source", "wasted", totals.bytes.wasted);
  page.family("larder_files_total", "counter", "Files by how they ended.");
  page.sample("result", "transferred", totals.files_transferred);
  page.sample("result", "failed", totals.files_failed);
  page.family("larder_cache_hits_total", "counter", "Files answered from the cache.");
  page.sample(totals.cache_hits);
  page.family("larder_verdicts_not_valid_total", "counter", "Files judged not valid.");
  page.sample(totals.verdicts_not_valid);
  page.family("larder_jobs", "gauge", "Jobs by state.");
  static constexpr std::array kStates = {JobState::suspended,       JobState::queued,     JobState::connecting,
                                         JobState::transferring,    JobState::validating, JobState::transferred,
                                         JobState::transient_error, JobState::error};
  for (const JobState state : kStates) {
    const auto found = totals.jobs.find(state);
    page.sample("state", job_state_name(state), found == totals.jobs.end() ? 0 : found->second);
  }
  page.family("larder_transfers_active", "gauge", "Transfers under way.");
  page.sample(totals.active_transfers);
}

void add_cache(MetricsPage& page, const cache::CacheFigures& cache) {
  page.family("larder_cache_bytes", "gauge", "Bytes that the cache holds, partial contents included.");
  page.sample(cache.bytes);
  page.family("larder_cache_records", "gauge", "Records in the cache.");
  page.sample(cache.records);
  page.family("larder_cache_max_bytes", "gauge", "The most that the cache may hold.");
  page.sample(cache.max_size);
  page.family("larder_cache_available_bytes", "gauge", "Bytes free on the cache's file system.");
  page.sample(cache.available);
  page.family("larder_cache_evicted_total", "counter", "Records evicted since the start.");
  page.sample(cache.evicted);
  page.family("larder_cache_damaged_total", "counter",
              "Records dropped since the start because their file was damaged.");
  page.sample(cache.dropped_damaged);
}

void add_server(MetricsPage& page, const ServerFigures& server) {
  page.family("larder_api_requests_total", "counter", "Requests to the API by status.");
  for (const auto& [status, count] : server.answers) page.sample("code", std::to_string(status), count);
  page.family("larder_api_connections", "gauge", "Open connections to the API.");
  page.sample(server.connections);
  page.family("larder_api_refused_total", "counter", "Connections refused because there were too many.");
  page.sample(server.refused);
}

void add_reach(MetricsPage& page, const MetricsFacts& facts) {
  page.family("larder_peers", "gauge", "Agents of the group that are around.");
  page.sample(facts.peers_around);
  page.family("larder_peers_unreachable", "gauge", "Agents around of which a port does not answer this one.");
  page.sample("port", "catalogue", facts.unreached_catalogues);
  page.sample("port", "swarm", facts.unreached_swarms);
  page.family("larder_unreached_by_peers", "gauge", "Agents that say that a port of this one does not answer them.");
  page.sample(facts.unreached_by);
  page.family("larder_swarm_not_listening", "gauge",
              "Addresses of this machine at which the swarm should take connections and does not.");
  page.sample(facts.not_listened);
  page.family("larder_identity_copied", "gauge", "1 where another machine runs with this agent's identity.");
  page.sample(facts.copied ? 1 : 0);
}

}  // namespace

void add_sharing(const SharingFacts& sharing, MetricsFacts& facts) {
  facts.refused_fetches = sharing.refused_fetches;
  facts.peers_around = static_cast<std::size_t>(std::count_if(
      sharing.peers.begin(), sharing.peers.end(), [](const PeerFact& peer) { return peer.last_heard.has_value(); }));
  facts.unreached_catalogues = sharing.unreached_catalogues;
  facts.unreached_swarms = sharing.unreached_swarms;
  facts.unreached_by = sharing.unreached_by;
  facts.not_listened = sharing.not_listened;
  facts.copied = !sharing.copied.empty();
}

std::string render_metrics(const MetricsFacts& facts) {
  MetricsPage page;
  page.family("larder_build_info", "gauge", "1, with the version of the agent.");
  page.sample("version", facts.version, 1);
  add_jobs(page, facts.totals);
  add_cache(page, facts.cache);
  add_server(page, facts.server);
  page.family("larder_uptime_seconds", "gauge", "Time since the start.");
  page.sample(std::chrono::duration<double>(facts.uptime).count());
  page.family("larder_peer_refused_fetches_total", "counter",
              "Windows that were not fetched from neighbours because too many fetches were under way.");
  page.sample(facts.refused_fetches);
  add_reach(page, facts);
  page.family("larder_thread_standstill", "gauge", "1 where a thread has not answered the watchdog within its bound.");
  for (const auto& [name, stands] : facts.threads) page.sample("thread", name, stands ? 1 : 0);
  page.family("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
  page.sample(facts.resident_bytes);
  return page.take();
}

std::uint64_t process_memory() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace larder::agent
