// What this agent's group is and how that changes (docs/groups.md): making, inviting, joining, leaving, revoking,
// taking over a newer state, renewing certificates. What is decided is in membership_rules.h; here are the order of
// things, the disk and the calls. Owned by main; loop thread only; callbacks come later on the loop thread, never from
// within a call.
//
// One change at a time, each durable before it holds: written by a worker, then taken over here, then told to the
// observers, then answered. While an identity cannot be read (problem()), nothing is changed and the agent works alone.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/common/endpoint.h"
#include "peer/group/identity.h"
#include "peer/group/identity_store.h"
#include "peer/messages/catalogue_wire.h"

namespace larder::peer {

inline constexpr std::string_view kRenewPath = "/v1/renew";  // POST, by a member, to the authority's holder

struct MembershipSettings {
  std::string machine;  // this host's name: told when joining; the authority keeps it
};

// What membership needs of the network. Any may be empty: then nothing is called, nobody is named.
struct MembershipNetwork {
  using Answered = UniqueFunction<void(Result<CatalogueResponse>)>;
  // enrol_call(): to a machine of a group that this one is not in yet.
  std::function<void(const std::string& authority_pem, CatalogueCall call, Answered done)> enrol;
  // CatalogueLink::call(): to a member, with this agent's certificate.
  std::function<void(CatalogueCall call, Answered done)> call;
  // Catalogues of members known now: told to a machine that joins, to begin with.
  std::function<std::vector<CataloguePeer>()> peers;
};

struct InviteOptions {
  Duration lifetime = std::chrono::hours(24);
  std::uint32_t uses = 1;
  std::vector<std::string> addresses;  // of this agent's catalogue, "host:port", the best first
};
struct Invited {
  std::string line;  // secret: it admits a machine
  WallTime expires{};
};

struct MembershipChange {
  bool identity = false;     // another agent key or group, or none: everything bound to them starts anew or ends
  bool certificate = false;  // renewed: new credentials for link and swarm
  bool state = false;        // newer group state and key: the key ring of the datagrams, who is refused
  bool enrolling = false;    // CatalogueLink::set_enrolling()
};

class Membership {
 public:
  template <class T>
  using Done = UniqueFunction<void(Result<T>)>;
  static constexpr std::size_t kMaxWaiting = 256;  // changes in the queue; beyond: busy

  // Reads what is stored (blocks): at start.
  Membership(std::shared_ptr<IdentityStore> store, MembershipSettings settings, Runtime runtime, WorkerPool& disk);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;
  void set_network(MembershipNetwork network) { network_ = std::move(network); }
  void observe(std::function<void(const MembershipChange&)> changed) { observers_.push_back(std::move(changed)); }

  // Null: no group. Valid until the next change.
  [[nodiscard]] const Identity* identity() const { return stored_.identity ? &*stored_.identity : nullptr; }
  // In a group, not revoked, the certificate in its time: may speak to peers.
  [[nodiscard]] bool active() const;
  [[nodiscard]] LinkCredentials credentials() const;       // of identity(); empty without one
  [[nodiscard]] bool refused(const AgentId& agent) const;  // revoked
  [[nodiscard]] bool enrolling() const;                    // an invitation is open here
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }
  [[nodiscard]] std::optional<WallTime> certificate_expires() const;
  [[nodiscard]] std::vector<IssuedToken> open_invitations() const;
  [[nodiscard]] const std::vector<Enrolled>& enrolled() const { return stored_.book.enrolled; }
  // Catalogues that the group named when this agent joined, in this run: addresses to begin with.
  [[nodiscard]] const std::vector<Endpoint>& first_peers() const { return first_peers_; }

  void create(std::string name, Done<void> done);
  void invite(InviteOptions options, Done<Invited> done);
  void join(const std::string& line, Done<void> done);
  // The authority's key cannot be had back: leaving with it ends the group's growth, so that has to be said.
  void leave(bool give_up_authority, Done<void> done);
  // Also closes all open invitations: the revoked machine may know one. How many were closed.
  void revoke(const AgentId& agent, Done<std::size_t> done);
  // A state and key that a member gave: taken only when the authority signed it, it is newer, and the key is the one
  // that it speaks of. invalid_state: not newer.
  void accept_newer(GroupState state, const GroupKey& key, Done<void> done);
  // Discovery heard a member: fetches the state where that one's is newer, and from the authority's holder a renewed
  // certificate when it is time.
  void heard(const AgentId& agent, const Endpoint& catalogue, std::uint32_t group_version);

  // Requests of the catalogue for /v1/enrol, /v1/group and /v1/renew; false (and `respond` untouched) for others.
  bool handle(const CatalogueRequest& request, UniqueFunction<void(CatalogueResponse)>& respond);

 private:
  struct Joining;
  struct Waiting;
  using Decide = UniqueFunction<Result<IdentityChange>()>;

  // Queues: `decide` looks at what is stored then and says what to write; `done` comes when it holds.
  void change(Decide decide, UniqueFunction<void(Status)> done);
  void next_change();
  void written(Status status);
  void take_over(IdentityChange& change);
  void tell(MembershipChange change);
  void later(Task task);  // unless this is gone by then
  void keep_house();
  void plan_house();

  void ask_next();
  void asked(const Endpoint& to, Result<CatalogueResponse> response);
  void refused_by(const Endpoint& to, const CatalogueResponse& response);
  void admitted(const Endpoint& by, const CatalogueResponse& response);
  void end_join(Status status);
  void fetch_state(const AgentId& agent, const Endpoint& catalogue);
  void take_fetched(const CatalogueResponse& response);
  void renew(const Endpoint& catalogue);
  void take_renewed(const CatalogueResponse& response);
  void answer_enrol(const CatalogueRequest& request, UniqueFunction<void(CatalogueResponse)> respond);
  void answer_renew(const AgentId& agent, UniqueFunction<void(CatalogueResponse)> respond);
  [[nodiscard]] CatalogueResponse answer_group(const CatalogueRequest& request) const;
  [[nodiscard]] CatalogueResponse refusal(const Error& error) const;

  std::shared_ptr<IdentityStore> store_;
  MembershipSettings settings_;
  MembershipNetwork network_;
  Runtime runtime_;
  WorkerPool& disk_;
  Stored stored_;
  std::optional<Error> problem_;
  std::vector<Endpoint> first_peers_;
  std::vector<std::function<void(const MembershipChange&)>> observers_;
  std::deque<std::unique_ptr<Waiting>> waiting_;
  std::shared_ptr<Joining> joining_;
  bool changing_ = false;
  bool fetching_ = false, renewing_ = false;
  bool was_enrolling_ = false, was_active_ = false;
  SteadyTime fetch_after_{}, renew_after_{};
  TimerId housekeeping_ = 0;
  Alive alive_;
};

}  // namespace larder::peer
