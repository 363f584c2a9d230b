// Resolves the addresses of other agents that the configuration names: "host:port", and a DNS name with SRV records.
// What stands there in numbers needs no server; other hosts are resolved as the system resolves them (SystemNames); the
// SRV records and the hosts that they name come from the name servers (DnsChannel). Loop thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime/loop.h"
#include "base/unique_function.h"
#include "peer/common/endpoint.h"
#include "peer/names/srv_answer.h"
#include "peer/names/system_names.h"

namespace larder::peer {

class DnsChannel;

struct ResolvedNames {
  std::vector<Endpoint> endpoints;  // each once; at most kMaxEndpoints: configured ones, then SRV's by priority
  Duration valid{};                 // time to the next look-up: the SRV records' TTL within bounds
  std::string trouble;              // which names could not be resolved and why; empty: all were
};

struct SrvLookupSettings {
  std::string servers;  // name servers for SRV, as in DnsChannel::open(); empty: the system's
  SystemNames::Resolver resolver = ask_system;
  Duration patience = std::chrono::seconds(30);  // for all names together
};

class SrvLookup {
 public:
  static constexpr std::size_t kMaxEndpoints = 256;
  static constexpr std::size_t kTargetsAtOnce = 16;  // hosts of SRV records that are asked for at one time
  static constexpr Duration kLeastValid = std::chrono::seconds(30);
  static constexpr Duration kMostValid = std::chrono::hours(1);
  static constexpr Duration kNamesValid = std::chrono::minutes(5);  // getaddrinfo() does not return a TTL

  explicit SrvLookup(Loop& loop, SrvLookupSettings settings = {});
  ~SrvLookup();  // waits for no resolver; `done` is not called after it
  SrvLookup(const SrvLookup&) = delete;
  SrvLookup& operator=(const SrvLookup&) = delete;

  // Starts a look-up, and gives up one in flight: its `done` is not called. `done` is called once, never within the
  // call, after settings.patience at the latest, and may destroy this object. A name of which nothing was heard keeps
  // the endpoints of the look-up before; one that does not exist has none.
  void start(const std::vector<std::string>& addresses, const std::string& srv,
             UniqueFunction<void(ResolvedNames)> done);
  void give_up();  // the look-up in flight; its `done` is not called

 private:
  using Hosts = std::map<std::string, std::vector<Endpoint>>;  // with port 0
  struct Run;
  void ask_hosts();
  void ask_srv(const std::string& name);
  void ask_targets();
  void on_srv(Result<SrvAnswer> answer);
  void end_question();
  void finish();

  Loop& loop_;
  const SrvLookupSettings settings_;
  std::unique_ptr<Run> run_;  // null: no look-up in flight
  // Of the look-up before.
  Hosts known_hosts_, known_targets_;
  std::vector<SrvRecord> known_records_;
  std::size_t look_ups_ = 0;
  TimerId timer_ = 0;
  SystemNames system_;
  std::unique_ptr<DnsChannel> channel_;
};

// The addresses in numbers among these, each once.
[[nodiscard]] std::vector<Endpoint> endpoints_in_numbers(const std::vector<std::string>& addresses);

}  // namespace larder::peer
