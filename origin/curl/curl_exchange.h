// One HTTP exchange on libcurl's thread: an easy handle, its callbacks, and the buffer of received bytes.
// Curl thread only, except Window.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/hash/buffer.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "origin/curl/curl_body.h"
#include "origin/http/header_block.h"
#include "origin/http/http_client.h"
#include "origin/http/pool_rule.h"
#include "origin/http/rate.h"

namespace larder::origin {

// Bytes received and not yet consumed; shared with the loop thread.
struct Window {
  std::atomic<std::size_t> unconsumed{0};
  std::atomic<bool> paused{false};  // the exchange is paused until the loop thread calls resume()
};

struct BodySent {
  std::size_t bytes = 0;  // more of the request's body
};

// An event for the loop: a head, bytes, bytes sent, or the end.
struct CurlEvent {
  HttpId id = 0;
  std::variant<HttpHead, Buffer, BodySent, Status> what;
};

struct CurlFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

class CurlExchange {
 public:
  // Buffers are cut at multiples of kCut from the start of the response, so that a consumer that hashes blocks rarely
  // has to join two pieces.
  static constexpr std::size_t kCut = 16 * 1024;
  static constexpr std::size_t kBuffer = 256 * 1024;
  // Whole cuts older than this are passed on even if the buffer is not full.
  static constexpr Duration kMaxAge = std::chrono::milliseconds(50);

  CurlExchange(HttpId id, HttpRequest request, std::shared_ptr<Window> window, DebtBucket& total,
               std::vector<CurlEvent>& events);
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  // Called with each final head, before it is passed on. Returns true for a refusal after which the request is repeated
  // (ask_again()): then the head is not passed on.
  using HeadRule = std::function<bool(CurlExchange&, const HttpHead&)>;

  // Makes the easy handle; `share` keeps TLS sessions. Called again after ask_again() or begin_again().
  [[nodiscard]] Status set_up(const std::string& user_agent, CURLSH* share, const PoolRule& pool);
  void set_head_rule(HeadRule rule) { head_rule_ = std::move(rule); }
  [[nodiscard]] CURL* easy() const { return easy_.get(); }
  [[nodiscard]] HttpId id() const { return id_; }
  [[nodiscard]] const std::string& host_key() const { return host_key_; }  // scheme, host and port
  [[nodiscard]] const Lane* lane() const { return request_.lane.get(); }
  [[nodiscard]] std::vector<Want> wants() const;  // the users who want it, never empty
  void wait_from(SteadyTime now) { waits_since_ = now; }
  [[nodiscard]] SteadyTime waits_since() const { return waits_since_; }
  [[nodiscard]] bool is_slow(std::uint64_t least_rate, SteadyTime now) {
    return slowness_.is_slow(received_ + body_.taken(), least_rate, now);
  }

  void set_rate(std::uint64_t bytes_per_second, SteadyTime now) { bucket_.set_rate(bytes_per_second, now); }
  void resume(SteadyTime now);  // called when the consumer has caught up
  void send(Buffer bytes, SteadyTime now);
  // Tells the loop of the bytes that went out: `at_end`, or where they are worth an event.
  void tell_sent(bool at_end = true);
  void resume_after_rate_change(SteadyTime now);
  [[nodiscard]] SteadyTime waiting_since() const { return waiting_since_; }  // for its rate; zero: it does not wait

  // Passes on aged bytes, and resumes after a rate pause. Error: no_progress after a stall.
  [[nodiscard]] Status tick(SteadyTime now);
  [[nodiscard]] SteadyTime next_tick() const;
  // Prepares one retry on a fresh connection, if the exchange failed on a reused one before a head came: the reused
  // connection may hold the rest of its last answer (a server that sends more than it announced) or be half dead. True:
  // add the handle again.
  [[nodiscard]] bool try_fresh_connection(CURLcode code);
  // Returns whether, after a change of this machine's addresses, the exchange may receive nothing more: it is still
  // connecting, its local address is gone, or it waits for a head on a reused connection.
  [[nodiscard]] bool hangs_after_change() const;
  // Prepares a retry on a fresh connection and with a fresh name look-up. True: add the handle again. False if a head
  // has come, or after three times: the caller ends the exchange with lost_address() if it lost_its_address().
  [[nodiscard]] bool begin_anew();
  [[nodiscard]] bool lost_its_address() const;
  [[nodiscard]] Error lost_address() const;
  // Returns the name that did not resolve; empty: `code` is another error.
  [[nodiscard]] std::string unresolved(CURLcode code) const;
  // True if the head rule wants the request repeated. ask_again() then resets the exchange; set_up() follows.
  [[nodiscard]] bool refused() const { return refused_; }
  void ask_again();
  void note_others_served() { others_served_ = true; }
  [[nodiscard]] bool others_served() const { return others_served_; }  // by the host, when it refused this one
  [[nodiscard]] unsigned asked_again() const { return asked_again_; }
  [[nodiscard]] SteadyTime begun_at() const { return begun_at_; }      // of the present attempt
  [[nodiscard]] SteadyTime refused_at() const { return refused_at_; }  // the last time
  [[nodiscard]] SteadyTime first_begun_at() const { return first_begun_at_; }
  [[nodiscard]] bool served() const { return head_emitted_; }
  void begins(SteadyTime now);
  // Returns whether the exchange can start over unnoticed: no event was emitted, and nothing was asked for that must
  // not happen twice.
  [[nodiscard]] bool may_begin_again() const { return !head_emitted_ && may_repeat(); }
  // An upload that was sent to its end, whose answer alone tells what became of it.
  [[nodiscard]] bool awaits_outcome() const { return !may_repeat() && body_.all_taken() && !head_complete_; }
  void begin_again();  // resets the exchange; set_up() follows
  // Emit the last events: the bytes still in the buffer, then the status.
  void finish(CURLcode code);
  void finish_with(Status status);
  [[nodiscard]] Status status_of(CURLcode code);

 private:
  static std::size_t write_callback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t read_callback(char* into, std::size_t size, std::size_t count, void* self);
  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* self);
  static int before_request_callback(void* self, char* remote, char* local, int remote_port, int local_port);
  static curl_socket_t open_socket_callback(void* self, curlsocktype purpose, struct curl_sockaddr* address);

  std::size_t on_write(Bytes bytes);
  std::size_t on_read(std::span<std::byte> into);
  [[nodiscard]] bool is_upload() const { return !request_.method.empty(); }
  [[nodiscard]] bool paused() const { return rate_paused_ || window_paused_ || body_paused_; }
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
  [[nodiscard]] Status stalled() const;
  [[nodiscard]] bool changes_something() const {
    return is_upload() && request_.method != "HEAD" && request_.method != "OPTIONS";
  }
  [[nodiscard]] bool may_repeat() const;
  [[nodiscard]] bool refused_in_a_pause() const;
  [[nodiscard]] Status add_headers();
  [[nodiscard]] Status set_identity();
  void set_callbacks();
  void forget_attempt();
  [[nodiscard]] Status set_proxy();
  [[nodiscard]] Status set_method();

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
  std::string local_;    // local address of the connection
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
  std::optional<Error> failure_;  // set by the callback that ended the exchange

  CurlBody body_;
  Buffer buffer_;
  SteadyTime oldest_{};  // when the first byte of buffer_ came
  std::uint64_t received_ = 0;
  std::optional<std::uint64_t> length_;

  SteadyTime waits_since_{};
  SlownessWatch slowness_;
  bool fresh_ = false;          // tried on a fresh connection
  bool requested_ = false;      // connected; the stall clock runs
  SteadyTime last_progress_{};  // last of: the request, the final head, a byte of the file, a resume
  bool rate_paused_ = false;
  bool window_paused_ = false;
  bool body_paused_ = false;  // the next bytes of the body are not there yet
  SteadyTime resume_at_{};
  SteadyTime refused_tick_{};  // at once the first time
  SteadyTime waiting_since_{};
};

}  // namespace larder::origin
