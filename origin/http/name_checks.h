// Whether a name that could not be resolved does not exist, or only nobody could say so now. libcurl tells both alike;
// the resolver is asked once more, on a thread of its own, and what waits for it is told after kPatience at the latest.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/clock.h"
#include "origin/http/http_client.h"

namespace larder::origin {

// What the resolver says of a name, blocking: absent for one that exists, or of which nothing certain is known.
enum class NameFact { exists, unknown, absent };
[[nodiscard]] NameFact ask_resolver(const std::string& name);
// The error of an exchange as it is told with that: a name that does not exist is name_not_resolved, one that nobody
// could be asked about network_unreachable.
[[nodiscard]] Status told_of_name(Status status, const std::string& name, NameFact fact);

// Used on one thread; `wake` is called on any.
class NameChecks {
 public:
  static constexpr std::size_t kMost = 16;  // names that are asked for at once; more are told as not known for certain
  static constexpr Duration kPatience = std::chrono::seconds(5);
  using Resolver = std::function<NameFact(const std::string&)>;

  explicit NameChecks(std::function<void()> wake, Resolver resolver = ask_resolver);
  ~NameChecks();  // waits for nobody
  NameChecks(const NameChecks&) = delete;
  NameChecks& operator=(const NameChecks&) = delete;

  struct Told {
    HttpId id = 0;
    Status status;
  };
  void ask(HttpId id, std::string name, Status status, SteadyTime now);
  void cancel(HttpId id) { waiting_.erase(id); }
  // Those that are answered, or waited long enough.
  [[nodiscard]] std::vector<Told> take(SteadyTime now);
  [[nodiscard]] SteadyTime next() const;  // the latest word on one; max: none waits

 private:
  struct Waiting {
    std::string name;
    Status status;
    SteadyTime until;
  };
  struct Answers;
  std::map<HttpId, Waiting> waiting_;
  const Resolver resolver_;
  const std::shared_ptr<Answers> answers_;
};

}  // namespace larder::origin
