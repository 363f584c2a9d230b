// One HTTP exchange on libcurl's thread: an easy handle, its callbacks, and the collecting of bytes into Buffers.
// Curl thread only, but for Window.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/hash/buffer.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "origin/http/header_block.h"
#include "origin/http/http_client.h"
#include "origin/http/pool_rule.h"
#include "origin/http/rate.h"

namespace larder::origin {

// Bytes received and not yet consumed; shared with the loop thread.
struct Window {
  std::atomic<std::size_t> unconsumed{0};
  std::atomic<bool> paused{false};  // the curl thread waits to be told that it may go on
};

// What goes to the loop.
struct CurlEvent {
  HttpId id = 0;
  std::variant<HttpHead, Buffer, Status> what;
};

struct CurlFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

class CurlExchange {
 public:
  // Buffers are cut at multiples of kCut from the start of the response, so that a consumer that hashes blocks rarely
  // has to put two pieces together.
  static constexpr std::size_t kCut = 16 * 1024;
  static constexpr std::size_t kBuffer = 256 * 1024;
  // Whole cuts older than this are passed on though the buffer is not full.
  static constexpr Duration kMaxAge = std::chrono::milliseconds(50);

  CurlExchange(HttpId id, HttpRequest request, std::shared_ptr<Window> window, DebtBucket& total,
               std::vector<CurlEvent>& events);
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  // Hears of each final status, before the head is passed on. True, of a refusal: the head is not, since the exchange
  // is to be asked again (ask_again()).
  using HeadRule = std::function<bool(CurlExchange&, const HttpHead&)>;

  // Makes the easy handle; `share` keeps TLS sessions. Again after ask_again().
  [[nodiscard]] Status set_up(const std::string& user_agent, CURLSH* share, const PoolRule& pool);
  void set_head_rule(HeadRule rule) { head_rule_ = std::move(rule); }
  [[nodiscard]] CURL* easy() const { return easy_.get(); }
  [[nodiscard]] HttpId id() const { return id_; }
  [[nodiscard]] const std::string& host_key() const { return host_key_; }  // scheme, host and port
  [[nodiscard]] const Lane* lane() const { return request_.lane.get(); }
  // For whom, in whose places it counts, and since when it waits for one.
  [[nodiscard]] std::vector<Want> wants() const;
  void wait_from(SteadyTime now) { waits_since_ = now; }
  [[nodiscard]] SteadyTime waits_since() const { return waits_since_; }
  [[nodiscard]] bool is_slow(std::uint64_t least_rate, SteadyTime now) {
    return slowness_.is_slow(received_, least_rate, now);
  }

  void set_rate(std::uint64_t bytes_per_second, SteadyTime now) { bucket_.set_rate(bytes_per_second, now); }
  void resume(SteadyTime now);  // the consumer has caught up
  void resume_after_rate_change(SteadyTime now);
  [[nodiscard]] SteadyTime waiting_since() const { return waiting_since_; }

  // Does what is due at `now` (passing on aged bytes, going on after a rate pause); a stall is an error.
  [[nodiscard]] Status tick(SteadyTime now);
  [[nodiscard]] SteadyTime next_tick() const;
  // A connection that was used before may hold remains of its last answer (a server that sends more than it said) or
  // be half dead: what fails on one before a head has come is asked once more on a fresh one. True: add the handle
  // again.
  [[nodiscard]] bool try_fresh_connection(CURLcode code);
  // Its connection, or the one that it is making, comes from before a change of this machine's addresses: it hears
  // nothing any more, or perhaps so, while no answer has come.
  [[nodiscard]] bool hangs_after_change() const;
  // Where no answer has come, and not too often: add the handle again. False: it ends with lost_address(), where
  // that is so.
  [[nodiscard]] bool begin_anew();
  [[nodiscard]] bool lost_its_address() const;
  [[nodiscard]] Error lost_address() const;
  // A name could not be resolved: which; empty: that is not what `code` says.
  [[nodiscard]] std::string unresolved(CURLcode code) const;
  // The head rule wants it asked again. ask_again() makes it as if it had never begun; then set_up().
  [[nodiscard]] bool refused() const { return refused_; }
  void ask_again();
  void note_others_served() { others_served_ = true; }
  [[nodiscard]] bool others_served() const { return others_served_; }  // of the host, beside one of its refusals
  [[nodiscard]] unsigned asked_again() const { return asked_again_; }
  [[nodiscard]] SteadyTime begun_at() const { return begun_at_; }      // of the present asking
  [[nodiscard]] SteadyTime refused_at() const { return refused_at_; }  // the last time
  [[nodiscard]] SteadyTime first_begun_at() const { return first_begun_at_; }
  [[nodiscard]] bool served() const { return head_emitted_; }
  void begins(SteadyTime now);
  // Whether it can be begun again as if it never had been: nothing of it was told.
  [[nodiscard]] bool may_begin_again() const { return !head_emitted_; }
  void begin_again();  // set_up() follows
  // The last events of this exchange.
  void finish(CURLcode code);
  void finish_with(Status status);  // what was received before it
  [[nodiscard]] Status status_of(CURLcode code);

 private:
  static std::size_t write_callback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* self);
  static int before_request_callback(void* self, char* remote, char* local, int remote_port, int local_port);
  static curl_socket_t open_socket_callback(void* self, curlsocktype purpose, struct curl_sockaddr* address);

  std::size_t on_write(Bytes bytes);
  bool on_header(std::string_view line);
  bool on_connected(const char* address, const char* local);
  [[nodiscard]] bool address_allowed(const char* address);

  bool must_wait_for_consumer(std::size_t bytes);
  bool must_wait_for_rate(SteadyTime now);
  void collect(Bytes bytes, SteadyTime now);
  void pass_on_whole_cuts();
  void pass_on_all();
  void emit_head();
  [[nodiscard]] Duration patience() const;
  [[nodiscard]] Status add_headers();
  [[nodiscard]] Status set_identity();
  void set_callbacks();
  void forget_attempt();
  [[nodiscard]] Status set_proxy();

  const HttpId id_;
  const HttpRequest request_;
  const std::string host_key_;
  const std::shared_ptr<const ConnectOptions> options_;
  const std::shared_ptr<Window> window_;
  DebtBucket bucket_;
  DebtBucket& total_;
  std::vector<CurlEvent>& events_;

  std::unique_ptr<CURL, CurlFree> easy_;
  std::unique_ptr<curl_slist, CurlFree> headers_;
  char error_text_[CURL_ERROR_SIZE] = {};
  bool via_proxy_ = false;
  std::string proxy_host_;
  std::string address_;  // numeric, of the connection; empty when it is a proxy's
  std::string local_;    // this machine's end of it
  HeadRule head_rule_;
  bool refused_ = false;
  bool others_served_ = false;
  std::size_t refusal_bytes_ = 0;
  unsigned asked_again_ = 0;
  unsigned begun_anew_ = 0;
  SteadyTime begun_at_{};
  SteadyTime first_begun_at_{};
  SteadyTime refused_at_{};

  HeaderBlock block_;
  bool head_complete_ = false;
  bool carries_file_ = false;  // the body is the file's, or a part of it
  bool head_emitted_ = false;
  std::size_t trailer_bytes_ = 0;
  std::optional<Error> failure_;  // why a callback ended the exchange

  Buffer buffer_;
  SteadyTime oldest_{};  // when the first byte of buffer_ came
  std::uint64_t received_ = 0;
  std::optional<std::uint64_t> length_;

  SteadyTime waits_since_{};
  SlownessWatch slowness_;
  bool fresh_ = false;          // tried on a fresh connection
  bool requested_ = false;      // connected; the stall clock runs
  SteadyTime last_progress_{};  // the request, the final head, a byte of the file; at the end the last of these
  bool rate_paused_ = false;
  bool window_paused_ = false;
  SteadyTime resume_at_{};
  SteadyTime waiting_since_{};
};

}  // namespace larder::origin
