#include "inbox/admin/admin_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/http/server.h"
#include "base/io/unix_socket.h"
#include "inbox/admin/admin_json.h"

namespace larder::inbox {
namespace {

constexpr mode_t kMode = 0666;  // the server itself says who may
constexpr std::size_t kMaxBody = 64 * kKiB;
constexpr std::uint64_t kMaxReply = 16 * kMiB;  // the largest max_reply of a configuration
constexpr std::size_t kOfStrangers = 4;         // connections of one user who is no admin: each is told so

http::HttpLimits limits() {
  http::HttpLimits limits;
  limits.head_bytes = 8 * kKiB;
  limits.target_bytes = 2 * kKiB;
  limits.body_bytes = kMaxReply;
  limits.host_required = false;
  limits.parse_ahead = 1;                   // a take changes what the next request finds
  limits.write = std::chrono::minutes(10);  // an application may work on a file while it reads it
  return limits;
}

http::PeerLimits peer_limits() {
  http::PeerLimits limits;
  limits.connections = 256;
  limits.reserve = 64;
  return limits;
}

// One request, kept alive by its callbacks.
struct Run : std::enable_shared_from_this<Run> {
  Run(AdminHandlers& the_handlers, std::shared_ptr<http::Exchange> the_exchange)
      : handlers(the_handlers), exchange(std::move(the_exchange)) {}

  void read() {
    exchange->read_body([self = shared_from_this()](const Result<Buffer>& piece) {
      if (!piece) return;  // the server answers
      if (piece->empty()) return self->go();
      self->request.body += http::as_text(piece->bytes());
      if (self->request.match.route->id != AdminRouteId::reply && self->request.body.size() > kMaxBody)
        return self->exchange->respond(
            error_answer({ErrorCode::too_large, "read the request", "its body is too large", std::nullopt}));
      self->read();
    });
  }
  void go() {
    handlers.run(request, [at = exchange](http::Response response) { at->respond(std::move(response)); });
  }

  AdminHandlers& handlers;
  std::shared_ptr<http::Exchange> exchange;
  AdminRequest request;
};

class User final : public http::ConnectionUser {
 public:
  User(AdminHandlers& handlers, uid_t user, bool admin) : handlers_(handlers), user_(user), admin_(admin) {}

  void on_request(std::shared_ptr<http::Exchange> exchange) override {
    if (!admin_)
      return exchange->respond(
          error_answer({ErrorCode::permission_denied, "serve the request",
                        fmt::format("user {} is not in server.admins of the configuration", user_), std::nullopt}));
    auto match = match_admin_route(exchange->head().method, exchange->head().target);
    if (!match) {
      http::Response response = error_answer(match.error().status, match.error().error);
      if (!match.error().allow.empty()) response.fields.push_back({"Allow", match.error().allow});
      return exchange->respond(std::move(response));
    }
    const auto run = std::make_shared<Run>(handlers_, std::move(exchange));
    run->request.match = std::move(*match);
    run->request.user = user_;
    run->read();
  }
  [[nodiscard]] http::Response refusal(const http::Refusal& refusal) override {
    return error_answer(refusal.status, refusal.error);
  }

 private:
  AdminHandlers& handlers_;
  const uid_t user_;
  const bool admin_;
};

}  // namespace

struct AdminServer::Impl {
  Impl(Loop& loop, AdminHandlers& the_handlers, InboxAdmins the_admins)
      : handlers(the_handlers),
        admins(std::move(the_admins)),
        server({loop.context(), loop, loop, loop}, limits(), peer_limits()) {}

  Result<http::Admission> admit(int socket) {
    const auto user = peer_user_id(socket);
    if (!user) return fail(ErrorCode::permission_denied, "serve a connection", "the caller is not known");
    const bool admin = admins.has(*user);
    return http::Admission{fmt::format("user {}", *user), admin, std::make_unique<User>(handlers, *user, admin),
                           admin ? std::nullopt : std::optional(kOfStrangers), "user"};
  }

  AdminHandlers& handlers;
  const InboxAdmins admins;
  std::optional<UnixListener> listener;
  UniqueFd accepting;  // a descriptor of the listening socket, until start()
  http::HttpServer server;
};

AdminServer::AdminServer(Loop& loop, AdminHandlers& handlers, InboxAdmins admins)
    : impl_(std::make_unique<Impl>(loop, handlers, std::move(admins))) {}

AdminServer::~AdminServer() = default;

Status AdminServer::open(const std::string& path) {
  auto listener = UnixListener::open(path, kMode);
  if (!listener) return tl::unexpected<Error>(listener.error());
  // The acceptor gets a descriptor of its own; the listener keeps the path.
  impl_->accepting = UniqueFd(::fcntl(listener->descriptor(), F_DUPFD_CLOEXEC, 0));
  if (!impl_->accepting) return fail(ErrorCode::internal, "listen on " + path, std::strerror(errno));
  impl_->listener.emplace(std::move(*listener));
  return {};
}

void AdminServer::start() {
  impl_->server.listen(std::move(impl_->accepting), [impl = impl_.get()](int socket) { return impl->admit(socket); });
}

void AdminServer::stop(Duration within, Task done) {
  if (impl_->listener) impl_->listener->close();
  impl_->server.stop(within, std::move(done));
}

}  // namespace larder::inbox
