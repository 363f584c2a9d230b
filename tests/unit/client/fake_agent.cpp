#include "tests/unit/client/fake_agent.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

namespace larder::agent {
namespace {

std::vector<unsigned> numbers_in(const std::string& text) {
  std::vector<unsigned> found;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t used = 0;
    if (text[i] < '0' || text[i] > '9') {
      ++i;
      continue;
    }
    found.push_back(static_cast<unsigned>(std::stoul(text.substr(i), &used)));
    i += used;
  }
  return found;
}

void send_with(int connection, const std::string& text, const std::vector<UniqueFd>& descriptors) {
  iovec piece{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 64)] = {};
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      const int fd = descriptors[i].get();
      std::memcpy(CMSG_DATA(head) + i * sizeof(int), &fd, sizeof(int));
    }
  }
  EXPECT_EQ(::sendmsg(connection, &message, MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

}  // namespace

FakeAgent::FakeAgent() : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path().c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::listen(listener_.get(), 8), 0);
  acceptor_ = std::thread([this] { accept_all(); });
}

FakeAgent::~FakeAgent() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  for (std::thread& connection : connections_) connection.join();
}

void FakeAgent::put(unsigned index, const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  files_[index] = bytes;
}

void FakeAgent::accept_all() {
  for (;;) {
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) return;
    connections_.emplace_back([this, owned = std::move(connection)]() mutable { serve(std::move(owned)); });
  }
}

// Requests are small and one at a time: each is whole when its head and its Content-Length are.
void FakeAgent::serve(UniqueFd connection) {
  std::string text;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t got = ::recv(connection.get(), buffer, sizeof(buffer), 0);
    if (got <= 0) return;
    text.append(buffer, static_cast<std::size_t>(got));
    const auto head_end = text.find("\r\n\r\n");
    if (head_end == std::string::npos) continue;
    const auto length_at = text.find("Content-Length: ");
    const std::size_t length = length_at < head_end ? std::stoul(text.substr(length_at + 16)) : 0;
    if (text.size() < head_end + 4 + length) continue;
    const auto target_at = text.find(' ') + 1;
    answer(connection.get(), text.substr(target_at, text.find(' ', target_at) - target_at), text.substr(head_end + 4));
    text.clear();
  }
}

void FakeAgent::answer(int connection, const std::string& target, const std::string& body) {
  if (target.starts_with("/v1/events"))
    return send_with(connection,
                     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", {});
  const bool several = target.ends_with("/descriptors");
  const auto index_at = target.find("/files/");
  if (several) return send_files(connection, numbers_in(body), true);
  if (index_at != std::string::npos)
    return send_files(connection, {numbers_in(target.substr(index_at)).front()}, false);
  ADD_FAILURE() << "asked for " << target;
}

void FakeAgent::send_files(int connection, const std::vector<unsigned>& indices, bool several) {
  std::vector<unsigned> order = indices;
  if (shuffle_) std::reverse(order.begin(), order.end());
  std::vector<UniqueFd> descriptors;
  std::string views;
  for (const unsigned index : order) {
    const std::lock_guard lock(mutex_);
    const std::string& bytes = files_[index];
    UniqueFd fd(::memfd_create("content", MFD_CLOEXEC));
    EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    const std::string size = std::to_string(bytes.size());
    views += std::string(views.empty() ? "" : ",") + R"({"index":)" + std::to_string(index) + R"(,"size":)" + size +
             R"(,"contiguous":)" + size + R"(,"last_modified":"Sun, 06 Nov 1994 08:49:37 GMT"})";
    descriptors.push_back(std::move(fd));
  }
  const std::string body = several ? R"({"files":[)" + views + "]}" : views;
  send_with(connection,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body,
            descriptors);
}

}  // namespace larder::agent
