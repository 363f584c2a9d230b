#include "peer/catalogue/catalogue_link_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

namespace larder::peer {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr long kMaxCertificates = 16 * 1024;  // bytes of certificates that the peer may send

tl::unexpected<Error> unusable(const error_code& error) {
  return fail(ErrorCode::certificate_rejected, "use the certificates of the group",
              error ? error.message() : "the private key is not of the certificate");
}

void restrict(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context, kMaxCertificates);
  // A group uses one key exchange and one signature only, so that no second round trip is needed to agree on another.
  SSL_CTX_set1_groups_list(context, "X25519");
  SSL_CTX_set1_sigalgs_list(context, "ed25519");
}

struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;

Certificate certificate_of(TlsStream& stream) {
  return Certificate(SSL_get1_peer_certificate(stream.native_handle()));
}

// Returns whether an alert means that the peer refuses this certificate (RFC 8446 §6.2). A signature that does not
// verify is a decrypt error there.
bool certificate_alert(int reason) {
  constexpr std::array kReasons = {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,       SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
                                   SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,   SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
                                   SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,   SSL_R_TLSV1_ALERT_UNKNOWN_CA,
                                   SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, SSL_R_TLSV1_ALERT_ACCESS_DENIED,
                                   SSL_R_TLSV1_ALERT_DECRYPT_ERROR};
  return std::find(kReasons.begin(), kReasons.end(), reason) != kReasons.end();
}

Error tls_error(const error_code& error, TlsStream& stream, std::string doing) {
  const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
  const long why = SSL_get_verify_result(stream.native_handle());
  if (why != X509_V_OK) {  // `error` itself may come from any step of the chain's check
    return {ErrorCode::certificate_rejected, std::move(doing),
            std::string("its certificate is refused: ") + X509_verify_cert_error_string(why)};
  }
  if (certificate_alert(reason)) {
    return {ErrorCode::certificate_rejected, std::move(doing),
            "it refuses the certificate of this agent: " + error.message()};
  }
  return {ErrorCode::tls_failed, std::move(doing), error.message()};
}

}  // namespace

Result<std::shared_ptr<TlsContext>> make_tls_context(const LinkCredentials& credentials) {
  error_code error;
  const auto context = std::make_shared<TlsContext>(TlsContext::tls);
  restrict(context->native_handle());
  context->add_certificate_authority(asio::buffer(credentials.authority_pem), error);
  if (error) return unusable(error);
  if (credentials.certificate_pem.empty()) return context;
  context->use_certificate(asio::buffer(credentials.certificate_pem), TlsContext::pem, error);
  if (error) return unusable(error);
  context->use_private_key(asio::buffer(credentials.private_key_pem), TlsContext::pem, error);
  if (error) return unusable(error);
  if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
    ERR_clear_error();
    return unusable({});
  }
  return context;
}

void prepare_server(TlsStream& stream, ClientCertificate certificate) {
  error_code ignored;  // cannot fail: it sets a number
  const auto required = certificate == ClientCertificate::required ? asio::ssl::verify_fail_if_no_peer_cert : 0;
  stream.set_verify_mode(asio::ssl::verify_peer | required, ignored);
}

void prepare_client(TlsStream& stream) {
  error_code ignored;  // as above
  stream.set_verify_mode(asio::ssl::verify_peer, ignored);
}

std::optional<PeerFacts> peer_facts(TlsStream& stream) {
  const Certificate certificate = certificate_of(stream);
  if (!certificate) return std::nullopt;
  PeerFacts facts;
  std::size_t size = facts.agent.size();
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  std::tm end{};
  const bool good =
      key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 &&
      EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(facts.agent.data()), &size) == 1 &&
      size == facts.agent.size() && ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) == 1;
  ERR_clear_error();
  if (!good) return std::nullopt;
  facts.certificate_end = WallTime(std::chrono::system_clock::from_time_t(timegm(&end)));
  return facts;
}

bool shows_certificate(TlsStream& stream) {
  return certificate_of(stream) != nullptr;
}

bool handshake_began(TlsStream& stream) {
  return SSL_get_state(stream.native_handle()) != TLS_ST_BEFORE;
}

Error link_error(const error_code& error, TlsStream& stream, ErrorCode code, std::string doing) {
  if (error.category() == asio::error::get_ssl_category()) return tls_error(error, stream, std::move(doing));
  const bool ended = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
  return {code, std::move(doing), ended ? "it closed the connection" : error.message()};
}

Endpoint to_endpoint(const asio::ip::tcp::endpoint& endpoint) {
  Endpoint out;
  out.port = endpoint.port();
  const auto address = endpoint.address();
  const auto bytes = address.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes()
                                     : address.to_v6().to_bytes();
  std::transform(bytes.begin(), bytes.end(), out.address.begin(), [](unsigned char byte) { return std::byte{byte}; });
  if (address.is_v6()) out.scope = static_cast<std::uint32_t>(address.to_v6().scope_id());
  return out;
}

asio::ip::tcp::endpoint from_endpoint(const Endpoint& endpoint) {
  asio::ip::address_v6::bytes_type bytes;
  std::transform(endpoint.address.begin(), endpoint.address.end(), bytes.begin(),
                 [](std::byte byte) { return static_cast<unsigned char>(byte); });
  const asio::ip::address_v6 address(bytes, endpoint.scope);
  if (address.is_v4_mapped()) return {asio::ip::make_address_v4(asio::ip::v4_mapped, address), endpoint.port};
  return {address, endpoint.port};
}

}  // namespace larder::peer
