#include "inbox/front/inbox_server.h"

#include <chrono>
#include <limits>

#include "base/io/log.h"
#include "base/io/tcp_socket.h"
#include "inbox/model/dialect_names.h"
#include "inbox/wire/wire.h"

namespace larder::inbox {
namespace {

constexpr std::size_t kMaxLoggedPath = 200;
constexpr std::chrono::minutes kRateWindow{5};
// A connection has one read and one piece of a body in memory: 1,000 at once stay below 200 MiB.
constexpr std::size_t kReadBytes = 64 * kKiB;
constexpr std::size_t kBytesPerPeer = 64 * kMiB;

// Without the query, where clients put secrets.
std::string_view logged_path(std::string_view target) {
  return target.substr(0, std::min(target.find('?'), kMaxLoggedPath));
}

}  // namespace

struct InboxServer::Impl {
  // One connection's.
  class User final : public http::ConnectionUser {
   public:
    User(Impl& impl, std::string from) : impl_(impl), from_(std::move(from)) {}
    void on_request(std::shared_ptr<http::Exchange> exchange) override {
      under_way_ = exchange;
      impl_.run(std::move(exchange), from_, certificate_);
    }
    void on_certificate(http::PeerCertificate certificate) override { certificate_ = std::move(certificate); }
    // A body that is too slow has its answer in the protocol of the request: 408 ends tus-js-client for good.
    http::Response refusal(const http::Refusal& refusal) override {
      const auto exchange = under_way_.lock();
      if (!exchange || refusal.error.code != ErrorCode::timed_out) return http::refusal_response(refusal);
      return answer_slow_body(exchange->head(), impl_.parts_.wire_settings(nullptr, exchange->head()));
    }
    void on_answered(int status) override {
      under_way_.reset();
      ++impl_.statuses_[status];
    }
    void on_late(http::Wait wait) override {
      log::info("a client was too slow from={} wait={}", from_, static_cast<int>(wait));
    }

   private:
    Impl& impl_;
    const std::string from_;
    std::optional<http::PeerCertificate> certificate_;
    std::weak_ptr<http::Exchange> under_way_;  // until it is answered
  };

  Impl(Loop& loop, const FrontParts& parts, const FrontSettings& settings)
      : loop_(loop),
        parts_(parts),
        settings_(settings),
        server_({loop.context(), loop, loop, loop}, settings_.limits, settings_.peers) {}

  Result<http::Admission> admit(int socket) {
    std::string from = peer_network(socket);
    auto user = std::make_unique<User>(*this, from);
    return http::Admission{std::move(from), false, std::move(user), std::nullopt, "address"};
  }

  void run(std::shared_ptr<http::Exchange> exchange, const std::string& from,
           const std::optional<http::PeerCertificate>& certificate) {
    const SteadyTime began = loop_.now();
    // The head is needed for the log when the exchange may have gone.
    auto line = std::pair(exchange->head().method, std::string(logged_path(exchange->head().target)));
    run_request(
        parts_, std::move(exchange),
        [this, began, from, line = std::move(line)](const RequestOutcome& outcome) {
          ++answers_[{outcome.dialect, outcome.status}];
          if (!settings_.access_log) return;
          const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - began);
          log::info("request method={} path={} dialect={} status={} principal={} upload={} from={} ms={}", line.first,
                    line.second, dialect_name(outcome.dialect), outcome.status, outcome.principal, outcome.upload, from,
                    passed.count());
        },
        certificate);
  }

  Loop& loop_;
  const FrontParts& parts_;
  const FrontSettings settings_;
  std::map<std::pair<Dialect, int>, std::uint64_t> answers_;
  std::map<int, std::uint64_t> statuses_;
  http::HttpServer server_;  // last: its connections use the members above
};

InboxServer::InboxServer(Loop& loop, const FrontParts& parts, const FrontSettings& settings)
    : impl_(std::make_unique<Impl>(loop, parts, settings)) {}

InboxServer::~InboxServer() = default;

void InboxServer::listen(UniqueFd socket, std::shared_ptr<http::TlsContext> tls) {
  impl_->server_.listen(
      std::move(socket), [impl = impl_.get()](int accepted) { return impl->admit(accepted); }, std::move(tls));
}

void InboxServer::use_certificate(const std::shared_ptr<http::TlsContext>& tls) {
  impl_->server_.use_certificate(tls);
}

void InboxServer::stop(Duration within, Task done) {
  impl_->server_.stop(within, std::move(done));
}

FrontFigures InboxServer::figures() const {
  return {impl_->server_.figures(), impl_->statuses_, impl_->answers_};
}

FrontSettings front_settings(const ServerConfig& config) {
  FrontSettings settings;
  settings.access_log = config.access_log;
  http::HttpLimits& limits = settings.limits;
  limits.body_bytes = std::numeric_limits<std::uint64_t>::max();  // Uploads hold them to those of the inbox
  limits.parse_ahead = 1;  // an upload changes what the next request of the connection finds
  limits.read_bytes = kReadBytes;
  limits.body = config.stall_timeout;
  limits.least_rate = config.least_rate;
  limits.rate_window = kRateWindow;
  http::PeerLimits& peers = settings.peers;
  peers.connections = config.max_connections;
  peers.reserve = 0;
  peers.connections_per_peer = config.connections_per_address;
  peers.requests_per_peer = config.connections_per_address;
  peers.bytes_per_peer = kBytesPerPeer;
  return settings;
}

WireSettings wire_settings(const ServerConfig& config, const InboxConfig* inbox) {
  WireSettings wire;
  wire.base_url = config.base_url;
  wire.scheme = config.certificate.empty() ? "http" : "https";
  wire.challenges = Access::challenges();
  if (!config.bits_host_id.empty()) {
    wire.bits_host_id = config.bits_host_id;
    if (config.bits_fallback > Duration::zero())
      wire.bits_host_id_fallback = std::chrono::duration_cast<std::chrono::seconds>(config.bits_fallback);
  }
  if (inbox == nullptr) return wire;
  wire.max_size = inbox->max_size;
  if (inbox->max_part > 0) wire.max_part = inbox->max_part;
  wire.bits_empty_files = inbox->empty_bits;
  return wire;
}

}  // namespace larder::inbox
