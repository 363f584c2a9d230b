// Descriptors on their way to clients. The kernel charges what was sent and not received yet to the agent's user, and
// at RLIMIT_NOFILE of them sendmsg fails for everybody (ETOOMANYREFS): so they are counted, shared by user, and a
// client that does not take them is sent nothing more. Loop thread only.
#pragma once

#include <sys/types.h>

#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/fair_places.h"
#include "base/io/unique_fd.h"
#include "base/runtime/clock.h"
#include "cache/cache.h"

namespace larder::agent {

// Sends `text`, or its beginning, with the descriptors on its first byte. As sendmsg: -1 and errno.
[[nodiscard]] ssize_t send_with_descriptors(int socket, std::string_view text,
                                            const std::vector<std::shared_ptr<cache::ContentLease>>& content);
// Whether the other end has read, or thrown away, all that was sent.
[[nodiscard]] bool has_taken_all(int socket);

class DescriptorsInFlight {
 public:
  // `limit`: that the kernel sets, RLIMIT_NOFILE.
  DescriptorsInFlight(Timers& timers, std::size_t limit);
  ~DescriptorsInFlight();
  DescriptorsInFlight(const DescriptorsInFlight&) = delete;
  DescriptorsInFlight& operator=(const DescriptorsInFlight&) = delete;

  // None: this user has too many on their way, or all have.
  [[nodiscard]] std::optional<FairPlaces::Place> admit(Owner owner, std::size_t count);
  // A connection that ended before its descriptors were taken: they count, and so does it, until its client has taken
  // them or is gone too.
  void keep(UniqueFd socket, FairPlaces::Place descriptors, FairPlaces::Place connection);
  [[nodiscard]] std::size_t count() const { return places_.held(); }
  [[nodiscard]] static std::size_t limit_of_process();

 private:
  struct Ended {
    UniqueFd socket;
    FairPlaces::Place descriptors, connection;
  };
  void look();
  void look_later();

  Timers& timers_;
  FairPlaces places_;
  std::list<Ended> ended_;
  TimerId timer_ = 0;
};

}  // namespace larder::agent
