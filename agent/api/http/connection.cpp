#include "agent/api/http/connection.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/api/http/descriptors_in_flight.h"
#include "base/io/log.h"
#include "base/text/text.h"

namespace larder::agent {
namespace {

constexpr Duration kLookAgain = std::chrono::milliseconds(20);  // whether descriptors were taken
constexpr std::uint64_t kLeastTaken = 64 * kKiB;                // of an answer, in ServerLimits::write_timeout

// What answers need of their connection, which they may outlive.
struct Shared : std::enable_shared_from_this<Shared> {
  Shared(const Peer& the_peer, Timers& the_timers, ConnectionOwner& the_owner)
      : peer(the_peer), timers(the_timers), owner(the_owner) {}
  ~Shared() { timers.cancel(look_timer); }

  void note_taken(int socket) {
    if (passed && has_taken_all(socket)) passed = {};
  }
  // Nothing tells when they are taken; until then they count.
  void look_whether_taken(int socket) {
    if (!passed || look_timer != 0) return;
    look_timer = timers.after(kLookAgain, [weak = weak_from_this(), socket] {
      const auto self = weak.lock();
      if (!self) return;
      self->look_timer = 0;
      self->note_taken(socket);
      self->look_whether_taken(socket);
    });
  }

  const Peer peer;
  Timers& timers;
  ConnectionOwner& owner;
  FairPlaces::Place passed;  // descriptors that the client has not taken yet
  TimerId look_timer = 0;
};

// Answers with descriptors: they go with the first byte.
class DescriptorWrite {
 public:
  DescriptorWrite(std::shared_ptr<Shared> shared, std::vector<std::shared_ptr<cache::ContentLease>> content,
                  bool may_do_without)
      : shared_(std::move(shared)), content_(std::move(content)), may_do_without_(may_do_without) {}

  http::FirstWrite operator()(int socket, std::string_view text);

 private:
  http::FirstWrite refused(int error);
  std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<cache::ContentLease>> content_;
  bool may_do_without_;
};

// Values may stem from an origin: a value that could end the line is left out.
http::Fields fields_of(const ApiResponse& response, const Peer& peer) {
  http::Fields fields = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}};
  // A page of another site must not read answers of the loopback port, not even as an image.
  if (!peer.local) fields.push_back({"Cross-Origin-Resource-Policy", "same-origin"});
  if (response.status != 204) fields.push_back({"Content-Type", response.content_type});
  for (const auto& [name, value] : response.headers)
    if (!has_control(value)) fields.push_back({name, value});
  return fields;
}

http::Response to_http(ApiResponse response, const std::shared_ptr<Shared>& shared) {
  http::Response out;
  out.status = response.status;
  out.fields = fields_of(response, shared->peer);
  out.body = std::move(response.body);
  out.endless = response.stream && !response.length;
  out.stream = std::move(response.stream);
  out.length = response.length;
  if (!response.descriptors.empty())
    out.first_write = DescriptorWrite(shared, std::move(response.descriptors), response.may_do_without);
  return out;
}

http::FirstWrite DescriptorWrite::operator()(int socket, std::string_view text) {
  using Kind = http::FirstWrite::Kind;
  if (!shared_->passed) {
    auto passed = shared_->owner.admit_descriptors(content_.size(), shared_->peer);
    if (!passed) return refused(ETOOMANYREFS);
    shared_->passed = std::move(*passed);
  }
  const ssize_t sent = send_with_descriptors(socket, text, content_);
  if (sent >= 0) {
    content_.clear();
    shared_->look_whether_taken(socket);
    return {Kind::sent, static_cast<std::size_t>(sent), nullptr};
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {Kind::later, 0, nullptr};
  if (errno == EPIPE || errno == ECONNRESET) return {Kind::broken, 0, nullptr};
  return refused(errno);
}

// Nothing has been sent yet: another answer can replace this one.
http::FirstWrite DescriptorWrite::refused(int error) {
  using Kind = http::FirstWrite::Kind;
  shared_->passed = {};
  content_.clear();
  if (may_do_without_) return {Kind::without, 0, nullptr};
  log::warn("descriptor not passed uid={} error=\"{}\"", shared_->peer.caller.uid, std::strerror(error));
  auto response = to_http(error_response({ErrorCode::busy, "pass the descriptor",
                                          fmt::format("{}; read the content as a stream", std::strerror(error))}),
                          shared_);
  response.close = true;
  return {Kind::instead, 0, std::make_unique<http::Response>(std::move(response))};
}

std::string field(const http::RequestHead& head, std::string_view name) {
  const std::string* const value = head.find(name);
  return value ? *value : std::string();
}

// A request whose body is read to its end before the handler gets it.
class WholeRequest : public std::enable_shared_from_this<WholeRequest> {
 public:
  WholeRequest(std::shared_ptr<http::Exchange> exchange, std::shared_ptr<Shared> shared, FairPlaces::Place memory)
      : exchange_(std::move(exchange)), shared_(std::move(shared)), memory_(std::move(memory)) {}

  void begin() {
    if (!exchange_->head().has_body()) return hand_on();
    body_.reserve(*exchange_->head().content_length);  // for which `memory` is
    read();
  }

 private:
  void read() {
    exchange_->read_body([self = shared_from_this()](Result<Buffer> piece) {
      if (!piece) return;  // the server has answered, or the client has gone
      if (piece->empty()) return self->hand_on();
      self->body_ += http::as_text(piece->bytes());
      self->read();
    });
  }

  void hand_on() {
    const http::RequestHead& head = exchange_->head();
    ApiRequest request;
    request.caller = shared_->peer.caller;
    request.local = shared_->peer.local;
    request.method = head.method;
    request.target = head.target;
    request.host = field(head, "Host");
    request.range = field(head, "Range");
    request.if_range = field(head, "If-Range");
    request.last_event_id = field(head, "Last-Event-ID");
    request.origin = field(head, "Origin");
    request.fetch_site = field(head, "Sec-Fetch-Site");
    request.body = std::move(body_);
    request.descriptors = exchange_->take_descriptors();
    shared_->owner.on_request(std::move(request), Responder([self = shared_from_this()](ApiResponse response) {
                                self->memory_ = {};
                                self->exchange_->respond(to_http(std::move(response), self->shared_));
                              }));
  }

  std::shared_ptr<http::Exchange> exchange_;
  std::shared_ptr<Shared> shared_;
  FairPlaces::Place memory_;
  std::string body_;
};

class ApiConnection final : public http::ConnectionUser {
 public:
  ApiConnection(const Peer& peer, Timers& timers, ConnectionOwner& owner)
      : shared_(std::make_shared<Shared>(peer, timers, owner)) {}

  void on_request(std::shared_ptr<http::Exchange> exchange) override {
    auto memory = memory_for(exchange->head());
    if (!memory) return exchange->respond(refused_body(memory.error()));
    std::make_shared<WholeRequest>(std::move(exchange), shared_, std::move(*memory))->begin();
  }

  [[nodiscard]] http::Response refusal(const http::Refusal& refusal) override {
    // api.yaml knows no other statuses for what cannot be read: of another version, with a coding that is not served.
    constexpr std::array kKnown = {408, 413, 431, 503};
    const bool known = std::find(kKnown.begin(), kKnown.end(), refusal.status) != kKnown.end();
    Error error = refusal.error;
    if (!known) error.code = ErrorCode::invalid_argument;
    return to_http(error_response(error, known ? refusal.status : 400), shared_);
  }

  void on_answered(int status) override { shared_->owner.on_answered(status); }

  void on_late(http::Wait wait) override {
    if (wait == http::Wait::write)
      log::info("client reads too slowly, connection closed uid={}", shared_->peer.caller.uid);
  }

  // Reads nothing more from a client that has not taken the descriptors of the last answer.
  [[nodiscard]] bool may_begin(int socket) override {
    shared_->note_taken(socket);
    return !shared_->passed;
  }

  void on_closing(int socket, http::SharedVisit visit) override {
    shared_->timers.cancel(std::exchange(shared_->look_timer, 0));
    shared_->note_taken(socket);
    auto passed = std::exchange(shared_->passed, {});
    if (!passed) return;
    UniqueFd kept(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
    if (kept) shared_->owner.on_untaken(std::move(kept), std::move(passed), std::move(visit));
  }

 private:
  struct BodyRefused {
    int status;
    Error error;
  };
  [[nodiscard]] tl::expected<FairPlaces::Place, BodyRefused> memory_for(const http::RequestHead& head) {
    const std::string doing = "read the request";
    if (head.chunked)
      return tl::unexpected(BodyRefused{
          411, {ErrorCode::invalid_argument, doing, "its body has no Content-Length; chunked bodies are not taken"}});
    if (!head.has_body()) return FairPlaces::Place();
    // Any web page can send to the loopback port, where no route takes a body.
    if (!shared_->peer.local)
      return tl::unexpected(
          BodyRefused{403, {ErrorCode::permission_denied, doing, "this port takes no bodies; use the agent's socket"}});
    auto reserved = shared_->owner.reserve_body(*head.content_length, shared_->peer);
    if (reserved) return std::move(*reserved);
    return tl::unexpected(BodyRefused{
        503, {ErrorCode::busy, doing, "too many requests are being read; try again", std::chrono::seconds(1)}});
  }
  // The connection closes with this answer, also where the whole body came with the head: the server reads no further
  // byte of a body that it refused, so the client must stop sending.
  [[nodiscard]] http::Response refused_body(const BodyRefused& refused) const {
    http::Response response = to_http(error_response(refused.error, refused.status), shared_);
    response.close = true;
    return response;
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace

http::HttpLimits http_limits(const ServerLimits& limits) {
  http::HttpLimits http;
  http.head_bytes = limits.header_bytes;
  http.target_bytes = limits.header_bytes;
  http.fields = limits.header_bytes;  // bounded by their bytes alone
  http.body_bytes = limits.body_bytes;
  http.host_required = false;  // a Unix socket has no name; the loopback port looks at Host itself
  http.parse_ahead = 1;        // a request is begun when the one before it has been answered
  http.first = http.head = http.body = http.request = limits.read_timeout;
  http.idle = limits.idle_timeout;
  http.write = http.rate_window = limits.write_timeout;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(limits.write_timeout).count();
  http.least_rate = kLeastTaken / static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 1));
  http.linger = limits.linger;
  http.descriptors = kMaxDescriptorsIn;
  return http;
}

std::unique_ptr<http::ConnectionUser> make_connection_user(const Peer& peer, Timers& timers, ConnectionOwner& owner) {
  return std::make_unique<ApiConnection>(peer, timers, owner);
}

}  // namespace larder::agent
