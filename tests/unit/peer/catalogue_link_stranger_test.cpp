// The link's server against those who are no members, or who do not behave.
#include <openssl/ssl.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdio>

#include "tests/unit/peer/link_fixture.h"

namespace larder::peer {
namespace {

using boost::asio::ip::tcp;
constexpr auto kShort = std::chrono::milliseconds(200);

class StrangerTest : public LinkTest {
 protected:
  // A certificate of the group, used by somebody who does not use the link.
  Stranger::Options member_options() {
    const LinkCredentials mine = credentials(AgentKey::generate());
    return {true, authority_pem_, mine.certificate_pem, mine.private_key_pem, 0, "127.0.0.1"};
  }
  // What the server says to a member that sends this, until it ends the connection.
  std::string said_to(const Member& server, std::string_view bytes) {
    Stranger member(loop_.context(), server.at, member_options());
    run_until([&] { return member.shook_hands() || member.ended(); });
    member.send(bytes);
    run_until([&] { return member.ended(); });
    return member.received();
  }
  std::string enrol(const Member& server, const std::string& method = "POST", const std::string& path = "/v1/enrol") {
    std::string outcome;
    CatalogueCall call = call_to(server, path);
    call.method = method;
    enrol_call(authority_pem_, call, runtime(), [&](Result<CatalogueResponse> result) {
      outcome = result ? "answered " + text_of(result) : text_of(result);
    });
    run_until([&] { return !outcome.empty(); });
    return outcome;
  }
  std::vector<tcp::socket> half_open(const Member& server, std::size_t count, const char* host,
                                     std::string_view bytes = {}) {
    std::vector<tcp::socket> out;
    for (std::size_t i = 0; i < count; ++i) {
      tcp::socket& socket = out.emplace_back(loop_.context(), tcp::v4());
      socket.bind({boost::asio::ip::make_address(host), 0});
      socket.connect({boost::asio::ip::make_address(server.at.host()), server.at.port});
      boost::system::error_code ignored;  // it may have been cut already
      if (!bytes.empty()) socket.write_some(boost::asio::buffer(bytes.data(), bytes.size()), ignored);
    }
    return out;
  }
};

TEST_F(StrangerTest, WithoutACertificateNothingIsAnswered) {
  Member server = member();
  bool asked = false;
  server.link->set_handler([&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) {
    asked = true;
    answer({200, {}});
  });
  for (const char* path : {"/v1/peers", "/v1/enrol"}) {
    Stranger stranger(loop_.context(), server.at, tls_options());
    run_until([&] { return stranger.shook_hands() || stranger.ended(); });
    stranger.send("POST " + std::string(path) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    run_until([&] { return stranger.ended(); });
    EXPECT_EQ(stranger.received(), "");
  }
  EXPECT_FALSE(asked);
}

TEST_F(StrangerTest, AnOlderTlsIsRefused) {
  Member server = member();
  Stranger::Options old = member_options();
  old.highest_version = TLS1_2_VERSION;
  Stranger stranger(loop_.context(), server.at, old);
  run_until([&] { return stranger.shook_hands() || stranger.ended(); });
  EXPECT_FALSE(stranger.shook_hands());
}

TEST_F(StrangerTest, EnrolmentIsOpenOnlyWhileAnInvitationIs) {
  Member server = member();
  std::vector<std::optional<AgentId>> agents;
  server.link->set_handler([&](CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> answer) {
    agents.push_back(request.agent);
    answer({200, echo(request)});
  });
  EXPECT_NE(enrol(server).find("certificate"), std::string::npos) << enrol(server);
  server.link->set_enrolling(true);
  EXPECT_EQ(enrol(server), "answered /v1/enrol?|");
  EXPECT_NE(enrol(server, "GET").find("status 403"), std::string::npos);
  EXPECT_NE(enrol(server, "POST", "/v1/group").find("status 403"), std::string::npos);
  EXPECT_NE(enrol(server, "GET", "/v1/peers").find("status 403"), std::string::npos);
  EXPECT_EQ(agents, std::vector<std::optional<AgentId>>{std::nullopt}) << "nothing else reached the handler";
  Member other = member();
  EXPECT_EQ(code_of(ask(*other.link, call_to(server))), "answered") << "members are asked for theirs all the same";
  server.link->set_enrolling(false);
  EXPECT_NE(enrol(server).find("certificate"), std::string::npos);
}

TEST_F(StrangerTest, TheEnrollingSideTrustsTheInvitationsGroupOnly) {
  Member server = member();
  server.link->set_enrolling(true);
  const AgentKey other = AgentKey::generate();
  authority_pem_ = make_authority(other, "Other", loop_.wall(), kYear).value();  // as a forged invitation would say
  EXPECT_NE(enrol(server).find("its certificate is refused"), std::string::npos) << enrol(server);
}

TEST_F(StrangerTest, EnrolmentHasALowRate) {
  LinkSettings wide = settings();
  wide.max_handshakes = 400;
  wide.max_connections_per_address = 400;
  Member server = member(wide);
  server.link->set_enrolling(true);
  std::vector<std::unique_ptr<Stranger>> strangers;
  for (int i = 0; i < 60; ++i)
    strangers.push_back(std::make_unique<Stranger>(loop_.context(), server.at, tls_options()));
  for (const auto& stranger : strangers) {
    run_until([&] { return stranger->shook_hands() || stranger->ended(); });
    stranger->send("POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  }
  int answered = 0;
  int refused = 0;
  for (const auto& stranger : strangers) {
    run_until([&] { return stranger->ended(); });
    answered += stranger->received().starts_with("HTTP/1.1 200 ") ? 1 : 0;
    refused += stranger->received().starts_with("HTTP/1.1 429 ") ? 1 : 0;
  }
  EXPECT_GE(answered, 20);
  EXPECT_GE(refused, 1);
  EXPECT_EQ(answered + refused, 60);
}

TEST_F(StrangerTest, RequestsThatAreNoneAreRefusedWithTheirStatus) {
  Member server = member();
  const auto status = [&](const std::string& bytes) { return said_to(server, bytes).substr(0, 12); };
  EXPECT_EQ(status("hello\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status("GET /v1/peers HTTP/1.0\r\nHost: x\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status("GET v1/peers HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status("GET /" + std::string(3000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status("DELETE /v1/peers HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 405");
  EXPECT_EQ(status("POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            "HTTP/1.1 400");
  EXPECT_EQ(status("GET /v1/peers HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(status("POST /v1/x HTTP/1.1\r\nContent-Length: 65537\r\n\r\n"), "HTTP/1.1 413");
  EXPECT_EQ(status("POST /v1/x HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\nxx"), "HTTP/1.1 413");
  EXPECT_EQ(status("POST /v1/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), "HTTP/1.1 400");
}

TEST_F(StrangerTest, RequestsInOnePieceAreAnsweredOneAfterTheOther) {
  Member server = member();
  const std::string said = said_to(server,
                                   "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"
                                   "GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto a = said.find("/a?|");
  const auto b = said.find("/b?|");
  const auto c = said.find("/c?|");
  ASSERT_NE(c, std::string::npos) << said;
  EXPECT_LT(a, b);
  EXPECT_LT(b, c);
}

TEST_F(StrangerTest, SlowSendersAreCut) {
  LinkSettings quick = settings();
  quick.handshake_timeout = kShort;
  quick.request_timeout = kShort;
  quick.idle_timeout = kShort;
  Member server = member(quick);
  Stranger silent(loop_.context(), server.at, {});
  Stranger half_hello(loop_.context(), server.at, {});
  half_hello.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  Stranger half_request(loop_.context(), server.at, member_options());
  Stranger half_body(loop_.context(), server.at, member_options());
  Stranger idle(loop_.context(), server.at, member_options());
  run_until([&] { return half_request.shook_hands() && half_body.shook_hands() && idle.shook_hands(); });
  half_request.send("GET /v1/peers HT");
  half_body.send("POST /v1/peers HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345");
  idle.send("GET /v1/peers HTTP/1.1\r\n\r\n");
  run_until([&] {
    return silent.ended() && half_hello.ended() && half_request.ended() && half_body.ended() && idle.ended();
  });
  EXPECT_EQ(half_request.received(), "");
  EXPECT_TRUE(idle.received().starts_with("HTTP/1.1 200 ")) << idle.received();
}

TEST_F(StrangerTest, FiveHundredHalfOpenConnectionsDoNotHinderMembers) {
  Member server = member();
  Member asker = member();
  // From the members' own address, and from another; silent, and with half of a greeting.
  const auto silent = half_open(server, 250, "127.0.0.1");
  const auto greeting = half_open(server, 250, "127.0.0.2", std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  const SteadyTime start = loop_.now();
  ASSERT_EQ(code_of(ask(*asker.link, call_to(server))), "answered");
  const auto fresh = loop_.now() - start;
  const auto more = half_open(server, 250, "127.0.0.3");
  ASSERT_EQ(code_of(ask(*asker.link, call_to(server))), "answered");
  std::printf("a fresh connection beside 500 half-open ones: %.1f ms\n",
              std::chrono::duration<double, std::milli>(fresh).count());
  EXPECT_LT(fresh, std::chrono::seconds(2)) << "less than the handshake's limit: it did not wait for any of them to go";
}

TEST_F(StrangerTest, HalfSentRequestsDoNotHinderMembers) {
  Member server = member();
  Member asker = member();
  std::vector<std::unique_ptr<Stranger>> slow;
  const Stranger::Options options = member_options();
  for (int i = 0; i < 40; ++i) {
    slow.push_back(std::make_unique<Stranger>(loop_.context(), server.at, options));
    run_until([&] { return slow.back()->shook_hands() || slow.back()->ended(); });
    slow.back()->send("GET /v1/peers HT");
  }
  // The address is full with connections that are busy; a member there has to wait, members elsewhere need not.
  const LinkCredentials mine = credentials(asker.key);
  Stranger elsewhere(loop_.context(), server.at,
                     {true, authority_pem_, mine.certificate_pem, mine.private_key_pem, 0, "127.0.0.2"});
  run_until([&] { return elsewhere.shook_hands() || elsewhere.ended(); });
  elsewhere.send("GET /v1/peers HTTP/1.1\r\nConnection: close\r\n\r\n");
  run_until([&] { return elsewhere.ended(); });
  EXPECT_TRUE(elsewhere.received().starts_with("HTTP/1.1 200 ")) << elsewhere.received();
}

TEST_F(StrangerTest, OneAddressCannotPushOutAnothersHandshake) {
  Member server = member();
  Member asker = member();
  Stranger waiting(loop_.context(), server.at, {false, {}, {}, {}, 0, "127.0.0.2"});
  const auto flood = half_open(server, 300, "127.0.0.3");
  ASSERT_EQ(code_of(ask(*asker.link, call_to(server))), "answered");  // the server has seen all before it
  EXPECT_FALSE(waiting.ended());
}

TEST_F(StrangerTest, AnAgentThatAsksTooOftenIsToldSo) {
  LinkSettings slow = settings();
  slow.requests_per_second = 5;
  Member server = member(slow);
  Member asker = member();
  int answered = 0;
  int refused = 0;
  for (int i = 0; i < 50; ++i) {
    asker.link->call(call_to(server), [&](const Result<CatalogueResponse>& result) {
      answered += result ? 1 : 0;
      refused += text_of(result).find("status 429") != std::string::npos ? 1 : 0;
    });
  }
  run_until([&] { return answered + refused == 50; });
  EXPECT_GE(answered, 5);
  EXPECT_GE(refused, 1);
}

}  // namespace
}  // namespace larder::peer
