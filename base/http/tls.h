// TLS 1.3 for the server: a certificate, and streams over sockets. Asio and OpenSSL are in tls.cpp alone. Loop thread,
// but for TlsContext::make(), which any thread may call. Older versions are not taken.
#pragma once

#include <memory>
#include <string>

#include "base/http/transport.h"
#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder::http {

class TlsContext {
 public:
  struct Parts;
  // Texts in PEM: the server's certificate, with those between it and its authority behind it; its private key, without
  // a password. certificate_rejected: one of them cannot be read, or they do not belong together.
  //
  // `client_authorities_pem`, where it is not empty: clients are asked for a certificate. One that none of these has
  // signed, or whose time is over, ends the handshake; a client without one is served, and who it is must be told in
  // another way (Transport::peer_certificate()). Revocation lists are not looked at.
  [[nodiscard]] static Result<std::shared_ptr<TlsContext>> make(const std::string& certificates_pem,
                                                                const std::string& private_key_pem,
                                                                const std::string& client_authorities_pem = {});
  explicit TlsContext(std::unique_ptr<Parts> parts);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  [[nodiscard]] Parts& parts() const { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

// The server's side, over a connected, non-blocking stream socket. The stream keeps the context; a server that is given
// another one uses that for connections to come.
[[nodiscard]] std::shared_ptr<Transport> make_tls_transport(boost::asio::io_context& context, UniqueFd socket,
                                                            std::shared_ptr<TlsContext> tls);

}  // namespace larder::http
