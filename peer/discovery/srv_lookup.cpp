#include "peer/discovery/srv_lookup.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/text/host_port.h"
#include "peer/discovery/srv_answer.h"
#include "peer/discovery/udp_socket.h"

namespace larder::peer {
namespace {

constexpr std::size_t kMaxAnswer = 65535;
constexpr int kSecondsPerTry = 2;
constexpr int kTries = 2;

void add_trouble(ResolvedNames& names, const std::string& what, const std::string& why) {
  if (names.trouble.size() > 500) return;
  names.trouble += (names.trouble.empty() ? "" : "; ") + what + ": " + why;
}

void resolve_host(const HostPort& host, ResolvedNames& names) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  if (is_numeric_address(host.host)) hints.ai_flags = AI_NUMERICHOST;
  addrinfo* first = nullptr;
  if (const int error = getaddrinfo(host.host.c_str(), nullptr, &hints, &first); error != 0) {
    return add_trouble(names, host.host, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(first, &freeaddrinfo);
  for (const addrinfo* each = first; each != nullptr; each = each->ai_next) {
    const auto endpoint = from_sockaddr(*each->ai_addr);
    if (!endpoint || names.endpoints.size() >= SrvLookup::kMaxEndpoints) continue;
    const Endpoint full = endpoint->with_port(host.port);
    if (std::find(names.endpoints.begin(), names.endpoints.end(), full) == names.endpoints.end()) {
      names.endpoints.push_back(full);
    }
  }
}

Result<SrvAnswer> ask_srv(const std::string& name) {
  struct __res_state state {};
  if (res_ninit(&state) != 0) {
    return fail(ErrorCode::name_not_resolved, "look up SRV records", "there is no resolver configuration");
  }
  state.retrans = kSecondsPerTry;
  state.retry = kTries;
  std::vector<std::byte> answer(kMaxAnswer);
  const int size = res_nquery(&state, name.c_str(), ns_c_in, ns_t_srv, reinterpret_cast<unsigned char*>(answer.data()),
                              static_cast<int>(answer.size()));
  const int reason = state.res_h_errno;
  res_nclose(&state);
  if (size < 0) {
    return fail(reason == HOST_NOT_FOUND || reason == NO_DATA ? ErrorCode::not_found : ErrorCode::name_not_resolved,
                "look up SRV records", hstrerror(reason));
  }
  return parse_srv_answer(Bytes(answer).first(std::min(static_cast<std::size_t>(size), answer.size())));
}

}  // namespace

ResolvedNames resolve_names(const std::vector<std::string>& addresses, const std::string& srv) {
  ResolvedNames names;
  names.valid = SrvLookup::kNamesValid;
  for (const std::string& address : addresses) {
    if (const auto host = parse_host_port(address)) resolve_host(*host, names);
  }
  if (!srv.empty()) {
    const auto answer = ask_srv(srv);
    if (!answer) {
      add_trouble(names, srv, answer.error().detail);
    } else {
      names.valid = std::clamp<Duration>(answer->ttl, SrvLookup::kLeastValid, SrvLookup::kMostValid);
      for (const SrvRecord& record : answer->records) resolve_host({record.target, record.port}, names);
      if (answer->records.empty()) add_trouble(names, srv, "it has no SRV records");
    }
  }
  if (!names.trouble.empty()) names.valid = SrvLookup::kLeastValid;
  return names;
}

// The state that the thread shares with its owner, and that outlives it.
struct SrvLookup::Shared {
  std::mutex mutex;
  Executor* executor = nullptr;  // null: the owner is gone
  bool under_way = false;        // loop thread only
};

SrvLookup::SrvLookup(Executor& executor) : shared_(std::make_shared<Shared>()) {
  shared_->executor = &executor;
}

SrvLookup::~SrvLookup() {
  const std::lock_guard lock(shared_->mutex);
  shared_->executor = nullptr;
}

bool SrvLookup::start(std::vector<std::string> addresses, std::string srv, UniqueFunction<void(ResolvedNames)> done) {
  if (shared_->under_way) return false;
  shared_->under_way = true;
  auto work = [shared = shared_, addresses = std::move(addresses), srv = std::move(srv),
               done = std::make_shared<UniqueFunction<void(ResolvedNames)>>(std::move(done))]() mutable {
    ResolvedNames names = resolve_names(addresses, srv);
    const std::lock_guard lock(shared->mutex);
    // The callback is moved along, so that it is destroyed on the loop thread too.
    if (shared->executor == nullptr) return;
    shared->executor->post([shared, done = std::move(done), names = std::move(names)]() mutable {
      shared->under_way = false;
      const bool wanted = [&] {
        const std::lock_guard again(shared->mutex);
        return shared->executor != nullptr;
      }();
      if (wanted) (*done)(std::move(names));
    });
  };
  try {
    // Not joined: a resolver may take many seconds, and the end of the program does not wait for it.
    std::thread(std::move(work)).detach();
  } catch (const std::system_error&) {
    shared_->under_way = false;
    return false;
  }
  return true;
}

}  // namespace larder::peer
