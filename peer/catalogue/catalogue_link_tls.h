// TLS as the catalogue uses it: one context for both directions, who is at the other end, what went wrong. Private to
// the link's sources, since it brings asio along. Exceptions and OpenSSL stay in here.
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

// TLS 1.3 only; trusts the authority alone; shows the certificate where there is one. certificate_rejected when they
// cannot be used together. Nothing is resumed: what was found out about a certificate ends with its connection.
[[nodiscard]] Result<std::shared_ptr<TlsContext>> make_tls_context(const LinkCredentials& credentials);

enum class ClientCertificate { required, optional };
void prepare_server(TlsStream& stream, ClientCertificate certificate);
void prepare_client(TlsStream& stream);

// After a handshake, which has checked signature, dates and purpose (as check_leaf() does).
struct PeerFacts {
  AgentId agent{};
  WallTime certificate_end{};
};
// Nothing where no certificate was shown, or its key is not an agent's.
[[nodiscard]] std::optional<PeerFacts> peer_facts(TlsStream& stream);
[[nodiscard]] bool shows_certificate(TlsStream& stream);
// Whether the other side began to speak TLS, so that the handshake has cost something.
[[nodiscard]] bool handshake_began(TlsStream& stream);

// What a failure of a client's connection means. `code` is for failures that say nothing particular.
[[nodiscard]] Error link_error(const boost::system::error_code& error, TlsStream& stream, ErrorCode code,
                               std::string doing);

[[nodiscard]] Endpoint to_endpoint(const boost::asio::ip::tcp::endpoint& endpoint);
[[nodiscard]] boost::asio::ip::tcp::endpoint from_endpoint(const Endpoint& endpoint);

}  // namespace larder::peer
