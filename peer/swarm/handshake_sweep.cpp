#include "peer/swarm/handshake_sweep.h"

#include <libtorrent/aux_/session_impl.hpp>
#include <libtorrent/aux_/socket_type.hpp>
#include <memory>

#include "peer/swarm/peer_identity.h"

namespace larder::peer {
namespace {

namespace lt = libtorrent;

// An explicit instantiation may name a private member; the function it defines gives access to it.
template <auto kMember>
struct Expose {
  friend auto& pending_handshakes(lt::aux::session_impl& session) { return session.*kMember; }
};
auto& pending_handshakes(lt::aux::session_impl& session);
template struct Expose<&lt::aux::session_impl::m_incoming_sockets>;

// Returns the TCP socket of a handshake; null for other kinds (uTP is off).
lt::tcp::socket* transport(lt::aux::socket_type& socket) {
  auto* const secure = boost::get<lt::ssl_stream<lt::tcp::socket>>(&socket);
  return secure == nullptr ? nullptr : &secure->next_layer();
}

void end(lt::tcp::socket& socket) {
  lt::error_code ignored;  // the socket closes either way
  socket.close(ignored);   // libtorrent removes it in the aborted handshake's handler
}

}  // namespace

std::size_t HandshakeSweep::sweep(const lt::session& session, const std::function<bool(const Endpoint&)>& known) {
  const auto implementation = session.native_handle();
  std::map<Key, unsigned> pending;
  std::size_t ended = 0;
  for (const auto& handshake : pending_handshakes(*implementation)) {
    lt::tcp::socket* const socket = transport(*handshake);
    if (socket == nullptr) continue;
    lt::error_code error;
    const Endpoint remote = from_libtorrent(socket->remote_endpoint(error));
    const Key key{socket, remote};
    const auto before = seen_.find(key);
    const unsigned age = before == seen_.end() ? 0 : before->second + 1;
    if (error || age >= kMaxSweeps || pending.size() >= kMaxPending || !known(remote)) {
      end(*socket);
      ++ended;
    } else {
      pending.emplace(key, age);
    }
  }
  seen_ = std::move(pending);
  return ended;
}

void HandshakeSweep::end_all(const lt::session& session) {
  const auto implementation = session.native_handle();
  for (const auto& handshake : pending_handshakes(*implementation)) {
    if (lt::tcp::socket* const socket = transport(*handshake)) end(*socket);
  }
}

}  // namespace larder::peer
