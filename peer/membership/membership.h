// This agent's group and its changes (docs/groups.md): making, inviting, joining, leaving, revoking, taking over a
// newer state, renewing certificates. membership_rules.h decides; this class orders the changes, writes them and makes
// the calls. Owned by agent/lan; loop thread only. `done` and the observers are called later on the loop thread, never
// within a call, and not after the destructor; only handle() may answer within the call.
//
// One change at a time, each durable before it holds: a worker writes it, then this class takes it over, calls the
// observers, and calls `done`. While the identity cannot be read (problem()), every change fails and the agent works
// alone.
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
  std::string machine;  // this host's name: sent when joining; the authority keeps it
};

// The network calls that membership makes. Any may be empty: then no call is made and no peer is named.
struct MembershipNetwork {
  using Answered = UniqueFunction<void(Result<CatalogueResponse>)>;
  // enrol_call(): to a machine of a group that this agent is not in yet.
  std::function<void(const std::string& authority_pem, CatalogueCall call, Answered done)> enrol;
  // CatalogueLink::call(): to a member, with this agent's certificate.
  std::function<void(CatalogueCall call, Answered done)> call;
  // Returns the catalogues of members known now, as first addresses for a machine that joins.
  std::function<std::vector<CataloguePeer>()> peers;
};

struct InviteOptions {
  Duration lifetime = std::chrono::hours(24);
  std::uint32_t uses = 1;
  std::vector<std::string> addresses;  // of this agent's catalogue, "host:port", best first
};
struct Invited {
  std::string line;  // secret: it admits a machine
  WallTime expires{};
};

struct MembershipChange {
  bool identity = false;     // another agent key or group, or none: everything bound to them starts anew or ends
  bool certificate = false;  // renewed, or active() has changed: new credentials for link and swarm
  bool state = false;        // newer group state: the datagrams' key ring and the refused agents change
  bool enrolling = false;    // CatalogueLink::set_enrolling()
};

class Membership {
 public:
  template <class T>
  using Done = UniqueFunction<void(Result<T>)>;
  static constexpr std::size_t kMaxWaiting = 256;  // changes in the queue; further ones fail with busy

  // Reads the stored identity; blocks, so only at start.
  Membership(std::shared_ptr<IdentityStore> store, MembershipSettings settings, Runtime runtime, WorkerPool& disk);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;
  void set_network(MembershipNetwork network) { network_ = std::move(network); }
  void observe(std::function<void(const MembershipChange&)> changed) { observers_.push_back(std::move(changed)); }

  // Returns null without a group. Valid until the next change.
  [[nodiscard]] const Identity* identity() const { return stored_.identity ? &*stored_.identity : nullptr; }
  // Returns whether this agent may talk to peers: it is in a group, not revoked, and its certificate is valid now.
  [[nodiscard]] bool active() const;
  [[nodiscard]] LinkCredentials credentials() const;       // of identity(); empty without one
  [[nodiscard]] bool refused(const AgentId& agent) const;  // revoked
  [[nodiscard]] bool enrolling() const;  // this agent has the authority and an invitation that has not expired
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }
  [[nodiscard]] std::optional<WallTime> certificate_expires() const;
  [[nodiscard]] std::vector<IssuedToken> open_invitations() const;
  [[nodiscard]] const std::vector<Enrolled>& enrolled() const { return stored_.book.enrolled; }
  // Returns the catalogues that the group named when this agent joined, in this run: first addresses to look for peers
  // at.
  [[nodiscard]] const std::vector<Endpoint>& first_peers() const { return first_peers_; }

  void create(std::string name, Done<void> done);
  void invite(InviteOptions options, Done<Invited> done);
  void join(const std::string& line, Done<void> done);
  // Leaves the group. The authority's key cannot be restored, and without it the group cannot grow: its holder must set
  // `give_up_authority`, or the call fails with invalid_state.
  void leave(bool give_up_authority, Done<void> done);
  // Revokes an agent and closes all open invitations, since the revoked machine may know one. Returns how many were
  // closed.
  void revoke(const AgentId& agent, Done<std::size_t> done);
  // Takes over a state and key from a member if the authority signed the state, it is newer, and the key matches it.
  // Errors: invalid_state where it is not newer; certificate_rejected.
  void accept_newer(GroupState state, const GroupKey& key, Done<void> done);
  // Called when discovery heard a member. Fetches the group's state if the member has a newer one, and a renewed
  // certificate if it is due and the member is the authority's holder.
  void on_member_heard(const AgentId& agent, const Endpoint& catalogue, std::uint32_t group_version);

  // Handles catalogue requests for /v1/enrol, /v1/group and /v1/renew; may call `respond` within the call. False, with
  // `respond` untouched: another path.
  bool handle(const CatalogueRequest& request, UniqueFunction<void(CatalogueResponse)>& respond);

 private:
  struct Joining;
  struct Waiting;
  using Decide = UniqueFunction<Result<IdentityChange>()>;

  // Queues a change: at its turn `decide` returns what to write, from the state stored then. `done` is called when the
  // change holds, or has failed.
  void change(Decide decide, UniqueFunction<void(Status)> done);
  void next_change();
  void written(Status status);
  void take_over(IdentityChange& change);
  void report_change(MembershipChange change);
  void later(Task task);  // posts a task, which is skipped after the destructor
  void keep_house();
  void plan_house();

  void ask_next();
  void on_answer(const Endpoint& to, Result<CatalogueResponse> response);
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
