// A connected stream as a connection of the server uses it: a socket, TLS over one, or a test's. Loop thread.
//
// Every call is answered by its callback once, later, never within the call. At most one read, one write and one
// wait_end are under way at a time. After close() no callback comes; what it held is destroyed with the transport.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash/buffer.h"
#include "base/http/peer_certificate.h"
#include "base/io/unique_fd.h"
#include "base/result.h"
#include "base/unique_function.h"

namespace boost::asio {
class io_context;
}

namespace larder::http {

class Transport {
 public:
  using Done = UniqueFunction<void(Status)>;
  using Written = UniqueFunction<void(Result<std::size_t>)>;
  // Empty: the other side has ended its sending side.
  using Read = UniqueFunction<void(Result<Buffer>)>;

  virtual ~Transport() = default;
  // Of TLS; a plain socket has none and answers at once. An error: it is of no use any more.
  virtual void handshake(Done done) = 0;
  // Some bytes, at most `most`.
  virtual void read(std::size_t most, Read done) = 0;
  // Some of the bytes, in their order; they stay there until `done`, or until close().
  virtual void write(std::span<const std::string_view> pieces, Written done) = 0;
  // The socket takes bytes again.
  virtual void wait_writable(Done done) = 0;
  // The other side is gone altogether: nothing can be sent to it. Where that cannot be told it does not come.
  virtual void wait_end(Task gone) = 0;
  // No more is written: the other side sees the end.
  virtual void end_sending(Done done) = 0;
  virtual void close() = 0;
  // Owned; -1: there is none that bytes could be written to around this transport (TLS, tests).
  [[nodiscard]] virtual int plain_socket() const = 0;
  // Received with the last read's bytes (SCM_RIGHTS), in their order; each once.
  [[nodiscard]] virtual std::vector<UniqueFd> take_descriptors() { return {}; }
  // After the handshake; none: the client showed no certificate, or was not asked for one.
  [[nodiscard]] virtual std::optional<PeerCertificate> peer_certificate() { return std::nullopt; }
};

// Over a connected, non-blocking stream socket. `descriptors`: how many it takes with one read; others are closed.
[[nodiscard]] std::shared_ptr<Transport> make_plain_transport(boost::asio::io_context& context, UniqueFd socket,
                                                              std::size_t descriptors = 0);

}  // namespace larder::http
