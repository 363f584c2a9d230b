// The server over a real socket, driven by raw bytes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <future>
#include <thread>

#include "agent/api/handlers/api.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/api/fakes.h"

namespace larder::agent {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kId = "0000000000000001";
const std::string kJob = std::string("/v1/jobs/") + kId;

class Client {
 public:
  explicit Client(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    limit_time();
  }
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    limit_time();
  }
  Client(Client&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), connected_(other.connected_), text_(std::move(other.text_)) {}
  ~Client() { close(); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    for (const int descriptor : descriptors_) ::close(descriptor);
    descriptors_.clear();
    socket_ = -1;
  }
  [[nodiscard]] bool connected() const { return connected_; }
  void shut_down_sending() const { ::shutdown(socket_, SHUT_WR); }

  // As much as goes; the server may have hung up.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // One read; false at the end of the connection or after 10 s.
  bool receive() {
    std::array<char, 65536> buffer{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 64)> control{};
    iovec bytes{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t n = ::recvmsg(socket_, &message, MSG_CMSG_CLOEXEC);
    if (n <= 0) return false;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
      const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      std::vector<int> passed(count);
      std::memcpy(passed.data(), CMSG_DATA(header), count * sizeof(int));
      descriptors_.insert(descriptors_.end(), passed.begin(), passed.end());
      descriptors_at_ = text_.size();
    }
    text_.append(buffer.data(), static_cast<std::size_t>(n));
    return true;
  }
  std::string all() {
    while (receive()) {
    }
    return std::exchange(text_, {});
  }
  // One answer with a Content-Length, or what came before the end.
  std::string answer() {
    for (;;) {
      const auto head = text_.find("\r\n\r\n");
      if (head != std::string::npos) {
        const auto length = text_.find("Content-Length: ");
        const std::size_t body = length < head ? std::stoul(text_.substr(length + 16)) : 0;
        if (text_.size() >= head + 4 + body) {
          std::string found = text_.substr(0, head + 4 + body);
          text_.erase(0, found.size());
          return found;
        }
      }
      if (!receive()) return std::exchange(text_, {});
    }
  }
  std::string until(const std::string& part) {
    while (text_.find(part) == std::string::npos && receive()) {
    }
    return text_;
  }
  std::string ask(const std::string& head, const std::string& body = "") {
    send(head + (body.empty() ? "" : fmt::format("Content-Length: {}\r\n", body.size())) + "\r\n" + body);
    return answer();
  }
  [[nodiscard]] const std::vector<int>& descriptors() const { return descriptors_; }
  [[nodiscard]] std::size_t descriptors_at() const { return descriptors_at_; }

 private:
  void limit_time() const {
    const timeval limit{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }
  int socket_;
  bool connected_ = false;
  std::string text_;
  std::vector<int> descriptors_;
  std::size_t descriptors_at_ = 0;
};

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    settings_.socket_path = path();
    settings_.limits.linger = milliseconds(200);
  }
  void TearDown() override { end(); }

  void start() {
    api_ = std::make_unique<Api>(loop_, settings_,
                                 ApiServices{jobs_, cache_, disk_,
                                             [this](uid_t uid) {
                                               return Caller{pretended_.value_or(uid), admin_};
                                             },
                                             [] { return std::make_shared<Config>(); },
                                             [](UniqueFunction<void(Status)> done) { done({}); }, "1"});
    const Status started = api_->start();
    ASSERT_TRUE(started) << started.error().text();
    thread_ = std::thread([this] { loop_.run(); });
  }
  template <class F>
  auto on_loop(F f) {
    std::packaged_task<std::invoke_result_t<F>()> task(std::move(f));
    auto result = task.get_future();
    loop_.post([task = std::move(task)]() mutable { task(); });
    return result.get();
  }
  void end() {
    if (!thread_.joinable()) return;
    on_loop([this] { api_.reset(); });
    loop_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string path() const { return directory_ / "api.sock"; }
  [[nodiscard]] Client client() const { return Client(path()); }
  std::size_t connections() {
    return on_loop([this] { return api_->activity().connections; });
  }
  void expect_serves() {
    Client fresh = client();
    EXPECT_THAT(fresh.ask("GET /v1/status HTTP/1.1\r\nHost: x\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  // Polls state that changes by itself; the only thing that is waited for.
  bool eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 1000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(milliseconds(5));  // paced: a poll
    }
    return false;
  }

  larder::test::TempDirectory directory_;
  Loop loop_;
  WorkerPool disk_{"disk", 1, 64};
  test::FakeJobs jobs_;
  test::FakeCache cache_;
  ServerSettings settings_;
  std::optional<uid_t> pretended_;  // set before start()
  bool admin_ = false;
  std::unique_ptr<Api> api_;
  std::thread thread_;
};

TEST_F(ServerTest, AnswersOneRequestAfterAnother) {
  start();
  Client one = client();
  for (int i = 0; i < 3; ++i) {
    const std::string answer = one.ask("GET /v1/status HTTP/1.1\r\nHost: x\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Connection: keep-alive\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
  }
  const std::string last = one.ask("GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
  EXPECT_THAT(last, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(one.all(), "");
  // Two at once on one connection are answered in order.
  Client two = client();
  two.send("GET /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(two.answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(two.answer(), StartsWith("HTTP/1.1 404"));
  // An old client.
  Client old = client();
  old.send("GET /v1/status HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.all(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, HeadHasNoBody) {
  start();
  Client one = client();
  one.send("HEAD /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = one.all();
  EXPECT_THAT(answer, HasSubstr("Content-Length: "));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, TheCallerIsWhoConnected) {
  pretended_ = 4711;
  start();
  Client one = client();
  EXPECT_THAT(one.ask("GET /v1/status HTTP/1.1\r\nHost: x\r\n"),
              HasSubstr("\"caller\":{\"uid\":4711,\"admin\":false}"));
  jobs_.jobs = {test::sample_job(kId, 4712)};
  EXPECT_THAT(one.ask("GET " + kJob + " HTTP/1.1\r\nHost: x\r\n"), StartsWith("HTTP/1.1 404"));
}

TEST_F(ServerTest, CreatesAJobFromAWholeBody) {
  start();
  Client one = client();
  const std::string answer = one.ask("POST /v1/jobs HTTP/1.1\r\nHost: x\r\n", R"({"files":[{"url":"https://e/x"}]})");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 201 Created\r\n"));
  EXPECT_THAT(answer, HasSubstr("Location: " + kJob + "\r\n"));
  // Byte by byte.
  const std::string slow = "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
  for (const char c : slow) one.send(std::string(1, c));
  EXPECT_THAT(one.answer(), StartsWith("HTTP/1.1 201"));
  // A client that asks first.
  one.send("POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(one.until("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  one.answer();
  one.send("{}");
  EXPECT_THAT(one.answer(), StartsWith("HTTP/1.1 201"));
}

TEST_F(ServerTest, FieldsAreBoundedByTheirBytes) {
  start();
  Client one = client();
  std::string fields;
  for (int i = 0; i < 1000; ++i) fields += fmt::format("X{}: y\r\n", i);
  EXPECT_THAT(one.ask("GET /v1/status HTTP/1.1\r\nHost: x\r\n" + fields), StartsWith("HTTP/1.1 200"));
}

struct BadRequest {
  std::string bytes;
  int status;
};

class ServerBadInput : public ServerTest {};

TEST_F(ServerBadInput, MalformedRequestsAreAnsweredAndEnd) {
  start();
  const std::vector<BadRequest> table = {
      {"nonsense\r\n\r\n", 400},
      {"GET\r\n\r\n", 400},
      {"GET /v1/status\r\n\r\n", 400},
      {"GET /v1/status HTTP/9.9\r\n\r\n", 400},
      {"GET /v1/status HTTP/1.1\r\nno colon\r\n\r\n", 400},
      {"GET /v1/status HTTP/1.1\r\nBad Name: x\r\n\r\n", 400},
      {"GET /v1/status HTTP/1.1\r\nA: \0\r\n\r\n"s, 400},
      {"GET /v1/sta\x01tus HTTP/1.1\r\n\r\n", 400},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
      {"POST /v1/jobs HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST /v1/jobs HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400},
      {"POST /v1/jobs HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400},
      {"POST /v1/jobs HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
      {"POST /v1/jobs HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
      {"POST /v1/jobs HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400},
      {"POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", 400},
      {"GET /v1/status HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400},
      {"GET /v1/status HTTP/1.1\nHost: x\n\n", 400},
      {"CONNECT x:1 HTTP/1.1\r\n\r\n", 400},
      {"GET /v1/status HTTP/1.1\r\nExpect: more\r\n\r\n", 400},
      {"POST /v1/jobs HTTP/1.1\r\nContent-Length: 4194305\r\n\r\n", 413},
      {"POST /v1/jobs HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n", 413},
      {"POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411},
      {"GET /v1/status HTTP/1.1\r\nA: " + std::string(1'000'000, 'x') + "\r\n\r\n", 431},
      {"GET /" + std::string(1'000'000, 'x') + " HTTP/1.1\r\n\r\n", 431},
  };
  for (const BadRequest& bad : table) {
    Client one = client();
    one.send(bad.bytes);
    const std::string answer = one.all();
    EXPECT_THAT(answer, StartsWith(fmt::format("HTTP/1.1 {} ", bad.status))) << bad.bytes.substr(0, 100);
    EXPECT_THAT(answer, HasSubstr("{\"error\":{\"code\":\"")) << bad.bytes.substr(0, 100);
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  }
  expect_serves();
  EXPECT_TRUE(jobs_.calls.empty());
  EXPECT_TRUE(eventually([this] { return connections() == 0; }));
}

TEST_F(ServerBadInput, BadBodiesLeaveTheConnectionOpen) {
  start();
  Client one = client();
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string("{\"a\":1}"), std::string(100'000, '['),
        std::string("\xff\xfe"), std::string("{\"files\":[{\"url\":5}]}")}) {
    const std::string answer = one.ask("POST /v1/jobs HTTP/1.1\r\nHost: x\r\n", body);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << body.substr(0, 50);
    EXPECT_THAT(answer, HasSubstr("\"invalid_argument\""));
  }
  EXPECT_THAT(one.ask("POST /v1/jobs HTTP/1.1\r\nHost: x\r\n", "{}"), StartsWith("HTTP/1.1 201"));
}

TEST_F(ServerBadInput, SlowRequestsAreEnded) {
  settings_.limits.read_timeout = milliseconds(150);
  settings_.limits.idle_timeout = milliseconds(150);
  start();
  Client header = client(), body = client(), silent = client(), idle = client();
  header.send("GET /v1/sta");
  body.send("POST /v1/jobs HTTP/1.1\r\nContent-Length: 10\r\n\r\n{");
  EXPECT_THAT(idle.ask("GET /v1/status HTTP/1.1\r\nHost: x\r\n"), StartsWith("HTTP/1.1 200"));
  for (Client* slow : {&header, &body}) {
    const std::string answer = slow->all();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 408 "));
    EXPECT_THAT(answer, HasSubstr("\"timed_out\""));
  }
  EXPECT_EQ(silent.all(), "");  // said nothing, is told nothing
  EXPECT_EQ(idle.all(), "");
  EXPECT_TRUE(eventually([this] { return connections() == 0; }));
  EXPECT_TRUE(jobs_.calls.empty());
  expect_serves();
}

TEST_F(ServerBadInput, BytesThatTrickleDoNotExtendTheTime) {
  settings_.limits.read_timeout = milliseconds(300);
  start();
  Client slow = client();
  std::atomic<bool> stop = false;
  std::thread trickle([&] {
    while (!stop && slow.send("x")) std::this_thread::sleep_for(milliseconds(20));  // paced: a slow client
  });
  EXPECT_THAT(slow.all(), StartsWith("HTTP/1.1 408 "));
  stop = true;
  trickle.join();
}

TEST_F(ServerBadInput, BodiesAreBoundedTogether) {
  settings_.limits.bodies_bytes = 5000;
  start();
  Client large = client();
  large.send("POST /v1/jobs HTTP/1.1\r\nContent-Length: 4000\r\n\r\n{");
  ASSERT_TRUE(eventually([this] { return connections() == 1; }));
  Client other = client();
  // The first may still be on its way to the server: ask until it counts.
  std::string answer;
  EXPECT_TRUE(eventually([&] {
    Client again = client();
    answer = again.ask("POST /v1/jobs HTTP/1.1\r\nHost: x\r\n", std::string(2000, ' ') + "{}");
    return answer.find("HTTP/1.1 503 ") == 0;
  }));
  EXPECT_THAT(answer, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(other.ask("POST /v1/jobs HTTP/1.1\r\nHost: x\r\n", "{}"), StartsWith("HTTP/1.1 201"));
  large.send(std::string(3998, ' ') + "}");
  EXPECT_THAT(large.answer(), StartsWith("HTTP/1.1 201"));
  EXPECT_THAT(other.ask("POST /v1/jobs HTTP/1.1\r\nHost: x\r\n", std::string(4500, ' ') + "{}"),
              StartsWith("HTTP/1.1 201"));
}

TEST_F(ServerBadInput, OneUserCannotTakeAllConnections) {
  settings_.limits.connections_per_user = 4;
  pretended_ = 4711;
  start();
  std::vector<Client> held;
  for (int i = 0; i < 4; ++i) {
    held.push_back(client());
    EXPECT_THAT(held.back().ask("GET /v1/status HTTP/1.1\r\nHost: x\r\n"), StartsWith("HTTP/1.1 200"));
  }
  Client fifth = client();
  const std::string answer = fifth.all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("this user has too many connections"));
  on_loop([this] { admin_ = true; });
  expect_serves();
  on_loop([this] { admin_ = false; });
  held.pop_back();
  EXPECT_TRUE(eventually([this] { return connections() == 3; }));
  expect_serves();
}

TEST_F(ServerBadInput, ThousandsOfConnections) {
  settings_.limits.connections = 64;
  settings_.limits.connections_per_user = 48;
  settings_.limits.reserve = 8;
  settings_.limits.read_timeout = seconds(60);
  pretended_ = 4711;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2500) GTEST_SKIP() << "needs 2500 file descriptors, may have " << files.rlim_cur;
  start();
  std::vector<Client> flood;
  for (int i = 0; i < 2000; ++i) flood.push_back(client());
  std::size_t served = 0, refused = 0;
  for (Client& each : flood) {
    ASSERT_TRUE(each.connected());
    each.send("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string answer = each.answer();
    served += answer.starts_with("HTTP/1.1 200") ? 1U : 0U;
    refused += answer.starts_with("HTTP/1.1 503") ? 1U : 0U;
  }
  EXPECT_EQ(served, 48U);
  EXPECT_EQ(refused, 1952U);
  flood.clear();
  EXPECT_TRUE(eventually([this] { return connections() == 0; }));
  expect_serves();
}

TEST_F(ServerTest, PassesDescriptorsWithTheFirstByte) {
  jobs_.jobs = {test::sample_job(kId, ::getuid(), 3)};
  start();
  Client one = client();
  const std::string answer = one.ask("POST " + kJob + "/files/0/descriptor HTTP/1.1\r\nHost: x\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  ASSERT_EQ(one.descriptors().size(), 1U);
  EXPECT_EQ(one.descriptors_at(), 0U);
  std::array<char, 16> bytes{};
  ASSERT_EQ(::pread(one.descriptors()[0], bytes.data(), bytes.size(), 0), 10);
  EXPECT_EQ(std::string(bytes.data(), 10), "0123456789");
  one.ask("POST " + kJob + "/descriptors HTTP/1.1\r\nHost: x\r\n", R"({"files":[2,1,0]})");
  EXPECT_EQ(one.descriptors().size(), 4U);
  EXPECT_THAT(one.ask("GET /v1/status HTTP/1.1\r\nHost: x\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(one.descriptors().size(), 4U);
}

// They count until it has, and no further request of it is read; so its connection must not last.
TEST_F(ServerTest, AClientThatDoesNotTakeItsDescriptorsIsEnded) {
  settings_.limits.idle_timeout = milliseconds(200);
  jobs_.jobs = {test::sample_job(kId, ::getuid(), 3)};
  start();
  Client one = client();
  one.send("POST " + kJob + "/descriptors HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"files\":[0]}");
  one.send("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(eventually([this] { return connections() == 1; }));
  EXPECT_TRUE(eventually([this] { return connections() == 0; }));
  const std::string all = one.all();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(all, Not(HasSubstr("\"version\"")));
  EXPECT_EQ(one.descriptors().size(), 1U);
}

TEST_F(ServerTest, SixtyFourDescriptorsAtOnce) {
  jobs_.jobs = {test::sample_job(kId, ::getuid(), 64)};
  start();
  std::string list;
  for (int i = 0; i < 64; ++i) list += (i ? "," : "") + std::to_string(i);
  Client one = client();
  one.ask("POST " + kJob + "/descriptors HTTP/1.1\r\nHost: x\r\n", "{\"files\":[" + list + "]}");
  EXPECT_EQ(one.descriptors().size(), 64U);
}

TEST_F(ServerTest, StreamsContentWithBackPressure) {
  jobs_.jobs = {test::sample_job(kId, ::getuid())};
  jobs_.content.resize(5'000'000);
  for (std::size_t i = 0; i < jobs_.content.size(); ++i) jobs_.content[i] = static_cast<char>(i * 31 / 7);
  start();
  Client one = client();
  const std::string answer = one.ask("GET " + kJob + "/files/0/content HTTP/1.1\r\nHost: x\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5000000\r\n"));
  EXPECT_TRUE(answer.ends_with(jobs_.content));
  const std::string part =
      one.ask("GET " + kJob + "/files/0/content HTTP/1.1\r\nHost: x\r\nRange: bytes=1000000-1999999\r\n");
  EXPECT_THAT(part, StartsWith("HTTP/1.1 206 Partial Content\r\n"));
  EXPECT_TRUE(part.ends_with("\r\n\r\n" + jobs_.content.substr(1'000'000, 1'000'000)));
  one.send("HEAD " + kJob + "/files/0/content HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string head = one.all();
  EXPECT_THAT(head, HasSubstr("Content-Length: 5000000\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, AClientThatDoesNotReadIsEnded) {
  settings_.limits.write_timeout = milliseconds(200);
  jobs_.jobs = {test::sample_job(kId, ::getuid())};
  jobs_.content.assign(20'000'000, 'x');
  start();
  Client one = client();
  one.send("GET " + kJob + "/files/0/content HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(eventually([this] { return connections() == 1; }));
  EXPECT_TRUE(eventually([this] { return connections() == 0; }));
  EXPECT_LT(one.all().size(), 20'000'000U);
  expect_serves();
}

TEST_F(ServerTest, EventsAreReplayedAfterAnId) {
  jobs_.jobs = {test::sample_job(kId, ::getuid())};
  start();
  Client first = client();
  first.send("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  std::string text = first.until("\n\n");
  first.until("id: ");
  EXPECT_THAT(text, HasSubstr("Content-Type: text/event-stream\r\n"));
  const auto tell = [this] {
    on_loop([this] { jobs_.listener({EventKind::job_state, kId, jobs_.jobs[0].owner, std::nullopt, &jobs_.jobs[0]}); });
  };
  for (int i = 0; i < 3; ++i) tell();
  text = first.until("\"state\"");
  const auto at = text.find("id: ", text.find("retry:"));
  const std::uint64_t before = std::stoull(text.substr(at + 4));
  Client second = client();
  second.send(fmt::format("GET /v1/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {}\r\n\r\n", before + 1));
  const std::string replay = second.until(fmt::format("id: {}\n", before + 3));
  EXPECT_THAT(replay, HasSubstr(fmt::format("id: {}\nevent: job.state\n", before + 2)));
  EXPECT_THAT(replay, Not(HasSubstr(fmt::format("id: {}\nevent", before + 1))));
  Client third = client();
  third.send("GET /v1/events?after=1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(third.until("data: {}\n\n"), HasSubstr("event: reset\n"));
  // One that goes is noticed at once, one that only stops sending stays.
  EXPECT_EQ(connections(), 3U);
  second.close();
  EXPECT_TRUE(eventually([this] { return connections() == 2; }));
  third.shut_down_sending();
  tell();
  EXPECT_THAT(third.until("job.state"), HasSubstr("event: job.state\n"));
}

TEST_F(ServerTest, ADroppedRequestIsAnsweredAllTheSame) {
  jobs_.jobs = {test::sample_job(kId, ::getuid())};
  jobs_.drop_next = true;
  start();
  Client one = client();
  EXPECT_THAT(one.ask("POST " + kJob + "/resume HTTP/1.1\r\nHost: x\r\n"), StartsWith("HTTP/1.1 500"));
}

TEST_F(ServerTest, StopFinishesWhatIsUnderWay) {
  jobs_.jobs = {test::sample_job(kId, ::getuid())};
  jobs_.content.assign(20'000'000, 'x');
  start();
  Client busy = client(), idle = client(), events = client();
  EXPECT_THAT(idle.ask("GET /v1/status HTTP/1.1\r\nHost: x\r\n"), StartsWith("HTTP/1.1 200"));
  events.send("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  events.until("retry:");
  busy.send("GET " + kJob + "/files/0/content HTTP/1.1\r\nHost: x\r\n\r\n");
  busy.until("\r\n\r\n");
  on_loop([this] { api_->stop(); });
  EXPECT_FALSE(client().connected());
  EXPECT_NE(::access(path().c_str(), F_OK), 0);
  EXPECT_EQ(idle.all(), "");
  events.all();
  const std::string answer = busy.all();
  EXPECT_TRUE(answer.ends_with(std::string(1000, 'x')));
  EXPECT_GT(answer.size(), 20'000'000U);
  EXPECT_TRUE(eventually([this] { return connections() == 0; }));
}

TEST_F(ServerTest, EndsWithEverythingOpen) {
  jobs_.jobs = {test::sample_job(kId, ::getuid())};
  jobs_.content.assign(20'000'000, 'x');
  start();
  Client content = client(), events = client(), half = client();
  content.send("GET " + kJob + "/files/0/content HTTP/1.1\r\nHost: x\r\n\r\n");
  content.until("\r\n\r\n");
  events.send("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  events.until("retry:");
  half.send("POST /v1/jobs HTTP/1.1\r\nContent-Length: 10\r\n\r\n{");
  end();
  events.all();
  EXPECT_EQ(half.all(), "");
}

TEST_F(ServerTest, TheLoopbackPort) {
  settings_.http_port = 0;
  start();
  const std::uint16_t port = on_loop([this] { return api_->http_port(); });
  ASSERT_NE(port, 0);
  Client one(port);
  ASSERT_TRUE(one.connected());
  EXPECT_THAT(one.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n"), HasSubstr("larder_api_connections 1\n"));
  EXPECT_THAT(one.ask("GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(one.ask("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n"), StartsWith("HTTP/1.1 403"));
}

// Bodies that arrive there would take the room of those that users send (ServerLimits::bodies_bytes).
TEST_F(ServerTest, TheLoopbackPortReadsNoBodies) {
  settings_.http_port = 0;
  settings_.limits.bodies_bytes = 100;
  start();
  Client page(on_loop([this] { return api_->http_port(); }));
  ASSERT_TRUE(page.connected());
  page.send("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n");  // and nothing more
  EXPECT_THAT(page.answer(), StartsWith("HTTP/1.1 403"));
  Client user = client();
  EXPECT_THAT(user.ask("POST /v1/jobs HTTP/1.1\r\nHost: x\r\n", R"({"files":[{"url":"https://e/x"}]})"),
              StartsWith("HTTP/1.1 201"));
}

TEST_F(ServerTest, TheLoopbackPortSaysNothingToPagesOfOtherSites) {
  settings_.http_port = 0;
  start();
  const std::uint16_t port = on_loop([this] { return api_->http_port(); });
  for (const char* from : {"Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Origin: null"}) {
    Client page(port);
    const std::string answer = page.ask(fmt::format("GET /v1/status HTTP/1.1\r\nHost: localhost\r\n{}\r\n", from));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 403")) << from;
    EXPECT_THAT(answer, Not(HasSubstr("Access-Control-"))) << from;
  }
  Client preflight(port);
  EXPECT_THAT(preflight.ask("OPTIONS /v1/jobs HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
                            "Access-Control-Request-Method: POST\r\n"),
              AllOf(HasSubstr("HTTP/1.1 4"), Not(HasSubstr("Access-Control-"))));
  Client one(port);
  EXPECT_THAT(one.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n"),
              HasSubstr("Cross-Origin-Resource-Policy: same-origin\r\n"));
}

TEST_F(ServerTest, ASecondAgentIsRefused) {
  start();
  Loop other_loop;
  ApiServer second(
      other_loop, settings_,
      [](uid_t uid) {
        return Caller{uid, false};
      },
      [](ApiRequest, Responder) {});
  const Status started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::already_exists);
  expect_serves();
}

TEST_F(ServerTest, ActivityIsReported) {
  start();
  const auto before = on_loop([this] { return api_->activity(); });
  EXPECT_EQ(before.connections, 0U);
  Client one = client();
  one.ask("GET /v1/status HTTP/1.1\r\nHost: x\r\n");
  const auto after = on_loop([this] { return api_->activity(); });
  EXPECT_EQ(after.connections, 1U);
  EXPECT_GT(after.last_request, before.last_request);
}

}  // namespace
}  // namespace larder::agent
