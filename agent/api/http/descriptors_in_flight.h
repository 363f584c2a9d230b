// Descriptors in flight to clients. The kernel charges those sent and not yet received to the agent's user, and from
// RLIMIT_NOFILE of them on, sendmsg fails for all users (ETOOMANYREFS). So they are counted and shared by user, and a
// client that does not take them is sent nothing more. Loop thread only.
#pragma once

#include <sys/types.h>

#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/fair_places.h"
#include "base/http/exchange.h"
#include "base/io/unique_fd.h"
#include "base/runtime/clock.h"
#include "cache/content_lease.h"

namespace larder::agent {

// Sends `text`, or its beginning, with the descriptors on its first byte. Returns as sendmsg: -1 with errno.
[[nodiscard]] ssize_t send_with_descriptors(int socket, std::string_view text,
                                            const std::vector<std::shared_ptr<cache::ContentLease>>& content);
// Returns true if the other end has read, or discarded, everything that was sent.
[[nodiscard]] bool has_taken_all(int socket);

class DescriptorsInFlight {
 public:
  // `limit`: the kernel's, RLIMIT_NOFILE.
  DescriptorsInFlight(Timers& timers, std::size_t limit);
  ~DescriptorsInFlight();
  DescriptorsInFlight(const DescriptorsInFlight&) = delete;
  DescriptorsInFlight& operator=(const DescriptorsInFlight&) = delete;

  // Returns none if this user, or all users together, have too many in flight.
  [[nodiscard]] std::optional<FairPlaces::Place> admit(Owner owner, std::size_t count);
  // Keeps the socket of a connection that ended before its descriptors were taken. Descriptors and connection still
  // count, until the client has taken them or is gone too.
  void keep(UniqueFd socket, FairPlaces::Place descriptors, http::SharedVisit connection);
  [[nodiscard]] std::size_t count() const { return places_.held(); }
  [[nodiscard]] static std::size_t limit_of_process();

 private:
  struct Ended {
    UniqueFd socket;
    FairPlaces::Place descriptors;
    http::SharedVisit connection;
  };
  void look();
  void look_later();

  Timers& timers_;
  FairPlaces places_;
  std::list<Ended> ended_;
  TimerId timer_ = 0;
};

}  // namespace larder::agent
