#include "origin/curl/curl_client.h"

#include <curl/curl.h>

#include <mutex>
#include <unordered_map>

#include "origin/curl/curl_worker.h"

namespace larder::origin {
namespace {

// The loop's side: the listeners of the exchanges. Events that the curl thread still sends after a cancel are dropped.
class CurlClient final : public HttpClient {
 public:
  CurlClient(const CurlSettings& settings, Executor& loop)
      : outbox_(std::make_shared<CurlOutbox>(loop)), worker_(settings, outbox_) {
    outbox_->set_reader([self = self_] {
      if (*self != nullptr) (*self)->read_outbox();
    });
  }
  ~CurlClient() override { *self_ = nullptr; }

  [[nodiscard]] Status start_thread() { return worker_.start_thread(); }

  HttpId start(HttpRequest request, std::shared_ptr<HttpEvents> events) override {
    const HttpId id = ++last_id_;
    auto window = std::make_shared<Window>();
    listeners_.emplace(id, Listener{std::move(events), window});
    worker_.start(id, std::move(request), std::move(window));
    return id;
  }

  void cancel(HttpId id) override {
    if (listeners_.erase(id) != 0) worker_.cancel(id);
  }

  void consumed(HttpId id, std::size_t bytes) override {
    const auto found = listeners_.find(id);
    if (found == listeners_.end()) return;
    Window& window = *found->second.window;
    const std::size_t before = window.unconsumed.fetch_sub(bytes);
    if (before - bytes <= kWindow / 2 && window.paused && window.paused.exchange(false)) worker_.resume(id);
  }

  void send(HttpId id, Buffer bytes) override {
    if (listeners_.contains(id)) worker_.send(id, std::move(bytes));
  }
  void set_rate(HttpId id, std::uint64_t bytes_per_second) override {
    if (listeners_.contains(id)) worker_.set_rate(id, bytes_per_second);
  }
  void ask_thread(UniqueFunction<void()> answer) override { worker_.ask_thread(std::move(answer)); }
  void network_changed() override { worker_.network_changed(); }
  void set_total_rate(std::uint64_t bytes_per_second) override { worker_.set_total_rate(bytes_per_second); }

 private:
  struct Listener {
    std::shared_ptr<HttpEvents> events;
    std::shared_ptr<Window> window;
  };

  void read_outbox() {
    const std::shared_ptr<CurlClient*> self = self_;
    std::vector<CurlEvent> events = outbox_->take_events();
    for (CurlEvent& event : events) {
      if (*self == nullptr) return;  // a listener destroyed the client
      dispatch(event);
    }
  }

  void dispatch(CurlEvent& event) {
    const auto found = listeners_.find(event.id);
    if (found == listeners_.end()) return;
    const std::shared_ptr<HttpEvents> events = found->second.events;  // the event may cancel
    if (const auto* head = std::get_if<HttpHead>(&event.what)) {
      events->on_head(*head);
    } else if (auto* bytes = std::get_if<Buffer>(&event.what)) {
      events->on_data(std::move(*bytes));
    } else if (const auto* sent = std::get_if<BodySent>(&event.what)) {
      events->on_sent(sent->bytes);
    } else {
      listeners_.erase(found);
      events->on_done(std::move(std::get<Status>(event.what)));
    }
  }

  std::shared_ptr<CurlClient*> self_ = std::make_shared<CurlClient*>(this);  // posted tasks may outlive the client
  std::shared_ptr<CurlOutbox> outbox_;
  std::unordered_map<HttpId, Listener> listeners_;
  HttpId last_id_ = 0;
  CurlWorker worker_;  // last: its thread ends before the other members are destroyed
};

}  // namespace

Result<std::unique_ptr<HttpClient>> make_curl_client(const CurlSettings& settings, Executor& loop) {
  static std::once_flag once;
  static CURLcode code = CURLE_OK;
  std::call_once(once, [] { code = curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (code != CURLE_OK) {
    return fail(ErrorCode::internal, "start the HTTP client", curl_easy_strerror(code));
  }
  auto client = std::make_unique<CurlClient>(settings, loop);
  if (Status ok = client->start_thread(); !ok) return tl::unexpected(ok.error());
  return client;
}

}  // namespace larder::origin
