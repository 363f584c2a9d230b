#include "agent/api/http/descriptors_in_flight.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace larder::agent {
namespace {

constexpr std::size_t kMaxDescriptors = 64;  // of one answer
constexpr Duration kLookAgain = std::chrono::milliseconds(200);
constexpr rlim_t kManyFiles = 1U << 20U;  // a larger limit counts as this

}  // namespace

ssize_t send_with_descriptors(int socket, std::string_view text,
                              const std::vector<std::shared_ptr<cache::ContentLease>>& content) {
  std::array<int, kMaxDescriptors> descriptors{};
  const std::size_t count = std::min(content.size(), kMaxDescriptors);
  for (std::size_t i = 0; i < count; ++i) descriptors[i] = content[i]->descriptor();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> control{};
  iovec part{const_cast<char*>(text.data()), text.size()};  // NOLINT(cppcoreguidelines-pro-type-const-cast): only read
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * count);
  std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * count);
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

bool has_taken_all(int socket) {
  int waiting = 0;
  return ::ioctl(socket, SIOCOUTQ, &waiting) != 0 || waiting == 0;
}

// Leaves a part of the kernel's limit for descriptors that the agent passes in other ways.
DescriptorsInFlight::DescriptorsInFlight(Timers& timers, std::size_t limit)
    : timers_(timers), places_(std::max(limit - limit / 8, kMaxDescriptors)) {}

DescriptorsInFlight::~DescriptorsInFlight() {
  timers_.cancel(timer_);
}

std::size_t DescriptorsInFlight::limit_of_process() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 1024;
  return static_cast<std::size_t>(std::min(files.rlim_cur, kManyFiles));
}

std::optional<FairPlaces::Place> DescriptorsInFlight::admit(Owner owner, std::size_t count) {
  if (!places_.may_take(owner, count)) return std::nullopt;
  return places_.take_places(owner, count);
}

void DescriptorsInFlight::keep(UniqueFd socket, FairPlaces::Place descriptors, http::SharedVisit connection) {
  ::shutdown(socket.get(), SHUT_RDWR);  // the client can still read the sent bytes, then sees the end
  ended_.push_back({std::move(socket), std::move(descriptors), std::move(connection)});
  look_later();
}

void DescriptorsInFlight::look_later() {
  if (timer_ != 0 || ended_.empty()) return;
  timer_ = timers_.after(kLookAgain, [this] {
    timer_ = 0;
    look();
  });
}

void DescriptorsInFlight::look() {
  for (auto it = ended_.begin(); it != ended_.end();) {
    if (!has_taken_all(it->socket.get())) {
      ++it;
      continue;
    }
    it = ended_.erase(it);
  }
  look_later();
}

}  // namespace larder::agent
