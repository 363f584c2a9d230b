#include "peer/names/dns_channel.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>
#include <utility>

#include "base/runtime/alive.h"

namespace larder::peer {
namespace {

using Descriptor = boost::asio::posix::stream_descriptor;

// A socket that c-ares opened and will close.
struct DnsSocket {
  DnsSocket(boost::asio::io_context& context, int fd) : descriptor(context) {
    boost::system::error_code refused;
    descriptor.assign(fd, refused);  // refused: nothing is heard of this socket, and its questions time out
  }
  Descriptor descriptor;
  bool wants_read = false, wants_write = false;
  bool reading = false, writing = false;  // a wait is in flight
};

Error told(int status) {
  const bool absent = status == ARES_ENOTFOUND || status == ARES_ENODATA;
  const ErrorCode code = absent                    ? ErrorCode::not_found
                         : status == ARES_EBADRESP ? ErrorCode::bad_response
                                                   : ErrorCode::name_not_resolved;
  return {code, "look up a name", ares_strerror(status)};
}

// The question was dropped together with its channel: nobody wants to hear of it.
bool is_dropped(int status) {
  return status == ARES_EDESTRUCTION || status == ARES_ECANCELLED;
}

std::vector<Endpoint> endpoints_of(const ares_addrinfo& found) {
  std::vector<Endpoint> endpoints;
  for (const ares_addrinfo_node* each = found.nodes; each != nullptr; each = each->ai_next) {
    const auto endpoint = from_sockaddr(*each->ai_addr);
    if (endpoint && std::find(endpoints.begin(), endpoints.end(), *endpoint) == endpoints.end()) {
      endpoints.push_back(*endpoint);
    }
  }
  return endpoints;
}

}  // namespace

struct DnsChannel::Impl {
  explicit Impl(Loop& runs_on) : loop(runs_on) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    alive.end_guards();
    if (timer != 0) loop.cancel(timer);
    if (channel != nullptr) ares_destroy(channel);  // calls back for each question, and for each socket
  }

  Status open(const std::string& servers) {
    ares_options options{};
    options.flags = ARES_FLAG_NOALIASES;  // no file that the environment names
    options.timeout = kFirstTryMs;
    options.tries = kTries;
    options.ndomains = 0;
    options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
      static_cast<Impl*>(self)->watch(fd, readable != 0, writable != 0);
    };
    options.sock_state_cb_data = this;
    int status = ares_init_options(
        &channel, &options,
        ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB);
    if (status == ARES_SUCCESS && !servers.empty()) status = ares_set_servers_ports_csv(channel, servers.c_str());
    if (status == ARES_SUCCESS) return {};
    return fail(ErrorCode::name_not_resolved, "ask name servers", ares_strerror(status));
  }

  // What c-ares wants to hear of a socket; of neither: it closes the socket next.
  void watch(int fd, bool readable, bool writable) {
    if (!readable && !writable) {
      const auto closing = sockets.extract(fd);
      if (closing && closing.mapped()->descriptor.is_open()) closing.mapped()->descriptor.release();
      return;
    }
    std::shared_ptr<DnsSocket>& socket = sockets[fd];
    if (!socket) socket = std::make_shared<DnsSocket>(loop.context(), fd);
    socket->wants_read = readable;
    socket->wants_write = writable;
    wait_for(socket, fd);
  }

  // A wait may have ended well before its socket was closed, or this object was destroyed: then its descriptor is let
  // go of, and this object is not touched.
  void wait_for(const std::shared_ptr<DnsSocket>& socket, int fd) {
    if (!socket->descriptor.is_open()) return;
    if (socket->wants_read && !std::exchange(socket->reading, true)) {
      socket->descriptor.async_wait(Descriptor::wait_read, [this, fd, socket](const boost::system::error_code& error) {
        socket->reading = false;
        if (!error && socket->descriptor.is_open()) ready(socket, fd, ARES_SOCKET_BAD);
      });
    }
    if (socket->wants_write && !std::exchange(socket->writing, true)) {
      socket->descriptor.async_wait(Descriptor::wait_write, [this, fd, socket](const boost::system::error_code& error) {
        socket->writing = false;
        if (!error && socket->descriptor.is_open()) ready(socket, ARES_SOCKET_BAD, fd);
      });
    }
  }

  void ready(const std::shared_ptr<DnsSocket>& socket, int readable, int writable) {
    process(readable, writable);
    wait_for(socket, readable == ARES_SOCKET_BAD ? writable : readable);
  }

  void process(int readable, int writable) {
    ares_process_fd(channel, readable, writable);
    set_timer();
  }

  void set_timer() {
    if (timer != 0) loop.cancel(std::exchange(timer, 0));
    timeval left{};
    if (ares_timeout(channel, nullptr, &left) == nullptr) return;
    // One more, as a timer that fires a fraction too early finds nothing to do.
    const Duration delay =
        std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec) + std::chrono::milliseconds(1);
    timer = loop.after(delay, [this] {
      timer = 0;
      process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    });
  }

  // Hands the answer on from the loop: `done` may destroy this object, which c-ares' own calls would not survive.
  template <class T>
  void hand_on(UniqueFunction<void(Result<T>)> done, Result<T> answer) {
    loop.post(alive.guard([done = std::move(done), answer = std::move(answer)]() mutable { done(std::move(answer)); }));
  }

  Loop& loop;
  ares_channel channel = nullptr;
  std::map<int, std::shared_ptr<DnsSocket>> sockets;
  TimerId timer = 0;
  Alive alive;
};

namespace {

// An open question; c-ares has the pointer to it, and gives it back once.
template <class Channel, class T>
struct DnsQuestion {
  Channel* channel;
  UniqueFunction<void(Result<T>)> done;
};

}  // namespace

DnsChannel::DnsChannel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DnsChannel::~DnsChannel() = default;

Result<std::unique_ptr<DnsChannel>> DnsChannel::open(Loop& loop, const std::string& servers) {
  auto impl = std::make_unique<Impl>(loop);
  if (Status opened = impl->open(servers); !opened) return tl::unexpected(std::move(opened.error()));
  return std::unique_ptr<DnsChannel>(new DnsChannel(std::move(impl)));
}

void DnsChannel::ask_srv(const std::string& name, UniqueFunction<void(Result<SrvAnswer>)> done) {
  using Question = DnsQuestion<Impl, SrvAnswer>;
  ares_query(
      impl_->channel, name.c_str(), ns_c_in, ns_t_srv,
      [](void* pointer, int status, int, unsigned char* bytes, int size) {
        const std::unique_ptr<Question> question(static_cast<Question*>(pointer));
        if (is_dropped(status)) return;
        question->channel->hand_on<SrvAnswer>(
            std::move(question->done),
            status == ARES_SUCCESS
                ? parse_srv_answer(Bytes(reinterpret_cast<const std::byte*>(bytes), static_cast<std::size_t>(size)))
                : tl::unexpected(told(status)));
      },
      std::make_unique<Question>(Question{impl_.get(), std::move(done)}).release());
  impl_->set_timer();
}

void DnsChannel::ask_addresses(const std::string& host, UniqueFunction<void(Result<std::vector<Endpoint>>)> done) {
  using Question = DnsQuestion<Impl, std::vector<Endpoint>>;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_flags = ARES_AI_NOSORT;  // all are used; sorting would open a socket for each
  ares_getaddrinfo(
      impl_->channel, host.c_str(), nullptr, &hints,
      [](void* pointer, int status, int, ares_addrinfo* found) {
        const std::unique_ptr<Question> question(static_cast<Question*>(pointer));
        const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> list(found, &ares_freeaddrinfo);
        if (is_dropped(status)) return;
        question->channel->hand_on<std::vector<Endpoint>>(
            std::move(question->done),
            status == ARES_SUCCESS ? Result<std::vector<Endpoint>>(endpoints_of(*list)) : tl::unexpected(told(status)));
      },
      std::make_unique<Question>(Question{impl_.get(), std::move(done)}).release());
  impl_->set_timer();
}

}  // namespace larder::peer
