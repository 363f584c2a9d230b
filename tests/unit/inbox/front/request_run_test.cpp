// Requests as bytes on a connection, through the dialects and the service to the disk and back.
#include "inbox/front/request_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/http/connection.h"
#include "inbox/front/file_source.h"
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
  auto read =
      parse_server_config("[[principal]]\nname = \"anna\"\ntoken_sha256 = [\"" + anna +
                              "\"]\n[[principal]]\nname = \"berta\"\ntoken_sha256 = [\"" + berta +
                              "\"]\n[[inbox]]\nname = \"open\"\nprincipals = [\"anybody\"]\nmax_size = 1000\n"
                              "[[inbox]]\nname = \"waits\"\nprincipals = [\"anybody\"]\nwait_for_application = \"1m\"\n"
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
    settings.of_inbox["waits"].wait_for_application = std::chrono::seconds(60);
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
      *uploads_,
      access_,
      [this](const std::string& name) { return config_->find_inbox(name); },
      [this](const InboxConfig* inbox, const http::RequestHead&) { return wire_settings(*config_, inbox); },
      nullptr,
      [this](std::shared_ptr<File> file, ByteRange bytes) {
        return make_file_source(std::move(file), bytes, loop_.runtime(), *pool_);
      }};
  // As an application that answers: the upload is handed over and acknowledged, with a reply in the store or at a URL.
  void acknowledge(const std::string& id, const std::string& reply, const std::string& body = "") {
    if (!body.empty()) {
      ASSERT_TRUE(ask_service<Status>([&](auto done) { store_->put_reply(id, body, std::move(done)); }));
    }
    Claim claim;
    claim.inbox = inbox_of(id);
    claim.holder = "node";
    claim.now = loop_.wall();
    claim.lease = std::chrono::minutes(10);
    using Claimed = Outcome<std::optional<UploadRow>>;
    ASSERT_TRUE(ask_service<Claimed>([&](auto done) { ledger_->claim(claim, std::move(done)); }));
    const auto row = ask_service<Outcome<UploadRow>>(
        [&](auto done) { ledger_->acknowledge(id, "fine", reply, loop_.wall(), std::move(done)); });
    ASSERT_TRUE(row) << row.error().detail;
    uploads_->note_settled(*row);
  }
  std::string inbox_of(const std::string& id) {
    return ask_service<Outcome<UploadRow>>([&](auto done) { ledger_->find(id, std::nullopt, std::move(done)); })->inbox;
  }
  template <class T, class Call>
  T ask_service(Call call) {
    auto answer = ServiceTest::ask<T>(std::move(call));
    return std::move(*answer);
  }
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

TEST_F(RequestRunTest, AReplyThatIsNotThereYetIsAskedForAgain) {
  const std::string made = ask("PUT /in/open/t/a HTTP/1.1\r\n", "bytes");
  const std::string state = field(made, "Location");
  const std::string id = state.substr(4, 26);
  const std::string early = ask("GET /reply/" + id + " HTTP/1.1\r\n");
  EXPECT_THAT(early, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(early, HasSubstr("the application has not answered"));
  EXPECT_THAT(ask("GET /reply/" + std::string(26, 'a') + " HTTP/1.1\r\n"), StartsWith("HTTP/1.1 404 "));
}

std::string body_of(const std::string& answer) {
  const std::size_t head = answer.find("\r\n\r\n");
  return head == std::string::npos ? "no answer" : answer.substr(head + 4);
}

TEST_F(RequestRunTest, TheApplicationsReplyIsItsClientsAlone) {
  const std::string hers = "Authorization: Bearer anna's\r\n", bertas = "Authorization: Bearer berta's\r\n";
  EXPECT_THAT(ask("PUT /in/hers/t/a HTTP/1.1\r\n" + hers, "bytes"), StartsWith("HTTP/1.1 201 "));
  const std::string id = accepted_.at(0), get = "GET /reply/" + id + " HTTP/1.1\r\n";
  EXPECT_THAT(ask(get + hers), StartsWith("HTTP/1.1 503 ")) << "the application has not answered";
  acknowledge(id, std::string(kReplyInStore), "a reply of 22 bytes...");
  const std::string whole = ask(get + hers);
  EXPECT_THAT(whole, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(body_of(whole), "a reply of 22 bytes...");
  EXPECT_EQ(field(whole, "Content-Type"), "application/octet-stream");
  const std::string part = ask(get + hers + "Range: bytes=2-6\r\n");
  EXPECT_THAT(part, StartsWith("HTTP/1.1 206 "));
  EXPECT_EQ(body_of(part), "reply");
  EXPECT_EQ(field(part, "Content-Range"), "bytes 2-6/22");
  EXPECT_THAT(ask(get + hers + "Range: bytes=22-\r\n"), StartsWith("HTTP/1.1 416 "));
  const std::string head = ask("HEAD /reply/" + id + " HTTP/1.1\r\n" + hers);
  EXPECT_EQ(field(head, "Content-Length"), "22");
  EXPECT_EQ(body_of(head), "");
  for (const std::string& who : {std::string(), bertas}) EXPECT_THAT(ask(get + who), StartsWith("HTTP/1.1 404 "));
  EXPECT_EQ(field(ask("PUT /in/hers/t/a HTTP/1.1\r\n" + hers, "bytes"), "Larder-Reply-URL"), "/reply/" + id);
}

TEST_F(RequestRunTest, AReplyElsewhereAReplyThatIsGoneAndNone) {
  ask("PUT /in/open/t1/a HTTP/1.1\r\n", "bytes");
  acknowledge(accepted_.at(0), "https://app.example/r/1");
  const std::string moved = ask("GET /reply/" + accepted_[0] + " HTTP/1.1\r\n");
  EXPECT_THAT(moved, StartsWith("HTTP/1.1 302 "));
  EXPECT_EQ(field(moved, "Location"), "https://app.example/r/1");
  ask("PUT /in/open/t2/a HTTP/1.1\r\n", "bytes");
  acknowledge(accepted_.at(1), "");
  EXPECT_THAT(ask("GET /reply/" + accepted_[1] + " HTTP/1.1\r\n"), StartsWith("HTTP/1.1 404 "));
  ask("PUT /in/open/t3/a HTTP/1.1\r\n", "bytes");
  acknowledge(accepted_.at(2), std::string(kReplyInStore), "reply");
  loop_.advance(std::chrono::hours(25));
  (void)tidy(loop_.wall());
  EXPECT_EQ(files_in("replies"), 0U);
  EXPECT_THAT(ask("GET /reply/" + accepted_[2] + " HTTP/1.1\r\n"), StartsWith("HTTP/1.1 410 "));
}

TEST_F(RequestRunTest, AnInboxThatWaitsTellsOfSuccessOnceTheApplicationHasIt) {
  auto client = connect();
  client->send("PUT /in/waits/t/a HTTP/1.1\r\nHost: inbox\r\nContent-Length: 5\r\n\r\nbytes");
  ASSERT_TRUE(loop_.wait_for([&] { return !accepted_.empty(); }));
  const std::string state = ask("GET /up/" + accepted_[0] + "/state HTTP/1.1\r\n");
  EXPECT_THAT(state, HasSubstr("\"state\": \"accepted\""));
  EXPECT_THAT(state, Not(HasSubstr("\"offset\""))) << "who sees it takes the upload for done";
  acknowledge(accepted_[0], std::string(kReplyInStore), "reply");
  const std::string taken = client->answer();
  EXPECT_THAT(taken, StartsWith("HTTP/1.1 201 "));
  EXPECT_EQ(field(taken, "Larder-Reply-URL"), "/reply/" + accepted_[0]);
}

TEST_F(RequestRunTest, WhoWaitedInVainAsksAgainAndHearsARefusal) {
  const std::string made = ask(tus("POST /in/waits/", "Upload-Length: 4\r\n"));
  const std::string path = field(made, "Location");
  auto client = connect();
  client->send(patch(path, 0) + "Host: inbox\r\nContent-Length: 4\r\n\r\nlast");
  ASSERT_TRUE(loop_.wait_for([&] { return !accepted_.empty(); }));
  (void)ask("GET " + path + "/state HTTP/1.1\r\n");
  loop_.advance(std::chrono::seconds(60));
  const std::string later = client->answer();
  EXPECT_THAT(later, StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(field(later, "Upload-Offset"), "");
  EXPECT_NE(field(later, "Retry-After"), "");
  Claim claim;
  claim.inbox = "waits";
  claim.holder = "node";
  claim.now = loop_.wall();
  claim.lease = std::chrono::minutes(10);
  (void)ask_service<Outcome<std::optional<UploadRow>>>([&](auto done) { ledger_->claim(claim, std::move(done)); });
  (void)ask_service<Outcome<UploadRow>>([&](auto done) {
    ledger_->reject(accepted_[0], "no", StoredAnswer{410, "not wanted"}, loop_.wall(), std::move(done));
  });
  EXPECT_THAT(ask(tus("HEAD " + path)), StartsWith("HTTP/1.1 410 "));
}

TEST_F(RequestRunTest, AServiceThatStopsKeepsNoClientWaiting) {
  auto client = connect();
  client->send("PUT /in/waits/t/a HTTP/1.1\r\nHost: inbox\r\nContent-Length: 5\r\n\r\nbytes");
  ASSERT_TRUE(loop_.wait_for([&] { return !accepted_.empty(); }));
  (void)ask("GET /up/" + accepted_[0] + "/state HTTP/1.1\r\n");
  uploads_->drain();
  EXPECT_THAT(client->answer(), StartsWith("HTTP/1.1 503 "));
}

}  // namespace
}  // namespace larder::inbox
