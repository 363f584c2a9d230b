#include "client/client.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <thread>

#include "tests/support/temp_directory.h"

namespace larder::agent {
namespace {

using testing::HasSubstr;

// Answers the requests of one connection with the texts that it is given, and keeps what came: by which byte the
// descriptors came, and which files they are.
class Listener {
 public:
  explicit Listener(std::vector<std::string> answers)
      : answers_(std::move(answers)), socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(socket_.get(), 1), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Listener() { end(); }
  void end() {
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] std::string path() const { return directory_ / "api.sock"; }
  // Of each request, once end() returned.
  std::vector<std::string> requests;
  std::vector<ino_t> inodes;
  std::vector<std::size_t> behind;  // bytes of its request that came before each descriptor

 private:
  void serve() {
    const UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    for (const std::string& answer : answers_) {
      requests.emplace_back();
      while (!is_whole(requests.back()))
        if (!receive(connection.get())) return;
      EXPECT_EQ(::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(answer.size()));
    }
  }
  static bool is_whole(const std::string& text) {
    const auto head = text.find("\r\n\r\n");
    const auto length = text.find("Content-Length: ");
    if (head == std::string::npos) return false;
    return length > head || text.size() == head + 4 + std::stoul(text.substr(length + 16));
  }
  bool receive(int connection) {
    char byte = 0;  // one by one: a descriptor comes with the first byte that was sent with it
    iovec piece{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 64)];
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    if (::recvmsg(connection, &message, MSG_CMSG_CLOEXEC) != 1) return false;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      for (std::size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        const UniqueFd owned(fd);
        struct stat facts {};
        EXPECT_EQ(::fstat(fd, &facts), 0);
        inodes.push_back(facts.st_ino);
        behind.push_back(requests.back().size());
      }
    }
    requests.back() += byte;
    return true;
  }

  test::TempDirectory directory_;
  std::vector<std::string> answers_;
  UniqueFd socket_;
  std::thread thread_;
};

std::string answer(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Memory {
  UniqueFd fd{::memfd_create("source", MFD_CLOEXEC)};
  [[nodiscard]] ino_t inode() const {
    struct stat facts {};
    EXPECT_EQ(::fstat(fd.get(), &facts), 0);
    return facts.st_ino;
  }
};

TEST(CreateUpload, SendsTheDescriptorsWithTheFirstByteOfItsRequest) {
  Listener agent({answer(200, "{}"), answer(201, R"({"id": "j"})"), answer(200, "{}")});
  const Memory one, two;
  Client client(agent.path());
  ASSERT_TRUE(client.call("GET", "/v1/status"));
  const int descriptors[] = {one.fd.get(), two.fd.get()};
  const auto made = client.create_upload(R"({"files":[]})", descriptors);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->status, 201);
  EXPECT_EQ(made->body, R"({"id": "j"})");
  ASSERT_TRUE(client.call("GET", "/v1/status"));
  agent.end();
  EXPECT_EQ(agent.inodes, (std::vector<ino_t>{one.inode(), two.inode()}));
  EXPECT_EQ(agent.behind, (std::vector<std::size_t>{0, 0}));
  ASSERT_EQ(agent.requests.size(), 3u);
  EXPECT_THAT(agent.requests[1], HasSubstr("POST /v1/uploads HTTP/1.1\r\n"));
  EXPECT_THAT(agent.requests[1], HasSubstr("\r\n\r\n{\"files\":[]}"));
}

TEST(CreateUpload, ReportsARefusal) {
  Listener agent({answer(409, R"({"error": {"code": "invalid_state", "message": "cannot do it: no"}})")});
  const Memory one;
  Client client(agent.path());
  const int descriptors[] = {one.fd.get()};
  const auto refused = client.create_upload("{}", descriptors);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_state);
  EXPECT_EQ(refused.error().text(), "cannot do it: no");
}

TEST(CreateUpload, RefusesMoreDescriptorsThanGoWithOneRequest) {
  const Memory one;
  const std::vector<int> many(Client::kMaxSentDescriptors + 1, one.fd.get());
  const test::TempDirectory directory;
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = directory / "s";
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  Client client(path);
  const auto refused = client.create_upload("{}", many);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::limit_exceeded);
}

}  // namespace
}  // namespace larder::agent
