// libtorrent 2.0.8 neither counts nor times TLS handshakes of who connects to it: silent connections would stay for
// ever, and those pending at its end are used after they are freed. This ends them. Network thread; private to the
// swarm. It reads a private member of libtorrent's session, whose header is that of the installed library.
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

  // To be called about every second. Ends what has been pending for so many sweeps, what comes from an address that
  // is not `known`, and what is beyond the bound; how many that were.
  std::size_t sweep(const libtorrent::session& session, const std::function<bool(const Endpoint&)>& known);
  // Everything that is pending: before the session ends.
  static void end_all(const libtorrent::session& session);

 private:
  using Key = std::pair<const void*, Endpoint>;  // a freed socket's place may be taken by another connection's
  std::map<Key, unsigned> seen_;                 // for how many sweeps
};

}  // namespace larder::peer
