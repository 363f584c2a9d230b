#include "origin/curl/curl_exchange.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/local_address.h"
#include "base/text/units.h"
#include "origin/curl/curl_errors.h"
#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

constexpr unsigned kMostAnew = 3;  // retries after changes of the network
constexpr Duration kRefusedAgain =
    std::chrono::milliseconds(50);                  // until a refusal that does not end is looked at again
constexpr std::size_t kLongestRefusal = 64 * 1024;  // longest body of a refusal that is read to keep the connection

SteadyTime steady_now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

CurlExchange::CurlExchange(HttpId id, HttpRequest request, std::shared_ptr<Window> window, DebtBucket& total,
                           std::vector<CurlEvent>& events)
    : id_(id),
      request_(std::move(request)),
      host_key_(fmt::format("{}://{}:{}", request_.url.scheme, request_.url.host, request_.url.port)),
      options_(request_.options ? request_.options : std::make_shared<const ConnectOptions>()),
      window_(std::move(window)),
      total_(total),
      events_(events),
      body_(request_.body_length) {
  bucket_.set_rate(request_.max_rate, steady_now());
}

std::size_t CurlExchange::write_callback(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<CurlExchange*>(self)->on_write(as_bytes(std::string_view(data, size * count)));
}

std::size_t CurlExchange::read_callback(char* into, std::size_t size, std::size_t count, void* self) {
  return static_cast<CurlExchange*>(self)->on_read(std::as_writable_bytes(std::span(into, size * count)));
}

std::size_t CurlExchange::header_callback(char* data, std::size_t size, std::size_t count, void* self) {
  const bool ok = static_cast<CurlExchange*>(self)->on_header(std::string_view(data, size * count));
  return ok ? size * count : 0;
}

int CurlExchange::before_request_callback(void* self, char* remote, char* local, int /*remote_port*/,
                                          int /*local_port*/) {
  return static_cast<CurlExchange*>(self)->on_connected(remote, local) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

// Sockets are closed on exec, since this process runs hooks. A forbidden address is refused before connecting.
curl_socket_t CurlExchange::open_socket_callback(void* self, curlsocktype /*purpose*/, struct curl_sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* binary = nullptr;
  if (address->family == AF_INET) binary = &reinterpret_cast<const sockaddr_in*>(&address->addr)->sin_addr;
  if (address->family == AF_INET6) binary = &reinterpret_cast<const sockaddr_in6*>(&address->addr)->sin6_addr;
  if (binary != nullptr && inet_ntop(address->family, binary, text.data(), text.size()) != nullptr &&
      !static_cast<CurlExchange*>(self)->address_allowed(text.data())) {
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

bool CurlExchange::address_allowed(const char* address) {
  if (!request_.policy) return true;
  Status ok = via_proxy_ ? check_proxy_address(*request_.policy, proxy_host_, address)
                         : check_address(*request_.policy, request_.url, address, request_.redirected);
  if (!ok) failure_ = ok.error();
  return ok.has_value();
}

// Checks the address again, since the connection in use may be one of an earlier exchange.
bool CurlExchange::on_connected(const char* address, const char* local) {
  if (!address_allowed(address)) return false;
  if (!may_repeat()) {  // libcurl asks again by itself where a connection that was used before is lost
    failure_ = Error{ErrorCode::connection_lost, "upload to " + request_.url.host, "the connection was lost"};
    return false;
  }
  failure_.reset();  // set if another address of the host was refused before
  address_ = via_proxy_ ? "" : address;
  local_ = local;
  requested_ = true;
  last_progress_ = steady_now();
  return true;
}

bool CurlExchange::on_header(std::string_view line) {
  const bool starts_head = line.starts_with("HTTP/");
  if (head_emitted_ || (head_complete_ && !block_.in_head() && !starts_head)) {
    trailer_bytes_ += line.size();  // trailers are ignored
    return trailer_bytes_ <= HeaderBlock::kMaxBytes;
  }
  // Another head after one that was not passed on: libcurl asked again with credentials. This head must be complete
  // too.
  if (starts_head) head_complete_ = false;
  const Result<HeaderBlock::Event> event = block_.add_line(line);
  if (!event) {
    failure_ = event.error();
    return false;
  }
  if (*event == HeaderBlock::Event::more) return true;
  const int status = block_.head().status;
  if (status < 200) return true;
  head_complete_ = true;
  carries_file_ = status < 300;
  last_progress_ = steady_now();
  if (!is_upload() && head_rule_ && head_rule_(*this, block_.head())) {
    refused_ = true;
    refused_at_ = last_progress_;
    return true;
  }
  // libcurl may ask again with credentials; the head is passed on only when its body or end shows that it does not.
  const bool may_retry = !is_upload() && ((status == 401 && !options_->user.empty()) || (status == 407 && via_proxy_));
  if (!may_retry) emit_head();
  return true;
}

void CurlExchange::emit_head() {
  if (head_emitted_ || !head_complete_ || refused_) return;
  head_emitted_ = true;
  HttpHead head = block_.take();
  head.via_proxy = via_proxy_ && request_.url.scheme == "http";  // a proxy sees nothing of a TLS tunnel
  head.address = address_;
  if (const auto length = content_length(head.headers)) length_ = *length;
  events_.push_back({id_, std::move(head)});
}

std::size_t CurlExchange::on_write(Bytes bytes) {
  const SteadyTime now = steady_now();
  if (carries_file_) last_progress_ = now;
  if (refused_) {
    refusal_bytes_ += bytes.size();
    return refusal_bytes_ <= kLongestRefusal ? bytes.size() : 0;
  }
  emit_head();
  if (!head_emitted_) return 0;  // a body without a head: HTTP/0.9
  if (must_wait_for_consumer(bytes.size()) || must_wait_for_rate(now)) {
    pass_on_whole_cuts();
    return CURL_WRITEFUNC_PAUSE;
  }
  window_->unconsumed += bytes.size();
  if (body_.length() == 0) bucket_.spend(bytes.size(), now);
  total_.spend(bytes.size(), now);
  collect(bytes, now);
  return bytes.size();
}

std::size_t CurlExchange::on_read(std::span<std::byte> into) {
  const SteadyTime now = steady_now();
  if (must_wait_for_rate(now)) {
    tell_sent();
    return CURL_READFUNC_PAUSE;
  }
  const std::uint64_t most = std::min<std::uint64_t>({into.size(), bucket_.lump(), total_.lump()});
  const std::size_t taken = body_.take(into.first(static_cast<std::size_t>(most)));
  tell_sent(taken == 0);
  if (taken == 0) {
    body_paused_ = !body_.all_taken();
    return body_paused_ ? CURL_READFUNC_PAUSE : 0;
  }
  last_progress_ = now;
  bucket_.spend(taken, now);
  total_.spend(taken, now);
  return taken;
}

void CurlExchange::tell_sent(bool at_end) {
  if (const std::size_t told = body_.take_untold(at_end); told > 0) events_.push_back({id_, BodySent{told}});
}

void CurlExchange::send(Buffer bytes, SteadyTime now) {
  body_.add(std::move(bytes));
  if (body_paused_ && !rate_paused_) resume(now);
}

bool CurlExchange::must_wait_for_consumer(std::size_t bytes) {
  if (window_->unconsumed + bytes <= HttpClient::kWindow) return false;
  window_->paused = true;
  // The consumer may have caught up between the two statements; then it saw no pause and will not resume.
  if (window_->unconsumed <= HttpClient::kWindow / 2 && window_->paused.exchange(false)) return false;
  window_paused_ = true;
  return true;
}

bool CurlExchange::must_wait_for_rate(SteadyTime now) {
  const Duration wait = std::max(bucket_.wait(now), total_.wait(now));
  if (wait <= Duration::zero()) {
    waiting_since_ = {};
    return false;
  }
  if (waiting_since_ == SteadyTime{}) waiting_since_ = now;
  rate_paused_ = true;
  resume_at_ = now + wait;
  return true;
}

void CurlExchange::collect(Bytes bytes, SteadyTime now) {
  while (!bytes.empty()) {
    if (buffer_.capacity() == 0) {
      std::uint64_t want = kBuffer;
      if (length_ && *length_ > received_) want = std::min<std::uint64_t>(want, *length_ - received_);
      buffer_ = Buffer(static_cast<std::size_t>(want));
    }
    if (buffer_.empty()) oldest_ = now;
    const std::size_t taken = buffer_.append(bytes);
    bytes = bytes.subspan(taken);
    received_ += taken;
    if (buffer_.size() == buffer_.capacity()) pass_on_all();
  }
}

void CurlExchange::pass_on_all() {
  if (!buffer_.empty()) events_.push_back({id_, std::move(buffer_)});
  buffer_ = Buffer();
}

// Passes on the bytes up to the last cut; the rest waits for its block to be full. The pieces are copied, so that a
// slow origin does not fill the window with nearly empty large buffers.
void CurlExchange::pass_on_whole_cuts() {
  const std::size_t whole = buffer_.size() / kCut * kCut;
  if (whole == 0) return;
  const Bytes all = buffer_.bytes();
  Buffer rest;
  if (all.size() > whole) {
    rest = Buffer(kBuffer);
    rest.append(all.subspan(whole));
  }
  events_.push_back({id_, copy_of(all.first(whole))});
  buffer_ = std::move(rest);
  oldest_ = steady_now();
}

void CurlExchange::resume(SteadyTime now) {
  if (!paused()) return;
  rate_paused_ = window_paused_ = body_paused_ = false;
  if (!head_complete_ || carries_file_) last_progress_ = now;  // the pause was on this side: no stall
  curl_easy_pause(easy_.get(), CURLPAUSE_CONT);                // may call on_write or on_read, which may pause again
}

void CurlExchange::resume_after_rate_change(SteadyTime now) {
  if (rate_paused_ && !window_paused_) resume(now);
}

Status CurlExchange::tick(SteadyTime now) {
  if (buffer_.size() >= kCut && now - oldest_ >= kMaxAge) pass_on_whole_cuts();
  const bool refused = refused_in_a_pause();
  if (refused || (rate_paused_ && !window_paused_ && now >= resume_at_)) resume(now);
  if (refused) refused_tick_ = now + kRefusedAgain;
  if (requested_ && (refused || !paused()) && now - last_progress_ >= patience()) return stalled();
  return {};
}

Status CurlExchange::stalled() const {
  const std::string_view what = head_complete_                      ? "no byte came of the file"
                                : is_upload() && !body_.all_taken() ? "no byte could be sent"
                                                                    : "no byte came of an answer";
  return fail(ErrorCode::no_progress, (is_upload() ? "upload to " : "fetch from ") + request_.url.host,
              fmt::format("{} for {}", what, format_duration(patience())));
}

// What an upload asks for changes something at the server. Whether it is asked for again is for the rules of uploads to
// say, and the bytes of a body are gone.
bool CurlExchange::may_repeat() const {
  return !requested_ || !changes_something();
}

// libcurl sends nothing more after a refusal, but an exchange whose body pauses does not end.
bool CurlExchange::refused_in_a_pause() const {
  return is_upload() && head_complete_ && !carries_file_ && (rate_paused_ || body_paused_);
}

Duration CurlExchange::patience() const {
  if (is_upload() && body_.all_taken() && !head_complete_)
    return std::max(request_.answer_within, options_->stall_timeout);
  const bool asked_less = !is_upload() && !head_complete_ && request_.answer_within > Duration::zero();
  return asked_less ? std::min(request_.answer_within, options_->stall_timeout) : options_->stall_timeout;
}

SteadyTime CurlExchange::next_tick() const {
  if (refused_in_a_pause()) return refused_tick_;
  SteadyTime next = SteadyTime::max();
  if (buffer_.size() >= kCut) next = std::min(next, oldest_ + kMaxAge);
  if (rate_paused_ && !window_paused_) next = std::min(next, resume_at_);
  if (requested_ && !paused()) next = std::min(next, last_progress_ + patience());
  return next;
}

bool CurlExchange::try_fresh_connection(CURLcode code) {
  long connects = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &connects);
  const bool reused = connects == 0 && requested_;
  if (code == CURLE_OK || !reused || fresh_ || head_complete_ || !may_repeat() ||
      (failure_ && failure_->code != ErrorCode::bad_response)) {
    return false;
  }
  fresh_ = true;
  forget_attempt();
  curl_easy_setopt(easy_.get(), CURLOPT_FRESH_CONNECT, 1L);
  return true;
}

void CurlExchange::forget_attempt() {
  failure_.reset();
  block_ = HeaderBlock();
  requested_ = false;
  error_text_[0] = '\0';
}

void CurlExchange::begins(SteadyTime now) {
  begun_at_ = now;
  if (first_begun_at_ == SteadyTime{}) first_begun_at_ = now;
}

bool CurlExchange::hangs_after_change() const {
  if (!requested_ || lost_its_address()) return true;
  long connects = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &connects);
  return connects == 0 && !head_complete_;
}

bool CurlExchange::lost_its_address() const {
  return requested_ && is_foreign_address(local_);
}

Error CurlExchange::lost_address() const {
  return Error{ErrorCode::connection_lost, "fetch from " + request_.url.host,
               fmt::format("this machine no longer has the address {} that the connection came from", local_)};
}

bool CurlExchange::begin_anew() {
  if (head_complete_ || begun_anew_ >= kMostAnew || !may_repeat()) return false;
  ++begun_anew_;
  forget_attempt();
  curl_easy_setopt(easy_.get(), CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy_.get(), CURLOPT_DNS_CACHE_TIMEOUT, 0L);
  return true;
}

void CurlExchange::ask_again() {
  ++asked_again_;
  begin_again();
}

void CurlExchange::begin_again() {
  forget_attempt();
  refused_ = head_complete_ = carries_file_ = fresh_ = rate_paused_ = window_paused_ = body_paused_ = false;
  refusal_bytes_ = trailer_bytes_ = 0;
  easy_.reset();  // first: it points to the headers
  headers_.reset();
}

std::string CurlExchange::unresolved(CURLcode code) const {
  if (code == CURLE_COULDNT_RESOLVE_HOST) return request_.url.host;
  return code == CURLE_COULDNT_RESOLVE_PROXY ? proxy_host_ : std::string();
}

std::vector<Want> CurlExchange::wants() const {
  std::vector<Want> wants;
  if (request_.claim) wants = request_.claim->wants();
  if (wants.empty()) wants.emplace_back();
  return wants;
}

void CurlExchange::finish(CURLcode code) {
  // libcurl reports a head that the end of the connection cuts off as success, as an answer without a length.
  if (code == CURLE_OK && !head_complete_) code = CURLE_PARTIAL_FILE;
  if (code == CURLE_OK) emit_head();
  finish_with(status_of(code));
}

void CurlExchange::finish_with(Status status) {
  tell_sent();
  pass_on_all();
  events_.push_back({id_, std::move(status)});
}

Status CurlExchange::status_of(CURLcode code) {
  if (failure_ && code != CURLE_OK) return tl::unexpected(std::move(*failure_));
  CurlFailure failure;
  failure.code = code;
  failure.text = error_text_;
  failure.host = request_.url.host;
  failure.via_proxy = via_proxy_;
  failure.head_complete = head_complete_;
  failure.requested = requested_;
  failure.connect_timeout = options_->connect_timeout;
  curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &failure.os_error);
  curl_easy_getinfo(easy_.get(), CURLINFO_HTTP_CONNECTCODE, &failure.connect_status);
  return curl_status(failure);
}

}  // namespace larder::origin
