#include "peer/membership/membership.h"

#include <gmock/gmock.h>

#include "base/io/log.h"
#include "peer/group/certificate.h"
#include "peer/membership/membership_rules.h"
#include "tests/unit/peer/membership_lab.h"

namespace larder::peer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using MembershipTest = MembershipLab;

ErrorCode code(const Status& status) {
  return status ? ErrorCode::internal : status.error().code;
}

TEST_F(MembershipTest, AMachineJoinsWithALine) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  EXPECT_TRUE(first->active());
  EXPECT_FALSE(first->enrolling());
  const std::string invitation = line(first);
  EXPECT_TRUE(first->enrolling());
  peers_ = {{first->identity()->id(), first.at}};
  const Status joined = join(second, invitation);
  ASSERT_TRUE(joined) << joined.error().text();
  const Identity& self = *second->identity();
  EXPECT_EQ(self.group.name, "Office");
  EXPECT_FALSE(self.is_authority());
  EXPECT_TRUE(second->active());
  EXPECT_EQ(self.group.state, first->identity()->group.state);
  EXPECT_EQ(self.group.key.secret(), first->identity()->group.key.secret());
  EXPECT_EQ(self.group.state.holder, first->identity()->id());
  EXPECT_THAT(second->first_peers(), ::testing::Contains(first.at));
  EXPECT_FALSE(second->credentials().private_key_pem.empty());
  ASSERT_EQ(first->enrolled().size(), 1U);
  EXPECT_EQ(first->enrolled()[0].name, "desk-2");
  EXPECT_EQ(first->enrolled()[0].agent, self.id());
  ASSERT_EQ(second.heard.size(), 1U);
  EXPECT_TRUE(second.heard[0].identity);
}

TEST_F(MembershipTest, WhatIsAnsweredSurvivesARestart) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  const std::string invitation = line(first, 2);
  ASSERT_TRUE(join(second, invitation));
  const AgentId id = second->identity()->id();
  start(first);
  start(second);
  EXPECT_TRUE(first->enrolling());
  EXPECT_EQ(first->open_invitations().at(0).uses_left, 1U);
  EXPECT_EQ(second->identity()->id(), id);
  Machine& third = machine("desk-3");
  EXPECT_TRUE(join(third, invitation));
  EXPECT_EQ(first->enrolled().size(), 2U);
}

TEST_F(MembershipTest, AUsedUpInvitationAdmitsNobodyElse) {
  Machine& first = machine("desk-1");
  ASSERT_TRUE(create(first));
  const std::string invitation = line(first);
  ASSERT_TRUE(join(machine("desk-2"), invitation));
  Machine& third = machine("desk-3");
  const Status late = join(third, invitation);
  EXPECT_EQ(code(late), ErrorCode::permission_denied);
  EXPECT_THAT(late.error().text(), HasSubstr("ask for a new invitation"));
  EXPECT_EQ(third->identity(), nullptr);
}

TEST_F(MembershipTest, TwoAtOnceWithOneUseAdmitOne) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  Machine& third = machine("desk-3");
  ASSERT_TRUE(create(first));
  const std::string invitation = line(first);
  std::vector<Status> ended;
  second->join(invitation, [&](Status status) { ended.push_back(std::move(status)); });
  third->join(invitation, [&](Status status) { ended.push_back(std::move(status)); });
  ASSERT_TRUE(settle([&] { return ended.size() == 2; }));
  EXPECT_NE(ended[0].has_value(), ended[1].has_value());
  EXPECT_NE(second->identity() == nullptr, third->identity() == nullptr);
  EXPECT_EQ(first->enrolled().size(), 1U);
}

TEST_F(MembershipTest, TwoJoinsOfOneMachineAreOne) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  const std::string invitation = line(first, 2);
  std::vector<Status> ended;
  second->join(invitation, [&](Status status) { ended.push_back(std::move(status)); });
  second->join(invitation, [&](Status status) { ended.push_back(std::move(status)); });
  ASSERT_TRUE(settle([&] { return ended.size() == 2; }));
  EXPECT_EQ(code(ended[0]), ErrorCode::busy);
  EXPECT_TRUE(ended[1]);
  EXPECT_EQ(first->open_invitations().at(0).uses_left, 1U);
}

TEST_F(MembershipTest, AnExpiredInvitationIsRefusedHereAndThere) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  const std::string invitation = line(first);
  const WallTime then = loop_.wall();
  loop_.set_wall(then + std::chrono::hours(2));
  const Status late = join(second, invitation);
  EXPECT_EQ(code(late), ErrorCode::permission_denied);
  EXPECT_THAT(late.error().text(), HasSubstr("expired at"));
  EXPECT_TRUE(calls_.empty()) << "nobody was bothered";
  // A clock set back here does not help: the authority's own clock says so, too.
  EnrolRequest request;
  request.token = decode_invitation(invitation)->token;
  const AgentKey key = AgentKey::generate();
  sign(request, key);
  unsigned status = 0;
  deliver(std::nullopt, {first.at, {}, "POST", std::string(kEnrolPath), encode(request)},
          [&](const Result<CatalogueResponse>& response) { status = response ? response->status : 1; });
  ASSERT_TRUE(settle([&] { return status != 0; }));
  EXPECT_EQ(status, 403U);
}

TEST_F(MembershipTest, EnrollingEndsWhenTheLastInvitationDoes) {
  Machine& first = machine("desk-1");
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(invite(first, 1, std::chrono::minutes(10)));
  first.heard.clear();
  loop_.advance(std::chrono::minutes(11));
  EXPECT_FALSE(first->enrolling());
  ASSERT_EQ(first.heard.size(), 1U);
  EXPECT_TRUE(first.heard[0].enrolling);
}

// Another invitation sets no clock, and no clock opens an invitation.
TEST_F(MembershipTest, AdvisesWhatHelpsAgainstTheCauseAtHand) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  const std::string invitation = line(first);
  const struct {
    ErrorCode code;
    const char *cause, *says, *does_not_say;
  } rows[] = {
      {ErrorCode::certificate_rejected, "its certificate is refused: certificate is not yet valid", "clock",
       "invitation is"},
      {ErrorCode::certificate_rejected, "its certificate is refused: certificate has expired", "clock",
       "invitation is"},
      {ErrorCode::certificate_rejected, "its certificate is not the authority's", "not the authority's", "clock"},
      {ErrorCode::certificate_rejected, "it refuses the certificate of this agent: tlsv13 alert certificate required",
       "no invitation is open", "clock"},
      {ErrorCode::certificate_rejected, "it refuses the certificate of this agent: sslv3 alert certificate expired",
       "clock", "no invitation is open"},
      {ErrorCode::tls_failed, "the handshake ended", "no invitation is open", "clock"},
      {ErrorCode::connect_failed, "Connection refused", "address and port", "no invitation is open"},
  };
  for (const auto& row : rows) {
    link_error_ = Error{row.code, "ask the peer", row.cause, std::nullopt};
    const auto joined = join(second, invitation);
    ASSERT_FALSE(joined) << row.cause;
    EXPECT_NE(joined.error().text().find(row.says), std::string::npos) << joined.error().text();
    EXPECT_EQ(joined.error().text().find(row.does_not_say), std::string::npos) << joined.error().text();
  }
}

TEST_F(MembershipTest, ALostAnswerDoesNotBurnTheInvitation) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  const std::string invitation = line(first);
  lost_answers_ = 1;
  EXPECT_EQ(code(join(second, invitation)), ErrorCode::connection_lost);
  start(second);  // even after a restart
  EXPECT_TRUE(join(second, invitation));
  EXPECT_EQ(first->enrolled().size(), 1U);
}

TEST_F(MembershipTest, InAGroupNothingElseIsJoinedOrMade) {
  Machine& first = machine("desk-1");
  Machine& other = machine("home");
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(create(other, "Home"));
  const std::string invitation = line(other);
  const Status again = join(first, invitation);
  EXPECT_EQ(code(again), ErrorCode::already_exists);
  EXPECT_THAT(again.error().text(), HasSubstr("group Office"));
  EXPECT_EQ(code(create(first, "Another")), ErrorCode::already_exists);
  EXPECT_EQ(first->identity()->group.name, "Office");
  EXPECT_EQ(other->open_invitations().at(0).uses_left, 1U);
}

TEST_F(MembershipTest, LeavingAndJoiningAgainIsANewAgent) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  const std::string invitation = line(first, 2);
  ASSERT_TRUE(join(second, invitation));
  const AgentId old = second->identity()->id();
  ASSERT_TRUE(leave(second));
  EXPECT_EQ(second->identity(), nullptr);
  EXPECT_FALSE(second->active());
  EXPECT_TRUE(second->credentials().certificate_pem.empty());
  EXPECT_TRUE(second.heard.back().identity);
  EXPECT_EQ(code(leave(second)), ErrorCode::invalid_state);
  start(second);
  EXPECT_EQ(second->identity(), nullptr);
  ASSERT_TRUE(join(second, invitation));
  EXPECT_NE(second->identity()->id(), old);
}

TEST_F(MembershipTest, TheAuthorityIsNotGivenUpByMistake) {
  Machine& first = machine("desk-1");
  ASSERT_TRUE(create(first));
  const Status refused = leave(first);
  EXPECT_EQ(code(refused), ErrorCode::invalid_state);
  EXPECT_THAT(refused.error().text(), HasSubstr("--yes"));
  EXPECT_NE(first->identity(), nullptr);
  EXPECT_TRUE(leave(first, true));
  EXPECT_EQ(first->identity(), nullptr);
}

TEST_F(MembershipTest, OnlyTheHolderInvitesAndRevokes) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  EXPECT_EQ(invite(first).error().code, ErrorCode::invalid_state) << "in no group";
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(join(second, line(first)));
  const auto refused = invite(second);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_state);
  EXPECT_THAT(refused.error().text(), HasSubstr(agent_name(first->identity()->id())));
  EXPECT_EQ(revoke(second, first->identity()->id()).error().code, ErrorCode::invalid_state);
  EXPECT_EQ(revoke(first, first->identity()->id()).error().code, ErrorCode::invalid_argument);
}

TEST_F(MembershipTest, ARevocationReachesThoseWhoHearOfIt) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  Machine& third = machine("desk-3");
  ASSERT_TRUE(create(first));
  const std::string invitation = line(first, 5);
  ASSERT_TRUE(join(second, invitation));
  ASSERT_TRUE(join(third, invitation));
  const AgentId out = third->identity()->id();
  const auto closed = revoke(first, out);
  ASSERT_TRUE(closed) << closed.error().text();
  EXPECT_EQ(*closed, 1U) << "the revoked machine knows that invitation";
  EXPECT_FALSE(first->enrolling());
  EXPECT_EQ(code(join(machine("desk-4"), invitation)), ErrorCode::permission_denied);
  EXPECT_TRUE(first->refused(out));
  EXPECT_EQ(first->identity()->group.key.epoch(), 2U);
  ASSERT_EQ(first->identity()->old_keys.size(), 1U);
  EXPECT_EQ(revoke(first, out).error().code, ErrorCode::already_exists);

  second->on_member_heard(first->identity()->id(), first.at, first->identity()->group.state.version);
  ASSERT_TRUE(settle([&] { return second->refused(out); }));
  EXPECT_EQ(second->identity()->group.key.secret(), first->identity()->group.key.secret());
  EXPECT_EQ(second->identity()->old_keys.size(), 1U);
  EXPECT_TRUE(second.heard.back().state);
  // The one shut out is given nothing, and keeps its old key.
  third->on_member_heard(first->identity()->id(), first.at, first->identity()->group.state.version);
  third->on_member_heard(second->identity()->id(), second.at, second->identity()->group.state.version);
  loop_.run_ready();
  EXPECT_EQ(third->identity()->group.key.epoch(), 1U);
}

TEST_F(MembershipTest, AMemberThatLearnsOfItsOwnRevocationWorksAlone) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(join(second, line(first)));
  ASSERT_TRUE(revoke(first, second->identity()->id()));
  const Group& group = first->identity()->group;
  ASSERT_TRUE(accept(second, group.state, group.key));
  EXPECT_FALSE(second->active());
  EXPECT_TRUE(second->identity()->is_revoked());
  EXPECT_TRUE(leave(second));
  EXPECT_TRUE(join(second, line(first))) << "as a new agent";
}

TEST_F(MembershipTest, NewerStatesAreTakenOnlyWhenEverythingFits) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(join(second, line(first)));
  const Group before = first->identity()->group;
  ASSERT_TRUE(revoke(first, AgentKey::generate().id()));
  const Group& now = first->identity()->group;
  EXPECT_EQ(code(accept(second, before.state, before.key)), ErrorCode::invalid_state);
  EXPECT_EQ(code(accept(second, now.state, before.key)), ErrorCode::certificate_rejected) << "another key";
  EXPECT_EQ(code(accept(second, now.state, GroupKey::generate(now.key.epoch()))), ErrorCode::certificate_rejected);
  GroupState forged = now.state;
  forged.revoked.clear();
  EXPECT_EQ(code(accept(second, forged, now.key)), ErrorCode::certificate_rejected);
  EXPECT_EQ(second->identity()->group.state.version, 1U);
  EXPECT_TRUE(accept(second, now.state, now.key));
  EXPECT_EQ(code(accept(second, now.state, now.key)), ErrorCode::invalid_state);
}

TEST_F(MembershipTest, NoMoreThanEightOldKeysAreKept) {
  Machine& first = machine("desk-1");
  ASSERT_TRUE(create(first));
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(revoke(first, AgentKey::generate().id()));
  EXPECT_EQ(first->identity()->old_keys.size(), kMaxOldKeys);
  EXPECT_EQ(first->identity()->old_keys[0].epoch(), 12U);
  start(first);
  EXPECT_EQ(first->identity()->old_keys.back().epoch(), 5U);
}

TEST_F(MembershipTest, RevokedWhileJoiningIsToldAndTheNextTryIsAnotherAgent) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  // It was admitted, its answer was lost, and before it asks again it is revoked.
  const std::string invitation = line(first);
  lost_answers_ = 1;
  EXPECT_FALSE(join(second, invitation));
  ASSERT_EQ(first->enrolled().size(), 1U);
  const AgentId asked = first->enrolled()[0].agent;
  ASSERT_TRUE(revoke(first, asked));
  const std::string next = line(first);
  const Status refused = join(second, next);
  EXPECT_EQ(code(refused), ErrorCode::permission_denied);
  EXPECT_EQ(first->open_invitations().at(0).uses_left, 1U) << "the invitation is not used up by that";
  const Status again = join(second, next);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_NE(second->identity()->id(), asked);
}

TEST_F(MembershipTest, AnAnswerOfAnotherGroupIsRefused) {
  Machine& first = machine("desk-1");
  Machine& impostor = machine("impostor");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(create(impostor));
  const std::string invitation = line(first);
  change_answer_ = [&](CatalogueResponse& response) {
    // A certificate, state and key that fit each other, but are another authority's.
    EnrolAnswer answer = decode_enrol_answer(response.body).value();
    const Group& other = impostor->identity()->group;
    const auto asked = read_leaf(answer.certificate_pem).value();
    answer.certificate_pem =
        issue_leaf(*other.authority, other.authority_pem, asked.id, loop_.wall(), std::chrono::hours(1)).value();
    answer.state = other.state;
    answer.key_epoch = other.key.epoch();
    answer.key_secret = other.key.secret();
    response.body = encode(answer);
  };
  EXPECT_EQ(code(join(second, invitation)), ErrorCode::certificate_rejected);
  EXPECT_EQ(second->identity(), nullptr);
  change_answer_ = [&](CatalogueResponse& response) {
    EnrolAnswer answer = decode_enrol_answer(response.body).value();
    answer.key_secret[0] ^= std::byte{1};
    response.body = encode(answer);
  };
  EXPECT_EQ(code(join(second, invitation)), ErrorCode::certificate_rejected);
  change_answer_ = [&](CatalogueResponse& response) { response.body.resize(response.body.size() / 2); };
  EXPECT_EQ(code(join(second, invitation)), ErrorCode::bad_response);
  change_answer_ = nullptr;
  EXPECT_TRUE(join(second, invitation));
}

TEST_F(MembershipTest, AMemberThatCannotAdmitNamesWhoCan) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  Machine& third = machine("desk-3");
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(join(second, line(first)));
  peers_ = {{first->identity()->id(), first.at}, {second->identity()->id(), second.at}};
  Invitation invitation = decode_invitation(line(first)).value();
  invitation.addresses = {"127.0.0.99:1", second.at.text()};
  EXPECT_TRUE(join(third, encode_invitation(invitation)));
  EXPECT_EQ(third->identity()->group.name, "Office");
}

TEST_F(MembershipTest, AMemberElsewhereCannotSendOneThatJoinsToItsOwnLoopback) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  Machine& third = machine("desk-3");
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(join(second, line(first)));
  second.at = parse_endpoint("192.0.2.2:7475").value();
  peers_ = {{first->identity()->id(), first.at}};
  Invitation invitation = decode_invitation(line(first)).value();
  invitation.addresses = {second.at.text()};
  EXPECT_FALSE(join(third, encode_invitation(invitation)));
  first.at = parse_endpoint("192.0.2.1:7475").value();
  peers_ = {{first->identity()->id(), first.at}};
  EXPECT_TRUE(join(third, encode_invitation(invitation)));
}

TEST_F(MembershipTest, NobodyThereIsToldWithTheAddress) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  const std::string invitation = line(first);
  unreachable_ = true;
  const Status alone = join(second, invitation);
  EXPECT_EQ(code(alone), ErrorCode::connect_failed);
  EXPECT_THAT(alone.error().text(), HasSubstr(first.at.text()));
  unreachable_ = false;
  EXPECT_TRUE(join(second, invitation));
}

TEST_F(MembershipTest, StrangersGetNothing) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(join(second, line(first)));
  const AgentId out = second->identity()->id();
  const auto status = [&](std::optional<AgentId> from, const char* method, std::string_view path) {
    unsigned answered = 0;
    deliver(from, {first.at, {}, method, std::string(path)},
            [&](const Result<CatalogueResponse>& response) { answered = response ? response->status : 1; });
    EXPECT_TRUE(settle([&] { return answered != 0; }));
    return answered;
  };
  EXPECT_EQ(status(std::nullopt, "GET", kGroupPath), 403U);
  EXPECT_EQ(status(std::nullopt, "POST", kRenewPath), 404U);
  EXPECT_EQ(status(std::nullopt, "POST", kEnrolPath), 400U) << "no request in it";
  EXPECT_EQ(status(out, "GET", kGroupPath), 200U);
  ASSERT_TRUE(revoke(first, out));
  EXPECT_EQ(status(out, "GET", kGroupPath), 403U);
  EXPECT_EQ(status(out, "POST", kRenewPath), 403U);
}

TEST_F(MembershipTest, CertificatesAreRenewedInContactWithTheHolder) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(join(second, line(first)));
  const WallTime expires = second->certificate_expires().value();
  const auto hear = [&] { second->on_member_heard(first->identity()->id(), first.at, 1); };
  calls_.clear();
  hear();
  EXPECT_TRUE(calls_.empty()) << "not yet";
  loop_.set_wall(loop_.wall() + kCertificateLifetime - kRenewWithin + std::chrono::hours(1));
  hear();
  ASSERT_TRUE(settle([&] { return second->certificate_expires() > expires; }));
  EXPECT_TRUE(second.heard.back().certificate);
  EXPECT_TRUE(second->active());
  EXPECT_EQ(first->enrolled().at(0).certified_until, second->certificate_expires());
  start(second);
  EXPECT_GT(second->certificate_expires(), expires);
}

TEST_F(MembershipTest, TheHolderRenewsItsOwn) {
  Machine& first = machine("desk-1");
  ASSERT_TRUE(create(first));
  const WallTime expires = first->certificate_expires().value();
  loop_.set_wall(loop_.wall() + kCertificateLifetime - kRenewWithin);
  loop_.advance(std::chrono::hours(2));
  ASSERT_TRUE(settle([&] { return first->certificate_expires() > expires; }));
}

TEST_F(MembershipTest, AnExpiredMemberIsNotActive) {
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  ASSERT_TRUE(create(first));
  ASSERT_TRUE(join(second, line(first)));
  loop_.set_wall(loop_.wall() + kCertificateLifetime);
  loop_.advance(std::chrono::hours(2));
  EXPECT_FALSE(second->active());
  EXPECT_TRUE(second.heard.back().certificate) << "the parts that use it are told";
}

TEST_F(MembershipTest, AnIdentityThatCannotBeReadIsNotOverwritten) {
  Machine& first = machine("desk-1");
  ASSERT_TRUE(create(first));
  const std::string path = *first.directory / "identity/group";
  const std::string damaged = larder::test::read_file(path).substr(0, 100);
  larder::test::write_file(path, damaged);
  start(first);
  ASSERT_TRUE(first->problem());
  EXPECT_EQ(first->identity(), nullptr);
  EXPECT_EQ(code(create(first, "Another")), ErrorCode::content_damaged);
  EXPECT_EQ(larder::test::read_file(path), damaged);
}

TEST_F(MembershipTest, NoSecretIsEverLogged) {
  const log::Level before = log::level();
  log::set_level(log::Level::debug);
  ::testing::internal::CaptureStderr();
  Machine& first = machine("desk-1");
  Machine& second = machine("desk-2");
  std::string errors;
  EXPECT_TRUE(create(first));
  const std::string invitation = line(first);
  EXPECT_TRUE(join(second, invitation));
  errors += join(machine("desk-3"), invitation).error().text();
  errors += join(second, invitation).error().text();
  std::string mistyped = invitation;
  mistyped[invitation.size() / 2] = '!';
  errors += join(machine("desk-4"), mistyped).error().text();
  EXPECT_TRUE(revoke(first, AgentKey::generate().id()));
  second->on_member_heard(first->identity()->id(), first.at, 2);
  EXPECT_TRUE(settle([&] { return second->identity()->group.state.version == 2; }));
  const std::string said = ::testing::internal::GetCapturedStderr() + errors;
  log::set_level(before);
  ASSERT_THAT(said, HasSubstr("machine admitted"));
  const auto secret = [&](Bytes bytes) {
    EXPECT_THAT(said, Not(HasSubstr(to_hex(bytes))));
    EXPECT_THAT(said, Not(HasSubstr(to_base64(bytes))));
  };
  for (const Machine* one : {&first, &second}) {
    const Identity& identity = *(*one)->identity();
    secret(identity.key.seed());
    secret(identity.group.key.secret());
    for (const GroupKey& key : identity.old_keys) secret(key.secret());
  }
  secret(first->identity()->group.authority->seed());
  EXPECT_THAT(said, Not(HasSubstr(decode_invitation(invitation)->token)));
  EXPECT_THAT(said, Not(HasSubstr(invitation.substr(20, 40))));
}

}  // namespace
}  // namespace larder::peer
