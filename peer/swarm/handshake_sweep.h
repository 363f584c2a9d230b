// Ends pending TLS handshakes of incoming connections. libtorrent 2.0.8 neither counts nor times them: silent
// connections would stay for ever, and those pending at its end are used after they are freed. Network thread; private
// to the swarm. It reads a private member of libtorrent's session, by the header of the installed library.
#pragma once

#include <functional>
#include <libtorrent/session.hpp>
#include <map>
#include <utility>

#include "peer/common/endpoint.h"

namespace larder::peer {

class HandshakeSweep {
 public:
  static constexpr std::size_t kMaxPending = 64;
  static constexpr unsigned kMaxSweeps = 5;

  // Call about every second. Ends handshakes that have been pending for kMaxSweeps sweeps, those from addresses that
  // are not `known`, and those beyond kMaxPending. Returns their number.
  std::size_t sweep(const libtorrent::session& session, const std::function<bool(const Endpoint&)>& known);
  // Ends all pending handshakes; call before the session ends.
  static void end_all(const libtorrent::session& session);

 private:
  using Key = std::pair<const void*, Endpoint>;  // with the endpoint: a freed socket's address may be used again
  std::map<Key, unsigned> seen_;                 // number of sweeps in which it was pending
};

}  // namespace larder::peer
