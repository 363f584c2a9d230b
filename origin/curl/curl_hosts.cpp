// CurlWorker: refusals by hosts, names that do not resolve, and changes of the network.
#include <algorithm>

#include "origin/curl/curl_worker.h"
#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

constexpr unsigned kMostAgain = 4;                            // repeats of a refused request that its caller never sees
constexpr Duration kLongestAgain = std::chrono::seconds(15);  // since its first attempt, within which it is repeated
constexpr Duration kLately = std::chrono::seconds(10);

SteadyTime steady_now() {
  return std::chrono::steady_clock::now();
}

bool is_refusal(int status) {
  return status == 429 || status == 503;
}

}  // namespace

// A refusal while other requests of this machine are in flight, or were served shortly before, is about their number or
// rate: the request waits for a place at the host and is repeated (returns true). A refusal of a lone request, or one
// repeated although others were served meanwhile, is about this request: its caller gets it.
bool CurlWorker::head_came(CurlExchange& exchange, const HttpHead& head) {
  const std::string& host = exchange.host_key();
  const SteadyTime now = steady_now();
  if (!is_refusal(head.status)) {
    if (head.status < 400) lanes_.served(host, now);
    return false;
  }
  HostLanes::Refusal refusal;
  refusal.active = places_.places_of_host(host);
  refusal.served = static_cast<std::size_t>(std::count_if(active_.begin(), active_.end(), [&host](const auto& entry) {
    return entry.second.exchange->host_key() == host && entry.second.exchange->served();
  }));
  refusal.begun_at = exchange.begun_at();
  const std::string* retry_after = head.find_field("retry-after");
  if (retry_after != nullptr) refusal.retry_after = parse_retry_after(*retry_after, std::chrono::system_clock::now());
  const bool first = exchange.asked_again() == 0;
  if (!first && lanes_.served_since(host, exchange.refused_at())) return false;
  if (refusal.served > 0) exchange.note_others_served();
  const bool works = exchange.others_served() || lanes_.served_since(host, exchange.first_begun_at());
  const bool crowded = refusal.active > 1 || lanes_.narrowed_since(host, exchange.begun_at()) ||
                       lanes_.served_since(host, now - kLately);
  const bool soon = !refusal.retry_after || *refusal.retry_after <= HostLanes::kLongestPause;
  const bool again = crowded && soon && (first || works) && exchange.asked_again() < kMostAgain &&
                     now - exchange.first_begun_at() < kLongestAgain;
  if (first || again) lanes_.on_refused(host, refusal, now);
  return again;
}

void CurlWorker::ask_again_later(HttpId id) {
  auto exchange = take_out(id);
  exchange->ask_again();
  waiting_.items().push_front(std::move(exchange));  // it has waited longest
  begin_waiting();
}

// Returns when a waiting request may get a place by time alone; max: places come only from requests that end.
SteadyTime CurlWorker::next_place(SteadyTime now) const {
  SteadyTime next = SteadyTime::max();
  if (lanes_.remembered() == 0) return next;
  for (const Waiting& exchange : waiting_.items()) {
    const SteadyTime at = lanes_.next_change(exchange->host_key());
    if (at > now) next = std::min(next, at);
  }
  return next;
}

void CurlWorker::tell_of_names() {
  for (NameChecks::Told& told : names_.take(steady_now())) events_.push_back({told.id, std::move(told.status)});
}

void CurlWorker::network_changed() {
  command([](CurlWorker& worker) { worker.look_at_connections(); });
}

void CurlWorker::look_at_connections() {
  network_changed_at_ = steady_now();
  std::vector<CurlExchange*> hanging;
  for (const auto& [id, active] : active_) {
    if (active.exchange->hangs_after_change()) hanging.push_back(active.exchange.get());
  }
  for (CurlExchange* exchange : hanging) {
    const bool lost = exchange->lost_its_address();
    if (exchange->begin_anew() && add(*exchange)) continue;
    if (!lost) continue;
    exchange->finish_with(tl::unexpected(exchange->lost_address()));
    drop(exchange->id());
  }
}

}  // namespace larder::origin
