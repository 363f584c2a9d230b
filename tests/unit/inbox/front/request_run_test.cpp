// Requests as bytes on a connection, through the dialects and the service to the disk and back.
#include "inbox/front/request_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/http/connection.h"
#include "inbox/front/inbox_server.h"
#include "tests/support/fake_transport.h"
#include "tests/unit/inbox/service/service_fixture.h"

namespace larder::inbox {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::shared_ptr<const ServerConfig> config() {
  const std::string anna = to_hex(sha256(as_bytes("anna's"))), berta = to_hex(sha256(as_bytes("berta's")));
  auto read = parse_server_config("[[principal]]\nname = \"anna\"\ntoken_sha256 = [\"" + anna +
                                      "\"]\n[[principal]]\nname = \"berta\"\ntoken_sha256 = [\"" + berta +
                                      "\"]\n[[inbox]]\nname = \"open\"\nprincipals = [\"anybody\"]\nmax_size = 1000\n"
                                      "[[inbox]]\nname = \"hers\"\nprincipals = [\"anna\"]\n",
                                  "test");
  EXPECT_TRUE(read) << read.error().text();
  return *read;
}

// One client's connection.
class Client {
 public:
  Client(test::VirtualLoop& loop, http::PeerBook& book, const http::HttpLimits& limits, const FrontParts& parts,
         std::vector<RequestOutcome>& outcomes)
      : loop_(loop), transport_(std::make_shared<test::FakeTransport>(loop)) {
    connection_ = http::make_connection(
        {transport_, std::make_unique<User>(parts, outcomes), book.enter("c", false), loop, loop, loop, limits});
    connection_->start([](http::Connection&) {});
    loop_.run_ready();
  }
  ~Client() {
    connection_->close();
    loop_.run_ready();
  }
  void send(std::string_view bytes) {
    transport_->send(bytes);
    loop_.run_ready();
  }
  // The next whole answer; empty where none comes.
  std::string answer() {
    if (!loop_.wait_for([this] { return whole(); }, std::chrono::seconds(5))) return {};
    return std::exchange(transport_->received, "");
  }
  std::string ask(const std::string& request, std::string_view body = {}) {
    asked_head_ = request.starts_with("HEAD ");
    send(request + "Host: inbox\r\n" + (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
         "\r\n" + std::string(body));
    return answer();
  }
  [[nodiscard]] bool is_closed() const { return transport_->closed; }

 private:
  struct User final : http::ConnectionUser {
    User(const FrontParts& the_parts, std::vector<RequestOutcome>& the_outcomes)
        : parts(the_parts), outcomes(the_outcomes) {}
    void on_request(std::shared_ptr<http::Exchange> exchange) override {
      // The connection may have gone by then, and this with it.
      run_request(parts, std::move(exchange),
                  [&told = outcomes](const RequestOutcome& outcome) { told.push_back(outcome); });
    }
    const FrontParts& parts;
    std::vector<RequestOutcome>& outcomes;
  };
  [[nodiscard]] bool whole() const {
    const std::string& text = transport_->received;
    const std::size_t head = text.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    if (asked_head_) return true;  // the length is that of what a GET would bring
    const std::size_t at = text.find("Content-Length: ");
    return at > head || text.size() >= head + 4 + std::stoul(text.substr(at + 16));
  }
  bool asked_head_ = false;
  test::VirtualLoop& loop_;
  std::shared_ptr<test::FakeTransport> transport_;
  std::shared_ptr<http::Connection> connection_;
};

class RequestRunTest : public ServiceTest {
 protected:
  RequestRunTest() : ServiceTest(limits_of_open()) {}
  static UploadSettings limits_of_open() {
    UploadSettings settings;
    settings.keep_free = 0;
    settings.of_inbox["open"].max_size = 1000;
    return settings;
  }
  [[nodiscard]] std::unique_ptr<Client> connect() {
    return std::make_unique<Client>(loop_, book_, limits_, parts_, outcomes_);
  }
  std::string ask(const std::string& request, std::string_view body = {}) { return connect()->ask(request, body); }
  static std::string field(const std::string& answer, const std::string& name) {
    const std::size_t at = answer.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t from = at + name.size() + 4;
    return answer.substr(from, answer.find("\r\n", from) - from);
  }
  static std::string tus(const std::string& line, const std::string& fields = "") {
    return line + " HTTP/1.1\r\nTus-Resumable: 1.0.0\r\n" + fields;
  }
  static std::string patch(const std::string& path, std::uint64_t offset) {
    return tus("PATCH " + path,
               "Content-Type: application/offset+octet-stream\r\nUpload-Offset: " + std::to_string(offset) + "\r\n");
  }

  const std::shared_ptr<const ServerConfig> config_ = config();
  const Access access_{*config_};
  const FrontParts parts_{
      *uploads_, access_, [this](const std::string& name) { return config_->find_inbox(name); },
      [this](const InboxConfig* inbox, const http::RequestHead&) { return wire_settings(*config_, inbox); }};
  http::HttpLimits limits_ = front_settings(*config_).limits;
  http::PeerBook book_{http::PeerLimits{}};
  std::vector<RequestOutcome> outcomes_;
};

TEST_F(RequestRunTest, APutIsAFileOfTheApplicationAndItsRepetitionIsNone) {
  const std::string first = ask("PUT /in/open/t1/a.txt HTTP/1.1\r\n", "bytes");
  EXPECT_THAT(first, StartsWith("HTTP/1.1 201 "));
  EXPECT_THAT(first, HasSubstr("Repr-Digest: sha-256=:"));
  EXPECT_EQ(ask("PUT /in/open/t1/a.txt HTTP/1.1\r\n", "bytes"), first);
  EXPECT_THAT(ask("PUT /in/open/t1/a.txt HTTP/1.1\r\n", "other"), StartsWith("HTTP/1.1 409 "));
  EXPECT_THAT(ask("PUT /in/open/t1/a.txt HTTP/1.1\r\n", "longer than it"), StartsWith("HTTP/1.1 409 "));
  EXPECT_EQ(accepted_.size(), 1U);
  ASSERT_EQ(outcomes_.size(), 4U);
  EXPECT_EQ(outcomes_[0].principal, "anybody");
  EXPECT_EQ(outcomes_[0].upload, accepted_[0]);
  EXPECT_EQ(outcomes_[3].status, 409);
}

TEST_F(RequestRunTest, APutThatBrokeOffBeginsAnew) {
  {
    auto client = connect();
    client->send("PUT /in/open/t1/a.txt HTTP/1.1\r\nHost: inbox\r\nContent-Length: 10\r\n\r\nhalf ");
    loop_.run_ready();
  }
  EXPECT_THAT(ask("PUT /in/open/t1/a.txt HTTP/1.1\r\n", "another file"), StartsWith("HTTP/1.1 201 "));
  EXPECT_EQ(accepted_.size(), 1U);
}

TEST_F(RequestRunTest, TusInTwoPartsAndTheLastOneTwice) {
  const std::string made = ask(tus("POST /in/open/", "Upload-Length: 9\r\nIdempotency-Key: \"k\"\r\n"));
  EXPECT_THAT(made, StartsWith("HTTP/1.1 201 "));
  const std::string path = field(made, "Location");
  ASSERT_THAT(path, StartsWith("/up/"));
  EXPECT_EQ(field(ask(tus("POST /in/open/", "Upload-Length: 9\r\nIdempotency-Key: \"k\"\r\n")), "Location"), path);
  EXPECT_EQ(field(ask(patch(path, 0), "part "), "Upload-Offset"), "5");
  EXPECT_EQ(field(ask(tus("HEAD " + path)), "Upload-Offset"), "5");
  EXPECT_THAT(ask(patch(path, 0), "part "), StartsWith("HTTP/1.1 409 "));
  EXPECT_THAT(accepted_, IsEmpty());
  EXPECT_THAT(ask(patch(path, 5), "last"), StartsWith("HTTP/1.1 204 "));
  EXPECT_EQ(accepted_.size(), 1U);
  EXPECT_EQ(field(ask(tus("HEAD " + path)), "Upload-Offset"), "9");
  EXPECT_THAT(ask(patch(path, 9)), StartsWith("HTTP/1.1 204 "));
  EXPECT_EQ(accepted_.size(), 1U) << "an empty part at the end starts nothing";
  EXPECT_THAT(ask("GET " + path + "/state HTTP/1.1\r\n"), HasSubstr("\"state\": \"accepted\""));
}

TEST_F(RequestRunTest, NobodySeesWhatIsAnothers) {
  const std::string hers = "Authorization: Bearer anna's\r\n", bertas = "Authorization: Bearer berta's\r\n";
  const std::string made = ask(tus("POST /in/hers/", "Upload-Length: 3\r\n" + hers));
  const std::string path = field(made, "Location");
  ASSERT_THAT(path, StartsWith("/up/"));
  for (const std::string& who : {std::string(), bertas}) {
    EXPECT_THAT(ask(tus("HEAD " + path, who)), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(ask(patch(path, 0) + who, "bad"), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(ask(tus("DELETE " + path, who)), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(ask("GET " + path + "/state HTTP/1.1\r\n" + who), StartsWith("HTTP/1.1 404 "));
  }
  EXPECT_THAT(ask(patch(path, 0) + hers, "her"), StartsWith("HTTP/1.1 204 "));
}

TEST_F(RequestRunTest, WhoMayNotIsToldSoBeforeABodyIsRead) {
  const std::string nobody = ask("PUT /in/hers/t/a HTTP/1.1\r\n", "bytes");
  EXPECT_THAT(nobody, StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(nobody, HasSubstr("WWW-Authenticate: Bearer"));
  EXPECT_THAT(ask("PUT /in/hers/t/a HTTP/1.1\r\nAuthorization: Bearer wrong\r\n", "bytes"),
              StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(ask("PUT /in/hers/t/a HTTP/1.1\r\nAuthorization: Bearer berta's\r\n", "bytes"),
              StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(ask("PUT /in/none/t/a HTTP/1.1\r\n", "bytes"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(accepted_, IsEmpty());
  EXPECT_THAT(ask(tus("OPTIONS /in/hers/")), HasSubstr("Tus-Version: 1.0.0")) << "what is spoken is no secret";
}

TEST_F(RequestRunTest, TheSizeOfTheInboxCounts) {
  EXPECT_THAT(ask(tus("OPTIONS /in/open/")), HasSubstr("Tus-Max-Size: 1000\r\n"));
  EXPECT_THAT(ask(tus("POST /in/open/", "Upload-Length: 1001\r\n")), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask("PUT /in/open/t/a HTTP/1.1\r\n", std::string(1001, 'x')), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask("PUT /in/hers/t/a HTTP/1.1\r\nAuthorization: Bearer anna's\r\n", std::string(1001, 'x')),
              StartsWith("HTTP/1.1 201 "));
}

TEST_F(RequestRunTest, TheNewestRequestEndsTheOlder) {
  const std::string path = field(ask(tus("POST /in/open/", "Upload-Length: 9\r\n")), "Location");
  auto stuck = connect();
  stuck->send(patch(path, 0) + "Host: inbox\r\nContent-Length: 9\r\n\r\npart ");
  loop_.run_ready();
  const std::string head = ask(tus("HEAD " + path));
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 "));
  const std::string offset = field(head, "Upload-Offset");
  EXPECT_THAT(stuck->answer(), StartsWith("HTTP/1.1 409 "));
  const std::string all = "part last";
  EXPECT_THAT(ask(patch(path, std::stoul(offset)), all.substr(std::stoul(offset))), StartsWith("HTTP/1.1 204 "));
}

TEST_F(RequestRunTest, AFileOfNoBytes) {
  EXPECT_THAT(ask("PUT /in/open/t/empty HTTP/1.1\r\nContent-Length: 0\r\n"), StartsWith("HTTP/1.1 201 "));
  EXPECT_THAT(ask(tus("POST /in/open/", "Upload-Length: 0\r\n")), StartsWith("HTTP/1.1 201 "));
  EXPECT_EQ(accepted_.size(), 2U);
}

TEST_F(RequestRunTest, AReplyThatIsNoneIsSaid) {
  const std::string made = ask("PUT /in/open/t/a HTTP/1.1\r\n", "bytes");
  const std::string state = field(made, "Location");
  const std::string id = state.substr(4, 26);
  EXPECT_THAT(ask("GET /reply/" + id + " HTTP/1.1\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask("GET /reply/" + std::string(26, 'a') + " HTTP/1.1\r\n"), StartsWith("HTTP/1.1 404 "));
}

}  // namespace
}  // namespace larder::inbox
