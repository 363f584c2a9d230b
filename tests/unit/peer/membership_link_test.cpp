// Enrolment, renewal of the state and revocation over real links on 127.0.0.1.
#include <gmock/gmock.h>

#include "base/runtime/worker_pool.h"
#include "peer/membership/membership.h"
#include "peer/messages/catalogue_paths.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/peer/link_fixture.h"

namespace larder::peer {
namespace {

using ::testing::HasSubstr;

class MembershipLinkTest : public LinkTest {
 protected:
  struct Machine {
    larder::test::TempDirectory directory;
    std::unique_ptr<Membership> membership;
    std::unique_ptr<CatalogueLink> link;
    Endpoint at;
  };

  std::unique_ptr<Machine> machine(const std::string& name) {
    auto made = std::make_unique<Machine>();
    Machine* it = made.get();
    it->membership = std::make_unique<Membership>(std::make_shared<IdentityStore>(*files_, it->directory.path()),
                                                  MembershipSettings{name}, runtime(), disk_);
    MembershipNetwork network;
    network.enrol = [this](const std::string& authority_pem, CatalogueCall call, MembershipNetwork::Answered done) {
      enrol_call(authority_pem, std::move(call), runtime(), std::move(done));
    };
    network.call = [it](CatalogueCall call, MembershipNetwork::Answered done) {
      it->link->call(std::move(call), std::move(done));
    };
    it->membership->set_network(std::move(network));
    it->membership->observe([this, it](const MembershipChange& change) { changed(*it, change); });
    return made;
  }
  void changed(Machine& machine, const MembershipChange& change) {
    if (change.identity) {
      machine.link.reset();
      if (machine.membership->identity() != nullptr) open(machine);
    } else if (change.enrolling) {
      machine.link->set_enrolling(machine.membership->enrolling());
    }
  }
  void open(Machine& machine) {
    auto link = make_catalogue_link(settings(), machine.membership->credentials(), runtime());
    ASSERT_TRUE(link) << link.error().text();
    machine.link = std::move(*link);
    machine.at = parse_endpoint("127.0.0.1:" + std::to_string(machine.link->port())).value();
    machine.link->set_handler([&machine](CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> respond) {
      if (!machine.membership->handle(request, respond)) respond({404, {}});
    });
    machine.link->set_refused([&machine](const AgentId& agent) { return machine.membership->refused(agent); });
  }

  template <class T, class Start>
  Result<T> wait(Start start) {
    std::optional<Result<T>> out;
    start([&out](Result<T> result) { out = std::move(result); });
    run_until([&out] { return out.has_value(); });
    if (!out) return fail(ErrorCode::internal, "wait for the membership", "it never answered");
    return std::move(*out);
  }
  Status create(Machine& on) {
    return wait<void>([&](auto done) { on.membership->create("Office", std::move(done)); });
  }
  std::string line(Machine& on, std::uint32_t uses) {
    const InviteOptions options{std::chrono::hours(1), uses, {on.at.text()}};
    return wait<Invited>([&](auto done) { on.membership->invite(options, std::move(done)); }).value().line;
  }
  Status join(Machine& on, const std::string& line) {
    return wait<void>([&](auto done) { on.membership->join(line, std::move(done)); });
  }

  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  WorkerPool disk_{"disk", 1, 64};  // ends what it writes before the files go
};

TEST_F(MembershipLinkTest, AMachineJoinsLearnsAndIsShutOut) {
  const auto first = machine("desk-1");
  const auto second = machine("desk-2");
  const auto third = machine("desk-3");
  const auto late = machine("desk-4");
  ASSERT_TRUE(create(*first));
  const std::string invitation = line(*first, 2);
  const Status joined = join(*second, invitation);
  ASSERT_TRUE(joined) << joined.error().text();
  ASSERT_TRUE(join(*third, invitation));
  // Used up: the answer says so.
  const Status refused = join(*late, invitation);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::permission_denied) << refused.error().text();

  const AgentId out = third->membership->identity()->id();
  const auto closed = wait<std::size_t>([&](auto done) { first->membership->revoke(out, std::move(done)); });
  ASSERT_TRUE(closed) << closed.error().text();
  second->membership->on_member_heard(first->membership->identity()->id(), first->at, 2);
  run_until([&] { return second->membership->refused(out); });
  EXPECT_EQ(second->membership->identity()->group.key.epoch(), 2U);

  // Neither the holder nor a member speaks with it any more.
  for (const Machine* other : {first.get(), second.get()}) {
    CatalogueCall call;
    call.to = other->at;
    call.agent = other->membership->identity()->id();
    call.target = std::string(kGroupPath);
    EXPECT_FALSE(ask(*third->link, std::move(call)));
  }
  EXPECT_EQ(third->membership->identity()->group.key.epoch(), 1U);
}

TEST_F(MembershipLinkTest, WithoutAnOpenInvitationNobodyGetsIn) {
  const auto first = machine("desk-1");
  const auto second = machine("desk-2");
  ASSERT_TRUE(create(*first));
  const std::string invitation = line(*first, 1);
  // Closed by a revocation meanwhile.
  ASSERT_TRUE(
      wait<std::size_t>([&](auto done) { first->membership->revoke(AgentKey::generate().id(), std::move(done)); }));
  const Status refused = join(*second, invitation);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("ask for a new"));
  EXPECT_EQ(second->membership->identity(), nullptr);
}

TEST_F(MembershipLinkTest, AnotherGroupAtTheAddressIsNotBelieved) {
  const auto first = machine("desk-1");
  const auto other = machine("other");
  const auto second = machine("desk-2");
  ASSERT_TRUE(create(*first));
  ASSERT_TRUE(create(*other));
  Invitation invitation = decode_invitation(line(*first, 1)).value();
  (void)line(*other, 1);  // it takes strangers, too
  invitation.addresses = {other->at.text()};
  const Status refused = join(*second, encode_invitation(invitation));
  ASSERT_FALSE(refused);
  EXPECT_EQ(second->membership->identity(), nullptr);
  invitation.addresses.push_back(first->at.text());
  EXPECT_TRUE(join(*second, encode_invitation(invitation))) << "the next address is asked";
}

}  // namespace
}  // namespace larder::peer
