#include "base/http/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/system_error.hpp>

#include "base/text/text.h"

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

// The longest chain of a client that is followed.
constexpr int kMaxChain = 8;

Status ask_for_certificates(SSL_CTX* context, const std::string& authorities_pem) {
  const auto unreadable = [] {
    return fail(ErrorCode::certificate_rejected, "use the authorities of client certificates",
                "the file has no certificates in PEM, or one that cannot be read");
  };
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(
      BIO_new_mem_buf(authorities_pem.data(), static_cast<int>(authorities_pem.size())), &BIO_free);
  X509_STORE* const trusted = SSL_CTX_get_cert_store(context);
  std::size_t read = 0;
  for (;; ++read) {
    const std::unique_ptr<X509, decltype(&X509_free)> authority(
        PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr), &X509_free);
    if (!authority) break;
    if (X509_STORE_add_cert(trusted, authority.get()) != 1 || SSL_CTX_add_client_CA(context, authority.get()) != 1)
      return unreadable();
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (read == 0 || !at_end) return unreadable();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_verify_depth(context, kMaxChain);
  return {};
}

// With its kind; none: it is of a kind that is not told, or unfit to be compared.
std::optional<std::string> text_of(const GENERAL_NAME& name) {
  const ASN1_STRING* value = nullptr;
  std::string text;
  switch (name.type) {
    case GEN_DNS:
      value = name.d.dNSName, text = "dns:";
      break;
    case GEN_EMAIL:
      value = name.d.rfc822Name, text = "email:";
      break;
    case GEN_URI:
      value = name.d.uniformResourceIdentifier, text = "uri:";
      break;
    default:
      return std::nullopt;
  }
  const auto length = static_cast<std::size_t>(ASN1_STRING_length(value));
  const std::string_view bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)), length);
  text += name.type == GEN_DNS ? lower_case(bytes) : std::string(bytes);
  if (bytes.empty() || text.size() > kMaxCertificateName || has_control(text)) return std::nullopt;
  return text;
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  auto* const found =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> all(found, &GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()) && names.size() < kMaxCertificateNames; ++i)
    if (auto text = text_of(*sk_GENERAL_NAME_value(all.get(), i))) names.push_back(std::move(*text));
  return names;
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

  [[nodiscard]] std::optional<PeerCertificate> peer_certificate() override {
    const X509* const certificate = SSL_get0_peer_certificate(stream_.native_handle());
    if (certificate == nullptr || SSL_get_verify_result(stream_.native_handle()) != X509_V_OK) return std::nullopt;
    PeerCertificate peer;
    unsigned int length = 0;
    auto* const digest = reinterpret_cast<unsigned char*>(peer.sha256.data());
    if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1 || length != peer.sha256.size())
      return std::nullopt;
    peer.names = names_of(certificate);
    return peer;
  }

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
                                                     const std::string& private_key_pem,
                                                     const std::string& client_authorities_pem) {
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
  if (!client_authorities_pem.empty())
    if (Status asked = ask_for_certificates(native, client_authorities_pem); !asked)
      return tl::unexpected<Error>(asked.error());
  return std::make_shared<TlsContext>(std::move(parts));
}

std::shared_ptr<Transport> make_tls_transport(asio::io_context& context, UniqueFd socket,
                                              std::shared_ptr<TlsContext> tls) {
  return std::make_shared<TlsTransport>(context, std::move(socket), std::move(tls));
}

}  // namespace larder::http
