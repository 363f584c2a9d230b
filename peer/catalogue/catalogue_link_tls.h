// TLS as the catalogue uses it: one context for both directions, the peer's identity, the meaning of failures. Private
// to the link's sources, since it includes asio. Exceptions and OpenSSL stay in here.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/runtime/clock.h"
#include "peer/catalogue/catalogue_link.h"

namespace larder::peer {

using TlsContext = boost::asio::ssl::context;
using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

// Makes a context: TLS 1.3 only; it trusts the authority alone and shows the certificate where there is one. Error:
// certificate_rejected when these cannot be used together. Sessions are not resumed: the check of a certificate holds
// for its connection only.
[[nodiscard]] Result<std::shared_ptr<TlsContext>> make_tls_context(const LinkCredentials& credentials);

enum class ClientCertificate { required, optional };
void prepare_server(TlsStream& stream, ClientCertificate certificate);
void prepare_client(TlsStream& stream);

// The peer's certificate after a handshake, which has checked signature, dates and purpose (as check_leaf() does).
struct PeerFacts {
  AgentId agent{};
  WallTime certificate_end{};
};
// Returns nullopt where no certificate was shown or its key is not an agent's.
[[nodiscard]] std::optional<PeerFacts> peer_facts(TlsStream& stream);
[[nodiscard]] bool shows_certificate(TlsStream& stream);
// Returns whether the peer began to speak TLS, so that the handshake has cost work.
[[nodiscard]] bool handshake_began(TlsStream& stream);

// Translates a failure of a client's connection. `code` is used for failures without a particular meaning.
[[nodiscard]] Error link_error(const boost::system::error_code& error, TlsStream& stream, ErrorCode code,
                               std::string doing);

[[nodiscard]] Endpoint to_endpoint(const boost::asio::ip::tcp::endpoint& endpoint);
[[nodiscard]] boost::asio::ip::tcp::endpoint from_endpoint(const Endpoint& endpoint);

}  // namespace larder::peer
