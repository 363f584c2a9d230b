// The API as a whole: server, routes, handlers, events. Created by main. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/api/http/api_server.h"
#include "agent/config/config.h"
#include "agent/group_service.h"
#include "agent/jobs/model/job_service.h"
#include "agent/peer_facts.h"
#include "base/runtime/loop.h"
#include "base/runtime/worker_pool.h"

namespace larder::cache {
class Cache;
}

namespace larder::agent {

struct ApiServices {  // all referents outlive the Api
  JobService& jobs;
  cache::Cache& cache;
  WorkerPool& disk;               // reads of contents, parsing of large bodies
  ApiServer::CallerOf caller_of;  // Admins::caller of the present configuration
  std::function<std::shared_ptr<const Config>()> config;
  std::function<void(UniqueFunction<void(Status)>)> reload;  // the same as SIGHUP
  std::string version;
  GroupService* group = nullptr;     // none: this agent has no group functions
  PeerFactsSource* peers = nullptr;  // none: no peer functions
  // For each thread that the watchdog watches: its name, and whether it is stuck. None: not reported.
  std::function<std::vector<std::pair<std::string, bool>>()> threads;
};

struct ApiActivity {  // for an idle agent's decision to end
  std::size_t connections = 0;
  SteadyTime last_request{};  // or the start
};

class Api final {
 public:
  Api(Loop& loop, ServerSettings settings, ApiServices services);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  [[nodiscard]] Status start();  // already_exists: another agent has the socket
  void stop();                   // see ApiServer::stop
  [[nodiscard]] ApiActivity activity() const;
  [[nodiscard]] std::uint16_t http_port() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Socket, mode and port as configured; `socket_mode` was checked with the configuration.
[[nodiscard]] ServerSettings server_settings(const Config& config);

}  // namespace larder::agent
