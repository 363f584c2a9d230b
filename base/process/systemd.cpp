#include "base/process/systemd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/io/log.h"
#include "base/io/unique_fd.h"

namespace larder {
namespace {

constexpr int kFirstSocket = 3;  // SD_LISTEN_FDS_START
constexpr int kMaxSockets = 64;  // a larger number is not from a service manager

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

}  // namespace

ServiceManager::ServiceManager() : socket_(take_variable("NOTIFY_SOCKET")) {
  const std::string interval = take_variable("WATCHDOG_USEC");
  const std::string process = take_variable("WATCHDOG_PID");
  const bool for_us = process.empty() || process == std::to_string(::getpid());
  const long long microseconds = std::atoll(interval.c_str());
  if (for_us && microseconds > 0) watchdog_ = std::chrono::microseconds(microseconds) / 2;
  const std::string sockets = take_variable("LISTEN_FDS");
  const std::string receiver = take_variable("LISTEN_PID");
  take_variable("LISTEN_FDNAMES");
  const int count = std::atoi(sockets.c_str());
  // In a child whose parent forgot to clear the variables, these numbers are those of other files.
  if (receiver == std::to_string(::getpid()) && count > 0 && count <= kMaxSockets) sockets_ = count;
}

std::optional<int> ServiceManager::take_socket() {
  const int count = std::exchange(sockets_, 0);
  if (count > 1) log::warn("of {} sockets that the service manager passed only the first is used", count);
  for (int other = kFirstSocket + 1; other < kFirstSocket + count; ++other) ::close(other);
  if (count == 0 || ::fcntl(kFirstSocket, F_SETFD, FD_CLOEXEC) != 0) return std::nullopt;
  return kFirstSocket;
}

void ServiceManager::ready(std::string_view status) {
  send(fmt::format("READY=1\nSTATUS={}\n", status));
}

void ServiceManager::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

void ServiceManager::stopping() {
  send("STOPPING=1\nSTATUS=stopping\n");
}

void ServiceManager::alive() {
  send("WATCHDOG=1\n");
}

void ServiceManager::send(std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.empty() || socket_.size() >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  const auto sent = ::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                             reinterpret_cast<const sockaddr*>(&address), size);
  // A receiver that is gone (the starter has ended) is no error of the agent's.
  if (sent < 0) log::debug("service manager not told error=\"{}\"", std::strerror(errno));
}

}  // namespace larder
