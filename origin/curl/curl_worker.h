// libcurl's thread: curl_multi_poll, curl_multi_wakeup, and the exchanges. Commands come in through a queue. Events go
// out in batches: one post to the loop for all of them, and no second post while one is pending.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fair_queue.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "origin/curl/curl_client.h"
#include "origin/curl/curl_exchange.h"
#include "origin/host_lanes.h"
#include "origin/http/name_checks.h"
#include "origin/origin_places.h"

namespace larder::origin {

// Queue of events to the loop. Any thread.
class CurlOutbox {
 public:
  explicit CurlOutbox(Executor& loop) : loop_(loop) {}
  void set_reader(std::function<void()> reader) { reader_ = std::move(reader); }  // before the thread starts
  void put(std::vector<CurlEvent>& events);                                       // moves the events out
  [[nodiscard]] std::vector<CurlEvent> take_events();

 private:
  Executor& loop_;
  std::function<void()> reader_;
  std::mutex mutex_;
  std::vector<CurlEvent> events_;
  bool posted_ = false;
};

class CurlWorker {
 public:
  CurlWorker(CurlSettings settings, std::shared_ptr<CurlOutbox> outbox);
  ~CurlWorker();  // ends all exchanges without events, joins
  CurlWorker(const CurlWorker&) = delete;
  CurlWorker& operator=(const CurlWorker&) = delete;

  [[nodiscard]] Status start_thread();

  // Loop thread.
  void start(HttpId id, HttpRequest request, std::shared_ptr<Window> window);
  void cancel(HttpId id);
  void resume(HttpId id);
  void send(HttpId id, Buffer bytes);
  void set_rate(HttpId id, std::uint64_t bytes_per_second);
  void set_total_rate(std::uint64_t bytes_per_second);
  void ask_thread(UniqueFunction<void()> answer);
  void network_changed();

 private:
  using Command = std::function<void(CurlWorker&)>;
  struct MultiFree {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  struct ShareFree {
    void operator()(CURLSH* share) const { curl_share_cleanup(share); }
  };

  void command(Command command);
  // Curl thread from here on.
  void run();
  void run_commands();
  struct Active {
    std::unique_ptr<CurlExchange> exchange;
    OriginPlaces::Places places;
  };
  using Waiting = std::unique_ptr<CurlExchange>;
  void wait(Waiting exchange);
  void begin(Waiting exchange, Owner owner);
  void begin_waiting();
  [[nodiscard]] OriginPlaces::Need need_of(const CurlExchange& exchange, SteadyTime now);
  void make_room();
  [[nodiscard]] std::optional<HttpId> who_yields(SteadyTime now);
  void yield(HttpId id);
  void drop(HttpId id);
  void read_messages();
  void tick();
  [[nodiscard]] int poll_timeout() const;
  CurlExchange* find_exchange(HttpId id);
  void end_with(HttpId id, Status status);
  [[nodiscard]] bool add(CurlExchange& exchange);
  Waiting take_out(HttpId id);
  // curl_hosts.cpp
  void ask_again_later(HttpId id);
  void look_at_connections();
  bool head_came(CurlExchange& exchange, const HttpHead& head);
  void tell_of_names();
  [[nodiscard]] SteadyTime next_place(SteadyTime now) const;

  const CurlSettings settings_;
  const std::shared_ptr<CurlOutbox> outbox_;
  std::mutex mutex_;
  std::vector<Command> commands_;
  std::atomic<bool> stop_{false};

  std::unique_ptr<CURLSH, ShareFree> share_;
  std::unique_ptr<CURLM, MultiFree> multi_;
  std::vector<CurlEvent> events_;
  DebtBucket total_;
  OriginPlaces places_;
  std::map<HttpId, Active> active_;
  FairQueue<Waiting> waiting_;  // for a place
  SteadyTime room_looked_for_{};
  HostLanes lanes_;
  SteadyTime place_due_ = SteadyTime::max();  // when a waiting exchange may begin by time alone
  NameChecks names_;
  std::optional<SteadyTime> network_changed_at_;
  std::thread thread_;
};

}  // namespace larder::origin
