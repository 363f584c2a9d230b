// Resolves configured names as the system does: getaddrinfo(), which asks the hosts file, DNS with the search list, and
// whatever /etc/nsswitch.conf names beside (mDNS, LDAP). It blocks and cannot be ended, so it runs on at most kAtOnce
// threads of SlowCalls; further names wait in a queue. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/slow_calls.h"
#include "base/unique_function.h"
#include "peer/common/endpoint.h"

namespace larder::peer {

// Blocks; any thread. The endpoints have port 0. Errors: not_found (there is no such name, or it has no address),
// name_not_resolved (no server answers).
[[nodiscard]] Result<std::vector<Endpoint>> ask_system(const std::string& host);

class SystemNames {
 public:
  static constexpr std::size_t kAtOnce = 8;
  using Resolver = std::function<Result<std::vector<Endpoint>>(const std::string& host)>;  // called on other threads
  using Answered = UniqueFunction<void(Result<std::vector<Endpoint>>)>;

  explicit SystemNames(Executor& executor, Resolver resolver = ask_system);
  ~SystemNames();  // waits for no resolver
  SystemNames(const SystemNames&) = delete;
  SystemNames& operator=(const SystemNames&) = delete;

  // `answered` is called once, never within the call, unless give_up() comes first or this object ends.
  void ask(std::string host, Answered answered);
  // Drops all questions. A thread whose resolver still works keeps its place, and its answer is not told.
  void give_up();

 private:
  struct Shared;
  struct Waiting {
    std::string host;
    Answered answered;
  };
  void start_waiting();
  void on_answer(std::uint64_t question, Result<std::vector<Endpoint>> answer);

  const Resolver resolver_;
  SlowCalls calls_{kAtOnce};
  std::deque<Waiting> waiting_;
  std::map<std::uint64_t, Answered> asked_;
  std::uint64_t last_question_ = 0;
  const std::shared_ptr<Shared> shared_;
  Alive alive_;
};

}  // namespace larder::peer
