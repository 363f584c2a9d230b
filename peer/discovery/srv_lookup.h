// Names to addresses: configured "host:port" and a DNS SRV name, on a thread of its own that may be slow, since
// resolvers are. What is still under way at the end is left to itself and answers nobody.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime/clock.h"
#include "base/unique_function.h"
#include "peer/common/endpoint.h"

namespace larder::peer {

struct ResolvedNames {
  std::vector<Endpoint> endpoints;  // at most kMaxEndpoints
  Duration valid{};                 // look again after so long: the SRV records' TTL within bounds
  std::string trouble;              // what could not be resolved and why; empty: nothing
};

class SrvLookup {
 public:
  static constexpr std::size_t kMaxEndpoints = 256;
  static constexpr Duration kLeastValid = std::chrono::seconds(30);
  static constexpr Duration kMostValid = std::chrono::hours(1);
  static constexpr Duration kNamesValid = std::chrono::minutes(5);  // getaddrinfo() does not tell a TTL

  explicit SrvLookup(Executor& executor);
  ~SrvLookup();
  SrvLookup(const SrvLookup&) = delete;
  SrvLookup& operator=(const SrvLookup&) = delete;

  // `done` on the loop thread. One at a time: false while one is under way.
  bool start(std::vector<std::string> addresses, std::string srv, UniqueFunction<void(ResolvedNames)> done);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

// Blocks. Addresses in numbers need no resolver.
[[nodiscard]] ResolvedNames resolve_names(const std::vector<std::string>& addresses, const std::string& srv);

}  // namespace larder::peer
