// Resolves names to addresses: configured "host:port" and a DNS SRV name. Each look-up has a thread of its own, since
// resolvers may be slow. A look-up in flight at the destructor is not waited for, and its `done` is not called.
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
  Duration valid{};                 // time to the next look-up: the SRV records' TTL within bounds
  std::string trouble;              // which names could not be resolved and why; empty: all were
};

class SrvLookup {
 public:
  static constexpr std::size_t kMaxEndpoints = 256;
  static constexpr Duration kLeastValid = std::chrono::seconds(30);
  static constexpr Duration kMostValid = std::chrono::hours(1);
  static constexpr Duration kNamesValid = std::chrono::minutes(5);  // getaddrinfo() does not return a TTL

  explicit SrvLookup(Executor& executor);
  ~SrvLookup();
  SrvLookup(const SrvLookup&) = delete;
  SrvLookup& operator=(const SrvLookup&) = delete;

  // Starts a look-up; `done` is called on the loop thread. False, and `done` is not called: one is in flight already,
  // or no thread could be started.
  bool start(std::vector<std::string> addresses, std::string srv, UniqueFunction<void(ResolvedNames)> done);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

// Resolves in the calling thread; blocks. Numeric addresses need no resolver.
[[nodiscard]] ResolvedNames resolve_names(const std::vector<std::string>& addresses, const std::string& srv);

}  // namespace larder::peer
