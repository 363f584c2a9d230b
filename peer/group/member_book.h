// The certificates of the group's agents that this agent has received (docs/design.md, Trust): in their HELLOs, and
// with attestations that other members sent. An attestation counts only if its attester's certificate is here: anybody
// can make keys, but only the group's authority makes members. The certificates are sent along with attestations in
// turn, so that a root is believed although its attester has gone. Pure except for the cryptography; `now` is an
// argument; member_store.* makes it durable. Loop thread.
//
// Revocation is not checked here; callers check it as well.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/clock.h"
#include "peer/group/keys.h"

namespace larder::peer {

struct KnownMember {
  AgentId agent{};
  std::vector<std::byte> certificate;  // DER of its leaf
  bool attests = false;                // this agent has attestations by it: it is kept rather than others
  WallTime seen{};                     // when the certificate came
  friend bool operator==(const KnownMember&, const KnownMember&) = default;
};

// Called for each change of the book, within the call that makes it.
class MemberJournal {
 public:
  virtual ~MemberJournal() = default;
  virtual void keep(const KnownMember& member) = 0;  // new, or replaces the agent's entry
  virtual void forget(const AgentId& agent) = 0;
  virtual void forget_all_members() = 0;
};

class MemberBook {
 public:
  static constexpr std::size_t kMaxMembers = 4096;  // agents without attestations go first, the longest unused of them

  void set_journal(MemberJournal* journal) { journal_ = journal; }  // outlives this, or null
  // Sets the authority whose signature makes a member; the members of another group are forgotten.
  void set_authority(const std::string& authority_pem);
  // Takes over the entries that an earlier run kept. Their chains are checked when an agent is first asked for.
  void restore(std::vector<KnownMember> members);
  void forget_all();  // the group was left

  // Keeps a certificate. Error: certificate_rejected where it is not of the group, of another agent's key or not valid
  // at `now`. A good one that expires earlier than the known one is ignored.
  Status remember(const AgentId& agent, Bytes der, WallTime now);
  // Returns whether a certificate of this agent is here that is valid at `now`.
  [[nodiscard]] bool is_known(const AgentId& agent, WallTime now);
  // Returns the certificate, to be sent along; null where the agent is not known.
  [[nodiscard]] const std::vector<std::byte>* certificate(const AgentId& agent, WallTime now);
  // Records that this agent holds attestations by that agent.
  void attests(const AgentId& agent);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    KnownMember member;
    WallTime not_after{};
    bool checked = false;    // its chain was checked in this run
    std::uint64_t used = 0;  // counts up
  };
  bool usable(Entry& entry, WallTime now) const;
  void make_room();

  MemberJournal* journal_ = nullptr;
  std::string authority_pem_;
  std::map<AgentId, Entry> entries_;
  std::uint64_t uses_ = 0;
};

}  // namespace larder::peer
