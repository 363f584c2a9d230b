// One HTTP exchange on libcurl's thread: an easy handle, its callbacks, and the collecting of bytes into Buffers.
// Curl thread only, but for Window.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/result.h"
#include "origin/header_block.h"
#include "origin/http_client.h"
#include "origin/rate.h"

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

  CurlExchange(HttpId id, HttpRequest request, std::shared_ptr<Window> window, TokenBucket& total,
               std::vector<CurlEvent>& events);
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  // Makes the easy handle; `share` keeps TLS sessions.
  [[nodiscard]] Status set_up(const std::string& user_agent, CURLSH* share);
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
  // Whether it can be begun again as if it never had been: nothing of it was told.
  [[nodiscard]] bool may_begin_again() const { return !head_emitted_; }
  void begin_again();  // set_up() follows
  // The last events of this exchange.
  void finish(CURLcode code);

 private:
  static std::size_t write_callback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* self);
  static int before_request_callback(void* self, char* remote, char* local, int remote_port, int local_port);
  static curl_socket_t open_socket_callback(void* self, curlsocktype purpose, struct curl_sockaddr* address);

  std::size_t on_write(Bytes bytes);
  bool on_header(std::string_view line);
  bool on_connected(const char* address);
  [[nodiscard]] bool address_allowed(const char* address);

  bool must_wait_for_consumer(std::size_t bytes);
  bool must_wait_for_rate(SteadyTime now);
  void collect(Bytes bytes, SteadyTime now);
  void pass_on_whole_cuts();
  void pass_on_all();
  void emit_head();
  [[nodiscard]] Status add_headers();
  [[nodiscard]] Status set_identity();
  void set_callbacks();
  [[nodiscard]] Status set_proxy();

  const HttpId id_;
  const HttpRequest request_;
  const std::string host_key_;
  const std::shared_ptr<const ConnectOptions> options_;
  const std::shared_ptr<Window> window_;
  TokenBucket bucket_;
  TokenBucket& total_;
  std::vector<CurlEvent>& events_;

  std::unique_ptr<CURL, CurlFree> easy_;
  std::unique_ptr<curl_slist, CurlFree> headers_;
  char error_text_[CURL_ERROR_SIZE] = {};
  bool via_proxy_ = false;
  std::string proxy_host_;
  std::string address_;  // numeric, of the connection; empty when it is a proxy's

  HeaderBlock block_;
  bool head_complete_ = false;
  bool head_emitted_ = false;
  std::size_t trailer_bytes_ = 0;
  std::optional<Error> failure_;  // why a callback ended the exchange

  Buffer buffer_;
  SteadyTime oldest_{};  // when the first byte of buffer_ came
  std::uint64_t received_ = 0;
  std::optional<std::uint64_t> length_;

  SteadyTime waits_since_{};
  SlownessWatch slowness_;
  bool fresh_ = false;      // tried on a fresh connection
  bool requested_ = false;  // connected; the stall clock runs
  SteadyTime last_progress_{};
  bool rate_paused_ = false;
  bool window_paused_ = false;
  SteadyTime resume_at_{};
  SteadyTime waiting_since_{};
};

}  // namespace larder::origin
