#include "origin/http/name_checks.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace larder::origin {

NameFact ask_resolver(const std::string& name) {
  // Never exists, and is not looked up (RFC 6761, 6.4).
  if (name.ends_with(".invalid") || name.ends_with(".invalid.")) return NameFact::absent;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (code == 0) {
    ::freeaddrinfo(found);
    return NameFact::exists;
  }
  // EAI_NONAME: no such name; EAI_NODATA: it has no address. No answer (EAI_AGAIN) and an error as the answer
  // (EAI_FAIL) leave it unknown.
  return code == EAI_NONAME || code == EAI_NODATA ? NameFact::absent : NameFact::unknown;
}

Status told_of_name(Status status, const std::string& name, NameFact fact) {
  if (status || fact == NameFact::absent) return status;
  Error error = status.error();
  error.code = ErrorCode::network_unreachable;
  error.detail =
      fact == NameFact::exists
          ? fmt::format("the name {} could not be looked up just now", name)
          : fmt::format("the name {} cannot be looked up now: no name server gives an answer; check the network", name);
  return tl::unexpected(std::move(error));
}

struct NameChecks::Answers {
  std::mutex mutex;
  std::function<void()> wake;  // empty: the NameChecks is gone
  std::vector<std::pair<HttpId, NameFact>> come;

  void put(HttpId id, NameFact fact) {
    const std::lock_guard lock(mutex);
    come.emplace_back(id, fact);
    if (wake) wake();
  }
};

NameChecks::NameChecks(std::function<void()> wake, Resolver resolver)
    : resolver_(std::move(resolver)), answers_(std::make_shared<Answers>()) {
  answers_->wake = std::move(wake);
}

NameChecks::~NameChecks() {
  const std::lock_guard lock(answers_->mutex);
  answers_->wake = nullptr;
}

void NameChecks::check_name(HttpId id, std::string name, Status status, SteadyTime now) {
  waiting_.insert_or_assign(id, Waiting{name, std::move(status), now + kPatience});
  const bool asked = calls_.start([answers = answers_, resolver = resolver_, id, name = std::move(name)] {
    return Task([answers, id, fact = resolver(name)] { answers->put(id, fact); });
  });
  if (!asked) waiting_.at(id).until = now;
}

std::vector<NameChecks::Answered> NameChecks::take_answered(SteadyTime now) {
  std::vector<std::pair<HttpId, NameFact>> come;
  {
    const std::lock_guard lock(answers_->mutex);
    come.swap(answers_->come);
  }
  for (const auto& [id, waiting] : waiting_) {
    if (now >= waiting.until) come.emplace_back(id, NameFact::unknown);
  }
  std::vector<Answered> told;
  for (const auto& [id, fact] : come) {
    auto found = waiting_.extract(id);
    if (found.empty()) continue;
    Waiting& waiting = found.mapped();
    told.push_back({id, told_of_name(std::move(waiting.status), waiting.name, fact)});
  }
  return told;
}

SteadyTime NameChecks::next() const {
  SteadyTime next = SteadyTime::max();
  for (const auto& [id, waiting] : waiting_) next = std::min(next, waiting.until);
  return next;
}

}  // namespace larder::origin
