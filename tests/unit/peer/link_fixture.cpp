#include "tests/unit/peer/link_fixture.h"

#include <openssl/ssl.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

namespace larder::peer {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct Stranger::Impl : std::enable_shared_from_this<Stranger::Impl> {
  Impl(asio::io_context& io, const Options& with) : options(with), context(make_context(with)), stream(io, context) {}

  static asio::ssl::context make_context(const Options& options) {
    asio::ssl::context out(asio::ssl::context::tls);
    if (options.highest_version != 0) SSL_CTX_set_max_proto_version(out.native_handle(), options.highest_version);
    if (!options.authority_pem.empty()) out.add_certificate_authority(asio::buffer(options.authority_pem));
    if (!options.certificate_pem.empty()) {
      out.use_certificate(asio::buffer(options.certificate_pem), asio::ssl::context::pem);
      out.use_private_key(asio::buffer(options.private_key_pem), asio::ssl::context::pem);
    }
    return out;
  }

  void start(const Endpoint& to) {
    tcp::socket& socket = stream.next_layer();
    socket.open(tcp::v4());
    socket.bind({asio::ip::make_address(options.from), 0});
    socket.connect({asio::ip::make_address(to.host()), to.port});
    if (!options.tls) {
      read();
      return;
    }
    stream.async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](const error_code& error) {
      self->shook_hands = !error;
      self->ended = static_cast<bool>(error);
      if (!error) self->read();
    });
  }
  void read() {
    const auto on_read = [self = shared_from_this()](const error_code& error, std::size_t size) {
      self->received.append(self->chunk.data(), size);
      self->ended = static_cast<bool>(error);
      if (!error) self->read();
    };
    if (options.tls) {
      stream.async_read_some(asio::buffer(chunk), on_read);
    } else {
      stream.next_layer().async_read_some(asio::buffer(chunk), on_read);
    }
  }
  void send(std::string_view bytes) {
    const auto kept = std::make_shared<std::string>(bytes);
    const auto on_sent = [self = shared_from_this(), kept](const error_code&, std::size_t) {};
    if (options.tls) {
      asio::async_write(stream, asio::buffer(*kept), on_sent);
    } else {
      asio::async_write(stream.next_layer(), asio::buffer(*kept), on_sent);
    }
  }

  const Options options;
  asio::ssl::context context;
  asio::ssl::stream<tcp::socket> stream;
  std::array<char, 16 * 1024> chunk{};
  std::string received;
  bool shook_hands = false;
  bool ended = false;
};

Stranger::Stranger(asio::io_context& io, const Endpoint& to, const Options& options)
    : impl_(std::make_shared<Impl>(io, options)) {
  impl_->start(to);
}
Stranger::~Stranger() {
  close();
}
void Stranger::send(std::string_view bytes) {
  impl_->send(bytes);
}
void Stranger::close() {
  error_code ignored;  // it is closed whatever this says
  impl_->stream.next_layer().close(ignored);
}
bool Stranger::shook_hands() const {
  return impl_->shook_hands;
}
bool Stranger::ended() const {
  return impl_->ended;
}
const std::string& Stranger::received() const {
  return impl_->received;
}

}  // namespace larder::peer
