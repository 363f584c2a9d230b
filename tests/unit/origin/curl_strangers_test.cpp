// What a proxy or an origin that a caller named is shown, and what it can hold up: nothing of the agent's own user, and
// no thread that others need.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "tests/unit/origin/http_fixture.h"

namespace {

// A name server that does not answer: the name is being resolved until a test lets go.
struct DeadNameServer {
  std::mutex mutex;
  std::condition_variable changed;
  int asked = 0;
  bool answers = false;

  void resolve() {
    std::unique_lock lock(mutex);
    ++asked;
    changed.notify_all();
    changed.wait(lock, [this] { return answers; });
  }
  bool wait_for_question() {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [this] { return asked > 0; });
  }
  void let_go() {
    const std::lock_guard lock(mutex);
    answers = true;
    changed.notify_all();
  }
};
DeadNameServer dead_name_server;

}  // namespace

// In the place of libc's for this program and the libraries that it loads.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  if (node != nullptr && std::strcmp(node, "dead.example.com") == 0) {
    dead_name_server.resolve();
    return EAI_AGAIN;
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(node, service, hints, result);
}

namespace larder::origin {
namespace {

using test::FaultOrigin;

// Takes connections one after the other, keeps what comes first on each, gives one answer and closes.
class Stranger {
 public:
  explicit Stranger(std::string answer) : answer_(std::move(answer)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Stranger() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string shown() {
    const std::lock_guard lock(mutex_);
    return shown_;
  }

 private:
  void serve() {
    for (;;) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      std::array<char, 4096> bytes{};
      const ssize_t size = ::recv(connection, bytes.data(), bytes.size(), 0);
      {
        const std::lock_guard lock(mutex_);
        shown_.append(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
      }
      (void)::send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      ::close(connection);
    }
  }

  const std::string answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::string shown_;
  std::thread thread_;
};

class CurlStrangersTest : public HttpFixture {
 protected:
  static constexpr char kGssApi = 1;  // RFC 1928, section 3

  // The methods that a SOCKS5 proxy is offered.
  std::string offered(const std::string& scheme) {
    Stranger proxy(std::string("\x05\xff", 2));  // none of them will do
    options.proxy = scheme + "://" + proxy.address();
    EXPECT_FALSE(get("http://127.0.0.1:9/x")->ok());
    const std::string greeting = proxy.shown();
    EXPECT_TRUE(greeting.starts_with('\x05') && greeting.size() > 2) << greeting.size();
    return greeting.substr(std::min<std::size_t>(2, greeting.size()));
  }
};

TEST_F(CurlStrangersTest, ASocksProxyIsNeverOfferedTicketsOfTheAgentsUser) {
  for (const char* scheme : {"socks5", "socks5h"}) {
    options.proxy_user = options.proxy_password = "";
    EXPECT_EQ(offered(scheme), std::string("\x00", 1)) << scheme;
    options.proxy_user = "caller";
    options.proxy_password = "secret";
    EXPECT_EQ(offered(scheme).find(kGssApi), std::string::npos) << scheme;
  }
}

TEST_F(CurlStrangersTest, NegotiateIsNotAnsweredWithThemEither) {
  const std::string challenge =
      "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  Stranger proxy(challenge);
  options.proxy = "http://" + proxy.address();
  options.proxy_user = "caller";
  options.proxy_password = "secret";
  const auto refused = get("http://example.com/x");
  ASSERT_EQ(refused->heads.size(), 1U) << refused->text();
  EXPECT_EQ(refused->heads[0].status, 407);
  EXPECT_EQ(proxy.shown().find("Negotiate"), std::string::npos) << proxy.shown();

  Stranger origin("HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  options = {};
  options.proxy = "none";
  options.user = "caller";
  options.password = "secret";
  const auto asked = get("http://" + origin.address() + "/x");
  ASSERT_EQ(asked->heads.size(), 1U) << asked->text();
  EXPECT_EQ(asked->heads[0].status, 401);
  EXPECT_EQ(origin.shown().find("Negotiate"), std::string::npos) << origin.shown();
}

// Once the name is being resolved the exchange is given up, by its caller and by its time-out: libcurl's thread must
// not wait for the resolver, since every other download stands until it does.
TEST_F(CurlStrangersTest, ANameServerThatDoesNotAnswerHoldsUpNobodyElse) {
  const FaultOrigin origin;
  const auto waiting = std::make_shared<Collector>();
  const HttpId id = start("http://dead.example.com/x", waiting);
  ASSERT_TRUE(dead_name_server.wait_for_question());
  http->cancel(id);
  EXPECT_TRUE(get(origin.url("/c/a/10"))->ok());
  options.connect_timeout = std::chrono::milliseconds(100);
  const auto late = get("http://dead.example.com/x");
  EXPECT_FALSE(late->ok());
  options.connect_timeout = std::chrono::seconds(30);
  EXPECT_TRUE(get(origin.url("/c/a/10"))->ok());
  dead_name_server.let_go();
}

TEST_F(CurlStrangersTest, TheThreadAnswersAWatchdog) {
  std::atomic<bool> answered{false};
  http->ask_thread([&] {
    answered = true;
    loop.post([] {});
  });
  EXPECT_TRUE(loop.wait_for([&] { return answered.load(); }));
}

}  // namespace
}  // namespace larder::origin
