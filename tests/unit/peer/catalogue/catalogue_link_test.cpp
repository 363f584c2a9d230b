// The link between members: calls, connections used again, certificates, ends.
#include <algorithm>
#include <cstdio>
#include <set>

#include "peer/catalogue/catalogue_link_client.h"
#include "tests/unit/peer/link_fixture.h"

namespace larder::peer {
namespace {

// Counts what a member is asked, and by whom over which connection.
struct Seen {
  std::vector<Endpoint> from;
  std::vector<std::optional<AgentId>> agents;
};
void record(Member& member, Seen& seen) {
  member.link->set_handler([&seen](CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> answer) {
    seen.from.push_back(request.from);
    seen.agents.push_back(request.agent);
    answer({200, std::move(request.body)});
  });
}

TEST_F(LinkTest, MembersAskEachOtherBothWays) {
  Member one = member();
  Member other = member();
  EXPECT_EQ(text_of(ask(*one.link, call_to(other, "/v1/versions/ab?kind=url&inline=1"))),
            "/v1/versions/ab?kind=url&inline=1|");
  CatalogueCall post = call_to(one, "/v1/enrol");
  post.method = "POST";
  post.body.assign(60 * 1024, std::byte{'x'});
  EXPECT_EQ(text_of(ask(*other.link, post)), "/v1/enrol?|" + std::string(60 * 1024, 'x'));
}

TEST_F(LinkTest, TheAskerIsKnownByItsCertificate) {
  Member one = member();
  Member other = member();
  Seen seen;
  record(other, seen);
  ASSERT_TRUE(ask(*one.link, call_to(other)));
  EXPECT_EQ(seen.agents, std::vector<std::optional<AgentId>>{one.key.id()});
  EXPECT_EQ(seen.from.at(0).host(), "127.0.0.1");
}

TEST_F(LinkTest, AgentsOnOneMachineAreToldApartByTheirLoopbackAddress) {
  LinkSettings third = settings();
  third.listen = {"127.0.0.3"};
  Member one = member(third);
  Member other = member();
  Seen seen;
  record(other, seen);
  ASSERT_TRUE(ask(*one.link, call_to(other)));
  EXPECT_EQ(seen.from.at(0).host(), "127.0.0.3");
}

TEST_F(LinkTest, AConnectionIsUsedAgain) {
  Member one = member();
  Member other = member();
  Seen seen;
  record(other, seen);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ask(*one.link, call_to(other)));
  ASSERT_EQ(seen.from.size(), 5u);
  EXPECT_EQ(std::set<Endpoint>(seen.from.begin(), seen.from.end()).size(), 1u);
}

TEST_F(LinkTest, ManyCallsAtOnceShareFewConnections) {
  Member one = member();
  Member other = member();
  Seen seen;
  record(other, seen);
  constexpr int kCalls = 100;
  int answered = 0;
  for (int i = 0; i < kCalls; ++i) {
    one.link->call(call_to(other), [&](Result<CatalogueResponse> result) { answered += result ? 1 : 0; });
  }
  run_until([&] { return answered == kCalls; });
  EXPECT_LE(std::set<Endpoint>(seen.from.begin(), seen.from.end()).size(), 8u);
}

TEST_F(LinkTest, AnyoneOfTheGroupMayAnswerWhenNobodyIsNamed) {
  Member one = member();
  Member other = member();
  CatalogueCall call = call_to(other);
  call.agent = {};
  EXPECT_EQ(text_of(ask(*one.link, call)), "/v1/peers?|");
}

TEST_F(LinkTest, AnotherAgentThanTheExpectedIsRefused) {
  Member one = member();
  Member other = member();
  CatalogueCall call = call_to(other);
  call.agent = AgentKey::generate().id();
  const auto result = ask(*one.link, call);
  EXPECT_EQ(code_of(result), "certificate_rejected") << text_of(result);
  EXPECT_NE(text_of(result).find(agent_name(other.key.id())), std::string::npos) << "who answers instead";
}

TEST_F(LinkTest, AnswersOfEverySizeArriveWhole) {
  Member one = member();
  Member other = member();
  other.link->set_handler([](CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> answer) {
    std::vector<std::byte> body(std::stoul(request.query));
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::byte>(i * 31 >> 3);
    answer({200, std::move(body)});
  });
  for (const std::size_t size : {0UL, 1UL, 8191UL, 8192UL, 8193UL, 65536UL, 8UL * kMiB}) {
    const auto result = ask(*one.link, call_to(other, "/x?" + std::to_string(size)));
    ASSERT_TRUE(result) << text_of(result);
    ASSERT_EQ(result->body.size(), size);
    bool same = true;
    for (std::size_t i = 0; i < size; ++i) same = same && result->body[i] == static_cast<std::byte>(i * 31 >> 3);
    EXPECT_TRUE(same) << size;
  }
}

TEST_F(LinkTest, AnAnswerLargerThanTheAskerTakesIsAnError) {
  Member one = member();
  Member other = member();
  other.link->set_handler([](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) {
    answer({200, std::vector<std::byte>(1001)});
  });
  CatalogueCall call = call_to(other);
  call.max_answer = 1000;
  EXPECT_EQ(code_of(ask(*one.link, call)), "too_large");
  call.max_answer = 1001;
  EXPECT_EQ(code_of(ask(*one.link, call)), "answered");
}

TEST_F(LinkTest, StatusesAreErrorsWithTheirReason) {
  Member one = member();
  Member other = member();
  other.link->set_handler([](CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> answer) {
    const Bytes why = as_bytes("the invitation has expired");
    const auto status = static_cast<unsigned>(std::stoul(request.query));
    answer({status, status == 404 ? std::vector<std::byte>() : std::vector<std::byte>(why.begin(), why.end())});
  });
  const auto unknown = ask(*one.link, call_to(other, "/x?404"));
  EXPECT_EQ(code_of(unknown), "http_fatal");
  EXPECT_NE(text_of(unknown).find("status 404"), std::string::npos) << text_of(unknown);
  const auto refused = ask(*one.link, call_to(other, "/x?403"));
  EXPECT_NE(text_of(refused).find("status 403: the invitation has expired"), std::string::npos) << text_of(refused);
  EXPECT_EQ(code_of(ask(*one.link, call_to(other, "/x?500"))), "http_transient");
  EXPECT_EQ(code_of(ask(*one.link, call_to(other, "/x?429"))), "http_transient");
  const auto busy = ask(*one.link, call_to(other, "/x?503"));
  ASSERT_TRUE(busy) << "a busy holder's list of others is for the asker";
  EXPECT_EQ(busy->status, 503u);
  CatalogueCall call = call_to(other, "/x?404");
  call.any_status = true;
  const auto any = ask(*one.link, call);
  ASSERT_TRUE(any);
  EXPECT_EQ(any->status, 404u);
}

TEST_F(LinkTest, ACallThatIsNoneIsRefusedHere) {
  Member one = member();
  CatalogueCall call = call_to(one);
  call.target = "/x HTTP/1.1\r\nEvil: 1";
  EXPECT_EQ(code_of(ask(*one.link, call)), "invalid_argument");
  call = call_to(one);
  call.method = "DELETE";
  EXPECT_EQ(code_of(ask(*one.link, call)), "invalid_argument");
}

TEST_F(LinkTest, ALargerBodyThanTheServerTakesIsRefusedWithItsStatus) {
  Member one = member();
  Member other = member();
  CatalogueCall call = call_to(other);
  call.method = "POST";
  for (const std::size_t size : {64 * kKiB + 1, 700 * kKiB}) {
    call.body.resize(size);
    const auto result = ask(*one.link, call);
    EXPECT_EQ(code_of(result), "http_fatal");
    EXPECT_NE(text_of(result).find("status 413"), std::string::npos) << text_of(result);
  }
  call.body.resize(64 * kKiB);
  EXPECT_EQ(code_of(ask(*one.link, call)), "answered");
}

TEST_F(LinkTest, ABodyThatComesWithItsHeadIsBoundedToo) {
  Member one = member();
  LinkSettings small = settings();
  small.max_request_body = 100;
  Member other = member(small);
  CatalogueCall call = call_to(other);
  call.method = "POST";
  call.body.resize(101);
  EXPECT_NE(text_of(ask(*one.link, call)).find("status 413"), std::string::npos);
  call.body.resize(100);
  EXPECT_EQ(code_of(ask(*one.link, call)), "answered");
}

// ---- certificates

TEST_F(LinkTest, AMemberOfAnotherGroupIsRefused) {
  Member inside = member();
  const AgentKey other_authority = AgentKey::generate();
  const std::string other_pem = make_authority(other_authority, "Office", loop_.wall(), kYear).value();
  Member outside;
  start(outside, credentials(outside.key, other_authority, other_pem), settings());
  EXPECT_EQ(code_of(ask(*inside.link, call_to(outside))), "certificate_rejected");
  EXPECT_EQ(code_of(ask(*outside.link, call_to(inside))), "certificate_rejected");
}

TEST_F(LinkTest, ALeafThatTheAuthorityDidNotSignIsRefusedByTheServer) {
  Member inside = member();
  const AgentKey forger = AgentKey::generate();
  Member outside;
  // It trusts the group, so that only the server's view counts.
  start(outside, credentials(outside.key, forger, authority_pem_), settings());
  const auto result = ask(*outside.link, call_to(inside));
  EXPECT_EQ(code_of(result), "certificate_rejected") << text_of(result);
}

TEST_F(LinkTest, AnExpiredLeafIsRefusedByBothEnds) {
  Member inside = member();
  Member late;
  LinkCredentials expired = credentials(late.key);
  expired.certificate_pem =
      issue_leaf(authority_, authority_pem_, late.key.id(), loop_.wall() - kYear, std::chrono::hours(1)).value();
  start(late, expired, settings());
  const auto by_server = ask(*late.link, call_to(inside));
  EXPECT_EQ(code_of(by_server), "certificate_rejected") << text_of(by_server);
  EXPECT_NE(text_of(by_server).find("expired"), std::string::npos) << text_of(by_server);
  const auto by_client = ask(*inside.link, call_to(late));
  EXPECT_EQ(code_of(by_client), "certificate_rejected") << text_of(by_client);
  EXPECT_NE(text_of(by_client).find("expired"), std::string::npos) << text_of(by_client);
}

TEST_F(LinkTest, ARevokedAgentIsCutMidwayAndFromTheStart) {
  Member one = member();
  Member other = member();
  std::set<AgentId> revoked;
  int asked = 0;
  other.link->set_refused([&](const AgentId& agent) { return revoked.count(agent) != 0; });
  other.link->set_handler([&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) {
    ++asked;
    answer({200, {}});
  });
  ASSERT_TRUE(ask(*one.link, call_to(other)));
  revoked.insert(one.key.id());
  EXPECT_EQ(code_of(ask(*one.link, call_to(other))), "connection_lost") << "on the kept connection and on a fresh one";
  EXPECT_EQ(code_of(ask(*one.link, call_to(other))), "connection_lost");
  EXPECT_EQ(asked, 1);
  revoked.clear();
  EXPECT_EQ(code_of(ask(*one.link, call_to(other))), "answered");
}

TEST_F(LinkTest, ARevokedAgentIsCutWithoutAskingAnything) {
  Member other = member();
  const AgentKey key = AgentKey::generate();
  other.link->set_refused([&](const AgentId& agent) { return agent == key.id(); });
  const LinkCredentials theirs = credentials(key);
  Stranger revoked(loop_.context(), other.at, {true, authority_pem_, theirs.certificate_pem, theirs.private_key_pem});
  run_until([&] { return revoked.ended(); });
  EXPECT_TRUE(revoked.shook_hands());
}

TEST_F(LinkTest, WhoIsRevokedIsCutAtThatMoment) {
  Member other = member();
  const AgentKey key = AgentKey::generate();
  const LinkCredentials theirs = credentials(key);
  Stranger revoked(loop_.context(), other.at, {true, authority_pem_, theirs.certificate_pem, theirs.private_key_pem});
  run_until([&] { return revoked.shook_hands(); });
  other.link->cut({AgentKey::generate().id()});
  Member third = member();
  ASSERT_TRUE(ask(*third.link, call_to(other)));  // by now that would have been done
  EXPECT_FALSE(revoked.ended()) << "somebody else was meant";
  other.link->cut({key.id()});
  run_until([&] { return revoked.ended(); });
  ASSERT_TRUE(ask(*third.link, call_to(other))) << "the others go on";
}

TEST_F(LinkTest, ACallToOneWhoIsRevokedEndsAtThatMoment) {
  Member one = member();
  Member other = member();
  UniqueFunction<void(CatalogueResponse)> never;
  other.link->set_handler(
      [&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) { never = std::move(answer); });
  std::string outcome;
  one.link->call(call_to(other), [&](Result<CatalogueResponse> result) { outcome = code_of(result); });
  run_until([&] { return static_cast<bool>(never); });
  one.link->cut({other.key.id()});
  run_until([&] { return !outcome.empty(); });
  EXPECT_EQ(outcome, "certificate_rejected");
}

TEST_F(LinkTest, TheAnswerOfARevokedAgentIsNotTaken) {
  Member one = member();
  Member other = member();
  one.link->set_refused([&](const AgentId& agent) { return agent == other.key.id(); });
  EXPECT_EQ(code_of(ask(*one.link, call_to(other))), "certificate_rejected");
}

TEST_F(LinkTest, ChangedCertificatesEndConnectionsAndCallsGoOn) {
  Member one = member();
  Member other = member();
  Seen seen;
  record(other, seen);
  ASSERT_TRUE(ask(*one.link, call_to(other)));
  one.link->set_credentials(credentials(one.key));  // renewed: another serial number
  ASSERT_TRUE(ask(*one.link, call_to(other)));
  other.link->set_credentials(credentials(other.key));
  ASSERT_TRUE(ask(*one.link, call_to(other)));
  EXPECT_EQ(std::set<Endpoint>(seen.from.begin(), seen.from.end()).size(), 3u) << "one connection each";
}

TEST_F(LinkTest, AfterAChangeOfTheNetworkNoKeptConnectionIsUsed) {
  Member one = member();
  Member other = member();
  Seen seen;
  record(other, seen);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(ask(*one.link, call_to(other)));
  one.link->network_changed();
  ASSERT_TRUE(ask(*one.link, call_to(other)));
  EXPECT_EQ(std::set<Endpoint>(seen.from.begin(), seen.from.end()).size(), 2u);
}

TEST_F(LinkTest, ACallOverAnAddressThatIsThereOutlivesAChangeOfTheNetwork) {
  Member one = member();
  Member other = member();
  std::vector<UniqueFunction<void(CatalogueResponse)>> waiting;
  other.link->set_handler(
      [&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) { waiting.push_back(std::move(answer)); });
  std::string outcome;
  one.link->call(call_to(other), [&](Result<CatalogueResponse> result) { outcome = code_of(result); });
  run_until([&] { return waiting.size() == 1; });
  one.link->network_changed();
  waiting[0]({200, {}});
  run_until([&] { return !outcome.empty(); });
  EXPECT_EQ(outcome, "answered");
  EXPECT_EQ(waiting.size(), 1U);
}

TEST_F(LinkTest, CertificatesChangedDuringACallAskAgain) {
  Member one = member();
  Member other = member();
  std::vector<UniqueFunction<void(CatalogueResponse)>> waiting;
  other.link->set_handler(
      [&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) { waiting.push_back(std::move(answer)); });
  std::string outcome;
  one.link->call(call_to(other), [&](Result<CatalogueResponse> result) { outcome = code_of(result); });
  run_until([&] { return waiting.size() == 1; });
  one.link->set_credentials(credentials(one.key));
  run_until([&] { return waiting.size() == 2; });
  waiting[0]({200, {}});  // nobody waits for this one any more
  waiting[1]({200, {}});
  run_until([&] { return !outcome.empty(); });
  EXPECT_EQ(outcome, "answered");
}

TEST_F(LinkTest, WithoutAGroupNothingIsAskedOrAnswered) {
  Member alone;
  start(alone, {}, settings());
  Member other = member();
  EXPECT_EQ(code_of(ask(*alone.link, call_to(other))), "certificate_rejected");
  EXPECT_NE(code_of(ask(*other.link, call_to(alone))), "answered");
  alone.link->set_credentials(credentials(alone.key));
  EXPECT_EQ(code_of(ask(*alone.link, call_to(other))), "answered");
  EXPECT_EQ(code_of(ask(*other.link, call_to(alone))), "answered");
  alone.link->set_credentials({});
  EXPECT_EQ(code_of(ask(*alone.link, call_to(other))), "certificate_rejected");
}

TEST_F(LinkTest, BrokenCertificatesAreRefusedAtTheStart) {
  LinkCredentials broken = credentials(AgentKey::generate());
  broken.private_key_pem = private_key_pem(AgentKey::generate()).value();
  const auto link = make_catalogue_link(settings(), broken, runtime());
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().code, ErrorCode::certificate_rejected);
}

TEST_F(LinkTest, AnAddressThatIsTakenIsNamed) {
  Member one = member();
  LinkSettings same = settings();
  same.port = one.at.port;
  const auto link = make_catalogue_link(same, credentials(AgentKey::generate()), runtime());
  ASSERT_FALSE(link);
  EXPECT_NE(link.error().text().find(one.at.text()), std::string::npos) << link.error().text();
}

TEST_F(LinkTest, SeveralAddressesShareOnePort) {
  LinkSettings several = settings();
  several.listen = {"127.0.0.1", "127.0.0.2"};
  Member one = member(several);
  Member other = member();
  for (const char* host : {"127.0.0.1", "127.0.0.2"}) {
    CatalogueCall call = call_to(one);
    call.to = parse_endpoint(std::string(host) + ":" + std::to_string(one.link->port())).value();
    EXPECT_EQ(code_of(ask(*other.link, call)), "answered") << host;
  }
}

// ---- ends

TEST_F(LinkTest, AHandlerThatNeverAnswersTimesOutAtTheAsker) {
  Member one = member();
  Member other = member();
  std::vector<UniqueFunction<void(CatalogueResponse)>> kept;
  other.link->set_handler(
      [&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) { kept.push_back(std::move(answer)); });
  CatalogueCall call = call_to(other);
  call.timeout = std::chrono::milliseconds(200);
  EXPECT_EQ(code_of(ask(*one.link, call)), "timed_out");
  kept.at(0)({200, {}});  // too late: nobody is there
  other.link->set_handler([](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) { answer({200, {}}); });
  EXPECT_EQ(code_of(ask(*one.link, call_to(other))), "answered") << "on a fresh connection";
}

TEST_F(LinkTest, AHandlerThatNeverAnswersTimesOutAtTheServer) {
  Member one = member();
  LinkSettings impatient = settings();
  impatient.request_timeout = std::chrono::milliseconds(200);
  Member other = member(impatient);
  std::vector<UniqueFunction<void(CatalogueResponse)>> kept;
  other.link->set_handler(
      [&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) { kept.push_back(std::move(answer)); });
  const auto result = ask(*one.link, call_to(other));
  EXPECT_NE(text_of(result).find("status 504"), std::string::npos) << text_of(result);
}

TEST_F(LinkTest, AnAnswerThatIsDroppedIsAnErrorAtOnce) {
  Member one = member();
  Member other = member();
  other.link->set_handler([](CatalogueRequest, UniqueFunction<void(CatalogueResponse)>) {});
  const auto result = ask(*one.link, call_to(other));
  EXPECT_NE(text_of(result).find("status 500"), std::string::npos) << text_of(result);
}

TEST_F(LinkTest, NobodyThereIsAConnectError) {
  Member one = member();
  Member gone = member();
  const CatalogueCall call = call_to(gone);
  gone.link.reset();
  EXPECT_EQ(code_of(ask(*one.link, call)), "connect_failed");
}

TEST_F(LinkTest, AServerThatGoesAwayWhileAskedIsALostConnection) {
  Member one = member();
  Member other = member();
  bool asked = false;
  std::vector<UniqueFunction<void(CatalogueResponse)>> kept;
  other.link->set_handler([&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) {
    asked = true;
    kept.push_back(std::move(answer));
  });
  std::string outcome;
  one.link->call(call_to(other), [&](Result<CatalogueResponse> result) { outcome = code_of(result); });
  run_until([&] { return asked; });
  other.link.reset();
  kept.clear();  // answers to a link that is gone are for nobody
  run_until([&] { return !outcome.empty(); });
  EXPECT_EQ(outcome, "connection_lost");
}

TEST_F(LinkTest, AServerThatRestartedIsAskedOnAFreshConnection) {
  Member one = member();
  Member other = member();
  ASSERT_TRUE(ask(*one.link, call_to(other)));
  LinkSettings same = settings();
  same.port = other.at.port;
  other.link.reset();
  start(other, credentials(other.key), same);
  EXPECT_EQ(code_of(ask(*one.link, call_to(other))), "answered");
}

TEST_F(LinkTest, ACancelledCallSaysNothing) {
  Member one = member();
  Member other = member();
  int asked = 0;
  std::vector<UniqueFunction<void(CatalogueResponse)>> kept;
  other.link->set_handler([&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) {
    ++asked;
    kept.push_back(std::move(answer));
  });
  bool called = false;
  const CallId id = one.link->call(call_to(other), [&](const Result<CatalogueResponse>&) { called = true; });
  run_until([&] { return asked == 1; });
  one.link->cancel(id);
  one.link->cancel(id);
  kept.at(0)({200, {}});
  kept.clear();
  other.link->set_handler([](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) { answer({200, {}}); });
  EXPECT_EQ(code_of(ask(*one.link, call_to(other))), "answered");
  EXPECT_FALSE(called);
}

TEST_F(LinkTest, TheLinkMayEndWithCallsUnderWay) {
  Member one = member();
  Member other = member();
  std::vector<UniqueFunction<void(CatalogueResponse)>> kept;
  other.link->set_handler(
      [&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) { kept.push_back(std::move(answer)); });
  bool called = false;
  for (int i = 0; i < 20; ++i) one.link->call(call_to(other), [&](const Result<CatalogueResponse>&) { called = true; });
  run_until([&] { return kept.size() == LinkClient::kMaxPerPeer; });
  one.link.reset();
  EXPECT_FALSE(called);
  other.link.reset();
  for (auto& answer : kept) answer({200, {}});
}

TEST_F(LinkTest, TheLinkMayEndWithinItsHandlerAndWithinACallsEnd) {
  Member one = member();
  Member other = member();
  other.link->set_handler([&](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) {
    other.link.reset();
    answer({200, {}});
  });
  bool ended = false;
  one.link->call(call_to(other), [&](const Result<CatalogueResponse>&) {
    one.link.reset();
    ended = true;
  });
  run_until([&] { return ended; });
}

// Printed for people; the bound is for a machine that does nothing else but fail.
TEST_F(LinkTest, RoundTripOf64KiB) {
  Member one = member();
  Member other = member();
  other.link->set_handler([](CatalogueRequest, UniqueFunction<void(CatalogueResponse)> answer) {
    answer({200, std::vector<std::byte>(64 * kKiB)});
  });
  const auto median = [this](int rounds, const std::function<void()>& before, const std::function<void()>& what) {
    std::vector<double> milliseconds;
    for (int i = 0; i < rounds; ++i) {
      before();
      const SteadyTime start = loop_.now();
      what();
      milliseconds.push_back(std::chrono::duration<double, std::milli>(loop_.now() - start).count());
    }
    std::sort(milliseconds.begin(), milliseconds.end());
    return milliseconds[milliseconds.size() / 2];
  };
  const auto ask_it = [&] { ASSERT_EQ(code_of(ask(*one.link, call_to(other))), "answered"); };
  const double kept = median(
      100, [] {}, ask_it);
  const double fresh = median(
      30, [&] { one.link->set_credentials(credentials(one.key)); }, ask_it);
  std::printf("64 KiB answer, median: %.3f ms on a kept connection, %.3f ms on a fresh one\n", kept, fresh);
  EXPECT_LT(kept, 1000);
  EXPECT_LT(fresh, 1000);
}

}  // namespace
}  // namespace larder::peer
