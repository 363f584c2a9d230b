#include "origin/curl/curl_worker.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>

namespace larder::origin {
namespace {

// Interval of the check, while requests wait, whether a request in flight must yield its place.
constexpr Duration kLookForRoom = std::chrono::milliseconds(250);

SteadyTime steady_now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

void CurlOutbox::put(std::vector<CurlEvent>& events) {
  if (events.empty()) return;
  bool post = false;
  {
    const std::lock_guard lock(mutex_);
    if (events_.empty()) {
      events_.swap(events);
    } else {
      std::move(events.begin(), events.end(), std::back_inserter(events_));
    }
    post = !std::exchange(posted_, true);
  }
  events.clear();
  if (post) loop_.post([reader = reader_] { reader(); });
}

std::vector<CurlEvent> CurlOutbox::take_events() {
  const std::lock_guard lock(mutex_);
  posted_ = false;
  return std::exchange(events_, {});
}

CurlWorker::CurlWorker(CurlSettings settings, std::shared_ptr<CurlOutbox> outbox)
    : settings_(std::move(settings)),
      outbox_(std::move(outbox)),
      places_(settings_.max_connections),
      lanes_(settings_.max_connections_per_host),
      names_([this] {
        if (multi_) curl_multi_wakeup(multi_.get());
      }) {}

CurlWorker::~CurlWorker() {
  stop_ = true;
  if (multi_) curl_multi_wakeup(multi_.get());
  if (thread_.joinable()) thread_.join();
  for (auto& [id, active] : active_) curl_multi_remove_handle(multi_.get(), active.exchange->easy());
  active_.clear();
  waiting_.items().clear();  // before share_, which they use
}

Status CurlWorker::start_thread() {
  share_.reset(curl_share_init());
  multi_.reset(curl_multi_init());
  if (!share_ || !multi_) return fail(ErrorCode::internal, "start the HTTP client", "libcurl cannot be initialised");
  // No locks: only this thread uses the share.
  curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  // OriginPlaces keeps the limits on connections: with libcurl's own limits the connect time-out would run while an
  // exchange waits for its turn.
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(places_.connections().total()));
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::internal, "start the HTTP client", error.what());
  }
  pthread_setname_np(thread_.native_handle(), "larder-http");
  return {};
}

void CurlWorker::command(Command command) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    wake = commands_.empty();  // otherwise a wake-up is pending already
    commands_.push_back(std::move(command));
  }
  if (wake) curl_multi_wakeup(multi_.get());
}

void CurlWorker::start(HttpId id, HttpRequest request, std::shared_ptr<Window> window) {
  auto shared = std::make_shared<HttpRequest>(std::move(request));  // std::function wants copies
  command([id, shared, window = std::move(window)](CurlWorker& worker) {
    worker.wait(std::make_unique<CurlExchange>(id, std::move(*shared), window, worker.total_, worker.events_));
    worker.begin_waiting();
  });
}

void CurlWorker::cancel(HttpId id) {
  command([id](CurlWorker& worker) { worker.drop(id); });
}

void CurlWorker::resume(HttpId id) {
  command([id](CurlWorker& worker) {
    if (CurlExchange* exchange = worker.find_exchange(id)) exchange->resume(steady_now());
  });
}

void CurlWorker::send(HttpId id, Buffer bytes) {
  auto shared = std::make_shared<Buffer>(std::move(bytes));  // std::function wants copies
  command([id, shared](CurlWorker& worker) {
    for (const auto& exchange : worker.waiting_.items()) {
      if (exchange->id() == id) return exchange->send(std::move(*shared), steady_now());
    }
    if (CurlExchange* exchange = worker.find_exchange(id)) exchange->send(std::move(*shared), steady_now());
  });
}

void CurlWorker::set_rate(HttpId id, std::uint64_t bytes_per_second) {
  command([id, bytes_per_second](CurlWorker& worker) {
    for (const auto& exchange : worker.waiting_.items()) {
      if (exchange->id() == id) exchange->set_rate(bytes_per_second, steady_now());
    }
    if (CurlExchange* exchange = worker.find_exchange(id)) {
      exchange->set_rate(bytes_per_second, steady_now());
      exchange->resume_after_rate_change(steady_now());
    }
  });
}

void CurlWorker::set_total_rate(std::uint64_t bytes_per_second) {
  command([bytes_per_second](CurlWorker& worker) {
    worker.total_.set_rate(bytes_per_second, steady_now());
    for (auto& [id, active] : worker.active_) active.exchange->resume_after_rate_change(steady_now());
  });
}

void CurlWorker::ask_thread(UniqueFunction<void()> answer) {
  auto shared = std::make_shared<UniqueFunction<void()>>(std::move(answer));  // std::function wants copies
  command([shared](CurlWorker&) { (*shared)(); });
}

void CurlWorker::run() {
  while (!stop_) {
    run_commands();
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    read_messages();
    tick();
    tell_of_names();
    make_room();
    outbox_->put(events_);
    if (!stop_) curl_multi_poll(multi_.get(), nullptr, 0, poll_timeout(), nullptr);
  }
}

void CurlWorker::run_commands() {
  std::vector<Command> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (const Command& command : commands) command(*this);
}

OriginPlaces::Need CurlWorker::need_of(const CurlExchange& exchange, SteadyTime now) {
  return {exchange.host_key(), exchange.lane(), lanes_.places(exchange.host_key(), now)};
}

void CurlWorker::wait(Waiting exchange) {
  const SteadyTime now = steady_now();
  exchange->wait_from(now);
  for (const Want& want : exchange->wants()) places_.note_request(want.owner, now);
  waiting_.add(std::move(exchange));
}

void CurlWorker::begin(Waiting exchange, Owner owner) {
  const HttpId id = exchange->id();
  const SteadyTime now = steady_now();
  exchange->begins(now);
  exchange->set_head_rule([this](CurlExchange& of, const HttpHead& head) { return head_came(of, head); });
  if (Status ok = exchange->set_up(settings_.user_agent, share_.get(), pool_rule(network_changed_at_, now)); !ok) {
    events_.push_back({id, std::move(ok)});
    return;
  }
  if (const CURLMcode code = curl_multi_add_handle(multi_.get(), exchange->easy()); code != CURLM_OK) {
    events_.push_back({id, fail(ErrorCode::internal, "start a request", curl_multi_strerror(code))});
    return;
  }
  lanes_.began(exchange->host_key(), now);
  OriginPlaces::Places places = places_.take_places(need_of(*exchange, now), owner);
  active_.emplace(id, Active{std::move(exchange), std::move(places)});
}

void CurlWorker::begin_waiting() {
  const SteadyTime now = steady_now();
  const auto wants = [](const Waiting& exchange) { return exchange->wants(); };
  const auto fits = [this, now](const Waiting& exchange, Owner owner) {
    const std::string& host = exchange->host_key();
    return places_.has_room(need_of(*exchange, now), owner, now) &&
           lanes_.may_begin(host, places_.places_of_host(host), now);
  };
  while (auto next = waiting_.take_next(places_.connections(), wants, fits)) begin(std::move(next->item), next->owner);
}

// Lets requests yield to waiting users that hold fewer places. Also begins waiting requests that another user has
// joined meanwhile.
void CurlWorker::make_room() {
  const SteadyTime now = steady_now();
  if (waiting_.empty() || now - room_looked_for_ < kLookForRoom) return;
  room_looked_for_ = now;
  begin_waiting();
  // One at a time: each yielded place changes what the next waiting request needs.
  for (std::size_t i = 0; i < settings_.max_connections_per_host; ++i) {
    const auto id = who_yields(now);
    if (!id) return;
    yield(*id);
  }
}

std::optional<HttpId> CurlWorker::who_yields(SteadyTime now) {
  std::vector<OriginPlaces::Running> running;
  running.reserve(active_.size());
  for (auto& [id, active] : active_) {
    CurlExchange& exchange = *active.exchange;
    if (exchange.awaits_outcome()) continue;
    running.push_back({id, active.places.connection.owner(), exchange.host_key(), exchange.waits_since(),
                       exchange.is_slow(settings_.least_rate, now)});
  }
  for (const Waiting& exchange : waiting_.items()) {
    for (const Want& want : exchange->wants()) {
      const auto id = places_.who_yields(need_of(*exchange, now), want.owner, exchange->waits_since(), running, now);
      if (id) return id;
    }
  }
  return std::nullopt;
}

// An exchange without events so far goes back to the queue. Another one ends with `busy`, and its caller retries.
void CurlWorker::yield(HttpId id) {
  const CurlExchange& exchange = *find_exchange(id);
  if (!exchange.may_begin_again()) {
    Error error{ErrorCode::busy, "fetch from " + exchange.host_key(),
                "its place was given to another user, who had fewer; it waits for its turn"};
    error.retry_after = std::chrono::seconds(0);
    return end_with(id, tl::unexpected<Error>(std::move(error)));
  }
  Waiting waiting = take_out(id);
  waiting->begin_again();
  wait(std::move(waiting));
  begin_waiting();
}

CurlExchange* CurlWorker::find_exchange(HttpId id) {
  const auto found = active_.find(id);
  return found == active_.end() ? nullptr : found->second.exchange.get();
}

void CurlWorker::drop(HttpId id) {
  if (!active_.contains(id)) {
    names_.cancel(id);
    waiting_.erase_if([id](const Waiting& exchange) { return exchange->id() == id; });
    return;
  }
  take_out(id);
  begin_waiting();
}

// Removes an active exchange and frees its place; the caller calls begin_waiting().
CurlWorker::Waiting CurlWorker::take_out(HttpId id) {
  const auto found = active_.find(id);
  curl_multi_remove_handle(multi_.get(), found->second.exchange->easy());
  Waiting exchange = std::move(found->second.exchange);
  active_.erase(found);
  return exchange;
}

bool CurlWorker::add(CurlExchange& exchange) {
  curl_multi_remove_handle(multi_.get(), exchange.easy());
  return curl_multi_add_handle(multi_.get(), exchange.easy()) == CURLM_OK;
}

void CurlWorker::read_messages() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* self = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
    auto* exchange = static_cast<CurlExchange*>(self);
    const CURLcode code = message->data.result;  // the message does not outlive the handle's removal
    if (exchange->refused()) {
      ask_again_later(exchange->id());
      continue;
    }
    if (exchange->try_fresh_connection(code) && add(*exchange)) continue;
    if (const std::string name = exchange->unresolved(code); !name.empty()) {
      names_.check_name(exchange->id(), name, exchange->status_of(code), steady_now());
      take_out(exchange->id());
      begin_waiting();
      continue;
    }
    exchange->finish(code);
    drop(exchange->id());
  }
}

void CurlWorker::end_with(HttpId id, Status status) {
  if (CurlExchange* exchange = find_exchange(id)) exchange->tell_sent();
  events_.push_back({id, std::move(status)});
  drop(id);
}

// The exchange that has waited longest for the shared rate goes first, so that the rate is shared evenly.
void CurlWorker::tick() {
  const SteadyTime now = steady_now();
  std::vector<CurlExchange*> order;
  order.reserve(active_.size());
  for (const auto& [id, active] : active_) {
    if (active.exchange->next_tick() <= now) order.push_back(active.exchange.get());
  }
  std::sort(order.begin(), order.end(),
            [](const CurlExchange* a, const CurlExchange* b) { return a->waiting_since() < b->waiting_since(); });
  std::vector<std::pair<HttpId, Status>> ended;
  for (CurlExchange* exchange : order) {
    if (Status ok = exchange->tick(now); !ok) ended.emplace_back(exchange->id(), std::move(ok));
  }
  for (auto& [id, status] : ended) end_with(id, std::move(status));
  if (now >= place_due_) begin_waiting();
  place_due_ = next_place(now);
}

int CurlWorker::poll_timeout() const {
  SteadyTime next = SteadyTime::max();
  for (const auto& [id, active] : active_) next = std::min(next, active.exchange->next_tick());
  next = std::min({next, names_.next(), place_due_});
  if (!waiting_.empty()) next = std::min(next, room_looked_for_ + kLookForRoom);
  constexpr int kLongest = 60'000;
  if (next == SteadyTime::max()) return kLongest;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - steady_now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, kLongest));
}

}  // namespace larder::origin
