// Discovery, doing part (docs/design.md, The LAN): sockets, interfaces, sealing and name look-ups around the deciding
// class Discovery. Owned by agent/lan. Loop thread only; configured names are resolved on other threads (SrvLookup).
// Events may come from within the methods (see discovery.h); an event may call stop().
//
// Sockets: one for each listen address (or one for all of a family), which sends and receives. Multicast is joined on
// every interface that is up and has an address, on loopback only where a listen address is a loopback one. Strangers
// cost little: a datagram of another group is dropped by its clear bytes, and one that claims to be of this group is
// decrypted only within budgets (receive_budget.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/loop.h"
#include "peer/discovery/discovery.h"
#include "peer/group/keys.h"
#include "peer/names/srv_lookup.h"

namespace larder::peer {

struct DiscoverySettings {
  std::vector<std::string> listen;   // numeric addresses; empty: all (IPv4 and IPv6)
  std::uint16_t port = 7475;         // 0: any
  std::uint16_t multicast_port = 0;  // 0: as `port`, or kDefaultPort where that is any
  bool multicast = true;
  std::vector<std::string> addresses;  // "host:port"
  std::string srv;                     // DNS name; empty: none
  SrvLookupSettings names;             // how the two are resolved
  static constexpr std::uint16_t kDefaultPort = 7475;
};

// This agent's identity and the group keys that it reads. Replaced as a whole when the group's state, its key or the
// certificate changes. Another agent key or another group needs another DiscoverySocket.
struct DiscoveryIdentity {
  AgentKey key;
  std::uint64_t start_epoch = 0;  // IdentityStore::next_start_epoch(); the same for the whole run
  std::string authority_pem;
  std::string certificate_pem;
  std::uint32_t group_tag = 0;
  GroupKey current;
  std::vector<GroupKey> old;  // newest first; at most KeyRing::kMaxOld are read
};

// Callbacks, all called on the loop thread; any may be empty.
struct DiscoveryEvents {
  Discovery::Holdings holdings;
  std::function<bool(const AgentId&)> refused;  // revoked or shunned: neither heard nor answered
  Discovery::Appeared appeared;                 // or changed
  Discovery::Gone gone;
  Discovery::Newer newer_group;  // a peer knows a newer group state, to be fetched from its catalogue
  Discovery::Evidence evidence;  // once for each piece, from a member; not yet checked
  Discovery::CrowdHeard crowd;
  Discovery::ReachHeard reach{};                 // a peer reports whether this agent's ports answer
  std::function<void(const TwinHeard&)> twin{};  // a HELLO with this agent's own key, from another machine's address
};

struct DiscoveryFigures {
  std::uint64_t sent = 0, received = 0;  // datagrams of the group
  std::uint64_t foreign = 0;             // datagrams of no known group key, or not decodable
  std::uint64_t over_budget = 0;         // datagrams dropped unread
  std::uint64_t multicast_hellos = 0;    // heard from others
  std::uint64_t unicast_hellos = 0;
  std::uint64_t clock_rejections = 0;    // HELLOs whose certificate is not valid at this machine's time
  std::size_t multicast_interfaces = 0;  // joined now
  std::string trouble;                   // why sending or a name look-up fails at present; empty: neither does
};

class DiscoverySocket {
 public:
  virtual ~DiscoverySocket() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  virtual void start() = 0;
  virtual void stop() = 0;  // sends BYE; nothing is sent or received afterwards, and start() does nothing
  // Replaces ports, serving, group version, name and load; id and key epoch are the identity's. A difference is
  // announced at once.
  virtual void set_self(DiscoverySelf self) = 0;
  virtual void set_identity(DiscoveryIdentity identity) = 0;
  virtual void refused_changed() = 0;  // call when an agent was revoked or shunned
  virtual void network_changed() = 0;  // call when addresses, links or routes changed: multicast groups are joined anew
  virtual void learn_address(const Endpoint& address) = 0;  // an address named by a peer
  // As Discovery::ask(): `answered` is called once, later from the loop, or within the call where there is no peer to
  // ask. Not after cancel().
  virtual std::uint32_t ask(std::vector<AskKey> keys, Discovery::Answered answered) = 0;
  virtual void cancel(std::uint32_t query) = 0;
  // Sends evidence to the group three times; without its certificate where that does not fit. Error: invalid_argument
  // for 0 or more than kMaxEvidence bytes.
  virtual Status tell_evidence(EvidenceMessage evidence) = 0;
  virtual void say_crowd(std::vector<CrowdEntry> entries) { (void)entries; }  // one datagram; see Discovery
  // Removes an unreachable peer: it is not waited for again until it is heard.
  virtual void forget(const AgentId& agent) = 0;
  // As in Discovery.
  virtual void tell_reach(const AgentId& to, ReachMessage what) { (void)to, (void)what; }
  virtual void mark_place(const AgentId& agent, const Endpoint& place, bool answers) {
    (void)agent, (void)place, (void)answers;
  }
  [[nodiscard]] virtual std::optional<Endpoint> second_place(const AgentId& agent) const {
    (void)agent;
    return std::nullopt;
  }
  [[nodiscard]] virtual const PeerTable& peers() const = 0;
  [[nodiscard]] virtual DiscoveryFigures figures() const = 0;
};

// Makes a socket that is not started yet. Errors: connect_failed with the address and the reason (port in use);
// invalid_argument for a listen address that is not numeric.
[[nodiscard]] Result<std::unique_ptr<DiscoverySocket>> make_discovery_socket(const DiscoverySettings& settings,
                                                                             DiscoveryIdentity identity,
                                                                             DiscoverySelf self, DiscoveryEvents events,
                                                                             Loop& loop, Random& random);

}  // namespace larder::peer
