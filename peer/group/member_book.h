// Certificates of the group's agents, as this agent has met them (docs/design.md, Trust): in their HELLOs, and with the
// attestations that others handed over. An attestation counts only where its attester's certificate is here: anybody
// can make keys, only the group's authority makes members of them. What is here is handed on with the attestations in
// turn, so that a root is believed although its attester has gone. Pure but for the cryptography; `now` is an argument;
// member_store.* makes it durable. Loop thread.
//
// Revocation is not looked at here: who asks whether somebody may be heard asks for that too.
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
  bool attests = false;                // attestations by it were handed to this agent: kept rather than others
  WallTime seen{};                     // when the certificate came
  friend bool operator==(const KnownMember&, const KnownMember&) = default;
};

// Hears each change of what the book keeps, as it happens.
class MemberJournal {
 public:
  virtual ~MemberJournal() = default;
  virtual void keep(const KnownMember& member) = 0;  // new, or in the place of what was kept of this agent
  virtual void forget(const AgentId& agent) = 0;
  virtual void forget_all_members() = 0;
};

class MemberBook {
 public:
  static constexpr std::size_t kMaxMembers = 4096;  // then goes who attests nothing, the longest unused first

  void set_journal(MemberJournal* journal) { journal_ = journal; }  // outlives this, or null
  // Whose signature makes a member; another group's members are none here, and are forgotten.
  void set_authority(const std::string& authority_pem);
  // What an earlier run kept. Chains are checked when somebody is asked for.
  void restore(std::vector<KnownMember> members);
  void forget_all();  // the group was left

  // Keeps it where it is a certificate of the group over this agent's key, in its time, and expires no earlier than
  // what is known. certificate_rejected otherwise: what is known stays.
  Status remember(const AgentId& agent, Bytes der, WallTime now);
  // Whether a certificate of this agent that is in its time is here.
  [[nodiscard]] bool known(const AgentId& agent, WallTime now);
  // To be handed on; null where it is not known.
  [[nodiscard]] const std::vector<std::byte>* certificate(const AgentId& agent, WallTime now);
  // What it attested is held here.
  void attests(const AgentId& agent);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    KnownMember member;
    WallTime not_after{};
    bool checked = false;    // its chain, in this run
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
