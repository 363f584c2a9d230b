#include "peer/names/system_names.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace larder::peer {

Result<std::vector<Endpoint>> ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* first = nullptr;
  if (const int code = getaddrinfo(host.c_str(), nullptr, &hints, &first); code != 0) {
    return fail(code == EAI_NONAME || code == EAI_NODATA ? ErrorCode::not_found : ErrorCode::name_not_resolved,
                "look up a name", gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(first, &freeaddrinfo);
  std::vector<Endpoint> endpoints;
  for (const addrinfo* each = first; each != nullptr; each = each->ai_next) {
    const auto endpoint = from_sockaddr(*each->ai_addr);
    if (endpoint && std::find(endpoints.begin(), endpoints.end(), *endpoint) == endpoints.end()) {
      endpoints.push_back(*endpoint);
    }
  }
  return endpoints;
}

// What threads share with their owner, and what outlives it.
struct SystemNames::Shared {
  std::mutex mutex;
  Executor* executor = nullptr;  // null: the owner is gone, and its loop may be
};

SystemNames::SystemNames(Executor& executor, Resolver resolver)
    : resolver_(std::move(resolver)), shared_(std::make_shared<Shared>()) {
  shared_->executor = &executor;
}

SystemNames::~SystemNames() {
  const std::lock_guard lock(shared_->mutex);
  shared_->executor = nullptr;
}

void SystemNames::ask(std::string host, Answered answered) {
  waiting_.push_back({std::move(host), std::move(answered)});
  start_waiting();
}

void SystemNames::give_up() {
  waiting_.clear();
  asked_.clear();
}

void SystemNames::start_waiting() {
  while (!waiting_.empty()) {
    const std::uint64_t question = ++last_question_;
    auto tell = alive_.guard(
        [this, question](Result<std::vector<Endpoint>> answer) { on_answer(question, std::move(answer)); });
    const bool started =
        calls_.start([shared = shared_, resolver = resolver_, host = waiting_.front().host, tell = std::move(tell)] {
          return Task([shared, tell, answer = resolver(host)]() mutable {
            const std::lock_guard lock(shared->mutex);
            if (shared->executor == nullptr) return;
            shared->executor->post(
                [tell = std::move(tell), answer = std::move(answer)]() mutable { tell(std::move(answer)); });
          });
        });
    if (!started) return;  // until a thread has ended
    asked_.emplace(question, std::move(waiting_.front().answered));
    waiting_.pop_front();
  }
}

void SystemNames::on_answer(std::uint64_t question, Result<std::vector<Endpoint>> answer) {
  auto found = asked_.extract(question);
  start_waiting();
  if (found) found.mapped()(std::move(answer));  // may end this object
}

}  // namespace larder::peer
