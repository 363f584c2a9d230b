#include "base/http/tls.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/system_error.hpp>

namespace larder::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;

constexpr std::size_t kRecord = 16 * 1024;  // what one record of TLS holds

tl::unexpected<Error> unusable(const error_code& error) {
  return fail(
      ErrorCode::certificate_rejected, "use the server's certificate",
      error ? error.message() : "the private key is not that of the certificate; give the pair that belongs together");
}

tl::unexpected<Error> lost(const error_code& error) {
  return fail(ErrorCode::connection_lost, "speak to the client over TLS", error.message());
}

// The end without a close_notify is the end of a connection like any other here: bodies carry their own lengths.
bool is_end(const error_code& error) {
  return error == asio::error::eof || error == asio::ssl::error::stream_truncated;
}

void restrict(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

class TlsTransport final : public Transport, public std::enable_shared_from_this<TlsTransport> {
 public:
  TlsTransport(asio::io_context& context, UniqueFd socket, std::shared_ptr<TlsContext> tls);

  void handshake(Done done) override {
    if (unwatched_)
      return asio::post(stream_.get_executor(), [self = shared_from_this(), done = std::move(done)]() mutable {
        if (!self->closed_) done(lost(self->unwatched_));
      });
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [self = shared_from_this(), done = std::move(done)](error_code error) mutable {
                              if (self->closed_) return;
                              if (error)
                                return done(fail(ErrorCode::tls_failed, "begin TLS with the client", error.message()));
                              done({});
                            });
  }

  void read(std::size_t most, Read done) override {
    if (ending_)
      read_from(stream_.next_layer(), most, std::move(done));
    else
      read_from(stream_, most, std::move(done));
  }

  // Asio encrypts one buffer for each call; pieces of a few bytes would each become a record.
  void write(std::span<const std::string_view> pieces, Written done) override {
    record_.clear();
    for (const std::string_view piece : pieces) record_ += piece.substr(0, kRecord - record_.size());
    stream_.async_write_some(asio::buffer(record_), [self = shared_from_this(), done = std::move(done)](
                                                        error_code error, std::size_t count) mutable {
      if (self->closed_) return;
      if (error) return done(lost(error));
      done(count);
    });
  }

  void wait_writable(Done done) override {
    asio::post(stream_.get_executor(), [self = shared_from_this(), done = std::move(done)]() mutable {
      if (!self->closed_) done({});
    });
  }

  void wait_end(Task) override {}  // a read sees the end

  // It waits for the client's close_notify as well, and fails where that sends something else before.
  void end_sending(Done done) override {
    ending_ = true;
    stream_.async_shutdown([self = shared_from_this(), done = std::move(done)](error_code) mutable {
      if (self->closed_) return;
      ::shutdown(self->stream_.next_layer().native_handle(), SHUT_WR);
      done({});
    });
  }

  void close() override {
    closed_ = true;
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

  [[nodiscard]] int plain_socket() const override { return -1; }

 private:
  // Once this side has ended, OpenSSL takes nothing from a client that still sends; its bytes are thrown away as they
  // are then, so that it can read the last answer.
  template <class Stream>
  void read_from(Stream& stream, std::size_t most, Read done) {
    Buffer buffer(most);
    const auto room = asio::buffer(buffer.writable().data(), most);
    const bool encrypted = !ending_;
    stream.async_read_some(room, [self = shared_from_this(), encrypted, most, buffer = std::move(buffer),
                                  done = std::move(done)](error_code error, std::size_t count) mutable {
      if (self->closed_) return;
      if (error && !is_end(error) && encrypted && self->ending_) return self->read(most, std::move(done));
      if (error && !is_end(error)) return done(lost(error));
      buffer.grow(error ? 0 : count);
      done(std::move(buffer));
    });
  }

  std::shared_ptr<TlsContext> tls_;
  asio::ssl::stream<Socket> stream_;
  std::string record_;    // what is being written
  error_code unwatched_;  // the system cannot have it waited for: out of memory
  bool ending_ = false, closed_ = false;
};

}  // namespace

struct TlsContext::Parts {
  asio::ssl::context context{asio::ssl::context::tls_server};
};

TlsContext::TlsContext(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsContext::~TlsContext() = default;

namespace {

int family_of(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  return address.ss_family;
}

TlsTransport::TlsTransport(asio::io_context& context, UniqueFd socket, std::shared_ptr<TlsContext> tls)
    : tls_(std::move(tls)), stream_(context, tls_->parts().context) {
  stream_.next_layer().assign(asio::generic::stream_protocol(family_of(socket.get()), 0), socket.get(), unwatched_);
  if (!unwatched_) (void)socket.release();
}

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::make(const std::string& certificates_pem,
                                                     const std::string& private_key_pem) {
  std::unique_ptr<Parts> parts;
  try {
    parts = std::make_unique<Parts>();
  } catch (const boost::system::system_error& thrown) {
    return fail(ErrorCode::tls_failed, "set TLS up", thrown.what());
  }
  error_code error;
  SSL_CTX* const native = parts->context.native_handle();
  restrict(native);
  parts->context.use_certificate_chain(asio::buffer(certificates_pem), error);
  if (error) return unusable(error);
  parts->context.use_private_key(asio::buffer(private_key_pem), asio::ssl::context::pem, error);
  if (error) return unusable(error);
  if (SSL_CTX_check_private_key(native) != 1) return unusable({});
  return std::make_shared<TlsContext>(std::move(parts));
}

std::shared_ptr<Transport> make_tls_transport(asio::io_context& context, UniqueFd socket,
                                              std::shared_ptr<TlsContext> tls) {
  return std::make_shared<TlsTransport>(context, std::move(socket), std::move(tls));
}

}  // namespace larder::http
