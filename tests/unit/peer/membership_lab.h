// Machines with memberships on one virtual loop, and what they say to each other without any socket.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime/worker_pool.h"
#include "peer/membership/membership.h"
#include "peer/messages/catalogue_paths.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::peer {

class MembershipLab : public ::testing::Test {
 protected:
  // One host: its state directory outlives restarts of its agent.
  struct Machine {
    std::string name;
    Endpoint at;
    std::unique_ptr<larder::test::TempDirectory> directory = std::make_unique<larder::test::TempDirectory>();
    std::unique_ptr<Membership> membership;
    std::vector<MembershipChange> heard;
    Membership* operator->() const { return membership.get(); }
  };

  void SetUp() override {
    ASSERT_TRUE(initialise_crypto());
    loop_.set_wall(WallTime(std::chrono::seconds(1'790'000'000)));
  }

  Machine& machine(const std::string& name) {
    auto made = std::make_unique<Machine>();
    made->name = name;
    made->at = parse_endpoint("127.0.0." + std::to_string(machines_.size() + 1) + ":7475").value();
    machines_.push_back(std::move(made));
    start(*machines_.back());
    return *machines_.back();
  }
  void start(Machine& machine) {
    machine.membership.reset();
    machine.membership =
        std::make_unique<Membership>(std::make_shared<IdentityStore>(*files_, machine.directory->path()),
                                     MembershipSettings{machine.name}, loop_.runtime(), disk_);
    MembershipNetwork network;
    network.enrol = [this](const std::string&, CatalogueCall call, MembershipNetwork::Answered done) {
      deliver(std::nullopt, std::move(call), std::move(done));
    };
    network.call = [this, &machine](CatalogueCall call, MembershipNetwork::Answered done) {
      deliver(machine->identity()->id(), std::move(call), std::move(done));
    };
    network.peers = [this] { return peers_; };
    machine->set_network(std::move(network));
    machine->observe([&machine](const MembershipChange& change) { machine.heard.push_back(change); });
  }

  // The LAN: to whoever has the address, unless the test takes the answer away.
  void deliver(std::optional<AgentId> from, CatalogueCall call, MembershipNetwork::Answered done) {
    calls_.push_back(call.target);
    Machine* to = nullptr;
    for (const auto& one : machines_) to = one->at == call.to && !unreachable_ ? one.get() : to;
    CatalogueRequest request{from, call.to, call.method, call.target, "", std::move(call.body)};
    auto shared = std::make_shared<MembershipNetwork::Answered>(std::move(done));
    UniqueFunction<void(CatalogueResponse)> respond = [this, shared](CatalogueResponse response) {
      if (change_answer_) change_answer_(response);
      if (lost_answers_ > 0) {
        --lost_answers_;
        return (*shared)(fail(ErrorCode::connection_lost, "ask the peer", "the connection ended"));
      }
      (*shared)(std::move(response));
    };
    if (link_error_) return (*shared)(tl::unexpected<Error>(*link_error_));
    if (to == nullptr) return (*shared)(fail(ErrorCode::connect_failed, "ask the peer", "Connection refused"));
    if (!(*to)->handle(request, respond)) respond({404, {}});
  }

  template <class T, class Start>
  Result<T> wait(Start start) {
    auto result = std::make_shared<std::optional<Result<T>>>();
    start([result](Result<T> done) { *result = std::move(done); });
    EXPECT_FALSE(result->has_value()) << "answers come later, never from within the call";
    EXPECT_TRUE(loop_.wait_for([&] { return result->has_value(); }));
    if (!result->has_value()) return fail(ErrorCode::internal, "wait for the membership", "it never answered");
    return std::move(**result);
  }
  Status create(Machine& on, const std::string& name = "Office") {
    return wait<void>([&](auto done) { on->create(name, std::move(done)); });
  }
  Result<Invited> invite(Machine& on, std::uint32_t uses = 1, Duration lifetime = std::chrono::hours(1)) {
    return wait<Invited>([&](auto done) { on->invite({lifetime, uses, {on.at.text()}}, std::move(done)); });
  }
  std::string line(Machine& on, std::uint32_t uses = 1) { return invite(on, uses).value().line; }
  Status join(Machine& on, const std::string& line) {
    return wait<void>([&](auto done) { on->join(line, std::move(done)); });
  }
  Status leave(Machine& on, bool give_up = false) {
    return wait<void>([&](auto done) { on->leave(give_up, std::move(done)); });
  }
  Result<std::size_t> revoke(Machine& on, const AgentId& agent) {
    return wait<std::size_t>([&](auto done) { on->revoke(agent, std::move(done)); });
  }
  Status accept(Machine& on, const GroupState& state, const GroupKey& key) {
    return wait<void>([&](auto done) { on->accept_newer(state, key, std::move(done)); });
  }
  // Until nothing is under way any more, as far as others can tell.
  bool settle(const std::function<bool()>& done) { return loop_.wait_for(done); }

  larder::test::VirtualLoop loop_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  WorkerPool disk_{"disk", 1, 64};  // ends what it writes before the files go
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<CataloguePeer> peers_;
  std::vector<std::string> calls_;
  std::function<void(CatalogueResponse&)> change_answer_;
  int lost_answers_ = 0;
  std::optional<Error> link_error_;  // of every request
  bool unreachable_ = false;
};

}  // namespace larder::peer
