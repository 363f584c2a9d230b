// Finds out whether a name that did not resolve does not exist, or the name servers did not answer. libcurl has one
// error for both. The resolver is asked once more, on a thread of its own for each name (SlowCalls): getaddrinfo() asks
// all that libcurl asked, and cannot be ended. The exchange that waits gets its error after kPatience at the latest.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/slow_calls.h"
#include "origin/http/http_client.h"

namespace larder::origin {

enum class NameFact { exists, unknown, absent };
// Asks the resolver, blocking. Returns absent only if the name certainly does not exist or has no address (names in
// .invalid always), unknown if no name server answered.
[[nodiscard]] NameFact ask_resolver(const std::string& name);
// Returns the final error of an exchange whose name did not resolve: `status` itself (name_not_resolved) if the name is
// absent, otherwise network_unreachable, also if the name resolves by now.
[[nodiscard]] Status told_of_name(Status status, const std::string& name, NameFact fact);

// Used on one thread. `wake` is called on any thread when an answer is there to take_answered(), under a lock: it must
// not call back.
class NameChecks {
 public:
  // Look-ups in flight; beyond it, and beyond the bound that SlowCalls has for the process, a name is unknown at once.
  static constexpr std::size_t kMost = 16;
  static constexpr Duration kPatience = std::chrono::seconds(5);
  using Resolver = std::function<NameFact(const std::string&)>;

  explicit NameChecks(std::function<void()> wake, Resolver resolver = ask_resolver);
  ~NameChecks();  // does not wait for look-ups in flight; `wake` is not called after it
  NameChecks(const NameChecks&) = delete;
  NameChecks& operator=(const NameChecks&) = delete;

  struct Answered {
    HttpId id = 0;
    Status status;
  };
  void check_name(HttpId id, std::string name, Status status, SteadyTime now);
  void cancel(HttpId id) { waiting_.erase(id); }
  // Returns and removes the exchanges whose name is answered, or that have waited for kPatience.
  [[nodiscard]] std::vector<Answered> take_answered(SteadyTime now);
  [[nodiscard]] SteadyTime next() const;  // the earliest deadline; max: none waits

 private:
  struct Waiting {
    std::string name;
    Status status;
    SteadyTime until;
  };
  struct Answers;
  std::map<HttpId, Waiting> waiting_;
  const Resolver resolver_;
  SlowCalls calls_{kMost};
  const std::shared_ptr<Answers> answers_;
};

}  // namespace larder::origin
