// Discovery, deciding part (docs/design.md, The LAN): when to send HELLO, which senders to believe, what to answer, how
// many peers to ask. Pure: datagrams and time go in, datagrams to send come out; discovery_socket.* does the rest. Loop
// thread. Callbacks come from within receive(), tick(), ask(), forget(), refused_changed() and mark_place().
//
// Datagrams of an agent are ignored until it has sent a HELLO that the check found good: the group's key, which every
// member has, does not prove the sender. Under an older group key only a HELLO is read, and answered under that key, so
// that a machine that slept through a revocation learns that there is a newer state.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/common/endpoint.h"
#include "peer/common/token_bucket.h"
#include "peer/discovery/address_book.h"
#include "peer/discovery/evidence_relay.h"
#include "peer/discovery/hello_check.h"
#include "peer/discovery/lookups.h"
#include "peer/discovery/peer_table.h"
#include "peer/discovery/replay_guard.h"
#include "peer/discovery/twin_watch.h"
#include "peer/messages/datagram.h"

namespace larder::peer {

struct DiscoverySelf {
  AgentId id{};
  std::uint16_t catalogue_port = 0;
  std::uint16_t swarm_port = 0;
  bool serving = true;
  std::uint32_t group_version = 0;
  std::string name;
  std::uint8_t load = 0;
  std::uint32_t key_epoch = 0;           // of the current group key
  std::vector<std::byte> certificate{};  // DER of this agent's leaf
  std::string version{};                 // of the program, for people
};

// A received datagram that was decrypted with a key of the group.
struct Incoming {
  Datagram datagram;
  Endpoint from;
  bool multicast = false;
  std::uint32_t key_epoch = 0;      // of the key that decrypted it
  std::size_t size = kMaxDatagram;  // bytes on the wire; the answer to an unsigned datagram is not larger
};

class Discovery {
 public:
  static constexpr Duration kHelloInterval = std::chrono::seconds(10);
  static constexpr Duration kCheckAgainAfter = std::chrono::minutes(5);  // a certificate may have expired meanwhile
  static constexpr Duration kNewerInterval = std::chrono::seconds(1);    // between two reports of a newer state
  static constexpr std::size_t kHelloEvery = 1024;  // datagrams: receivers take unsigned ones only near a signed one
  static constexpr double kRechecks = 50;           // a second: signatures of HELLOs that say nothing new
  // Repetitions of the announcement of a newer group state, while some peer has not shown that it knows the state.
  static constexpr unsigned kNewsTimes = 2;
  static constexpr Duration kNewsApart = std::chrono::milliseconds(300);  // to twice as much
  static constexpr std::size_t kMaxReplies = 1024;
  // An unsigned datagram may come from any address. Such an address is answered at most once in this time, with no
  // more bytes than came from it, and only if it is on the link or among the addresses to look for agents at.
  static constexpr Duration kProbeInterval = std::chrono::seconds(1);
  static constexpr std::size_t kMaxProbed = 256;  // addresses remembered; further ones are not answered for the moment
  static constexpr std::size_t kMaxCrowdUnicast = 64;  // unicast copies of one CROWD, for agents without multicast
  static constexpr std::size_t kOldKeyAnswers = 8;     // about so many of all agents answer a HELLO under an older key

  // Returns what this agent holds of an ASK's keys; called for each ASK that it is to answer.
  using Holdings = std::function<std::vector<HaveItem>(const Ask&)>;
  using Answered = Lookups::Answered;
  using Gone = std::function<void(const AgentId&)>;
  using Appeared = std::function<void(const KnownPeer&)>;  // also when its facts or its address have changed
  // Called for an agent that knows a newer state of the group, with the address of its catalogue.
  using Newer = std::function<void(const AgentId&, const Endpoint& catalogue, std::uint32_t group_version)>;
  using Evidence = std::function<void(const AgentId& sender, const EvidenceMessage&)>;
  using Check = std::function<HelloVerdict(const Incoming&)>;
  using ReachHeard = std::function<void(const AgentId& sender, const ReachMessage&)>;
  using CrowdHeard = std::function<void(const AgentId& sender, const CrowdStamp&, const std::vector<CrowdEntry>&)>;

  Discovery(DiscoverySelf self, Random& random, Holdings holdings);

  // Sets the check that a signed datagram is the sender's own; without it every one is believed.
  void set_check(Check check) { check_ = std::move(check); }
  void allow_loopback(bool allow) { loopback_ = allow; }  // agents may be at loopback addresses: in tests alone
  // Sets the test whether an address is of a network that this machine is in; without it every one is.
  void set_on_link(std::function<bool(const Endpoint&)> on_link) { on_link_ = std::move(on_link); }
  void set_refused(std::function<bool(const AgentId&)> refused) { refused_ = std::move(refused); }  // revoked, shunned
  void on_appeared(Appeared appeared) { appeared_ = std::move(appeared); }
  void on_gone(Gone gone) { gone_ = std::move(gone); }
  void on_newer_group(Newer newer) { newer_ = std::move(newer); }
  void on_evidence(Evidence evidence) { evidence_ = std::move(evidence); }
  void on_crowd(CrowdHeard crowd) { crowd_ = std::move(crowd); }
  void on_reach(ReachHeard reach) { reach_ = std::move(reach); }

  // Sets configured addresses and DNS SRV results. They are sent HELLO by unicast, since multicast may not reach them.
  void set_addresses(const std::vector<Endpoint>& addresses);
  void learn_address(const Endpoint& address);  // an address named by a peer
  // Replaces the facts of this agent and announces a difference at once. With a new key epoch it is also announced
  // under the previous key, for agents that have only that.
  void set_self(DiscoverySelf self, SteadyTime now);

  void start(SteadyTime now);    // also when an address or a link changed
  void resumed(SteadyTime now);  // after a suspend: look-ups do not wait for a peer before it is heard again
  void stop(SteadyTime now);     // sends BYE
  void receive(const Incoming& incoming, SteadyTime now);
  void refused_changed(SteadyTime now);
  // Does what is due; call at next_wakeup() or later.
  void tick(SteadyTime now);
  [[nodiscard]] SteadyTime next_wakeup() const;
  // Asks the peers for holders of the keys; see Lookups. Without a peer to ask, or with too many queries in flight, it
  // calls `answered` within the call and returns 0.
  std::uint32_t ask(std::vector<AskKey> keys, SteadyTime now, Answered answered);
  void cancel(std::uint32_t query) { lookups_.cancel(query); }
  void tell_evidence(EvidenceMessage evidence, SteadyTime now) { relay_.send_evidence(std::move(evidence), now); }
  // Sends entries that fit one datagram to the group. The caller bounds the rate (crowd_pace.h).
  void say_crowd(std::vector<CrowdEntry> entries);
  // Sends the message to the agent that it is about, if that is around.
  void tell_reach(const AgentId& to, ReachMessage what);
  // See PeerTable::mark_place(); on_appeared() is called if the agent is reached at another place now.
  void mark_place(const AgentId& id, const Endpoint& place, bool answers, SteadyTime now);
  // Returns the record of agents whose identity two machines use.
  [[nodiscard]] const TwinsAround& twins() const { return twins_; }
  // Removes and returns the datagrams to send now, in order.
  [[nodiscard]] std::vector<Outgoing> take_outgoing();

  [[nodiscard]] const PeerTable& peers() const { return peers_; }
  // Removes an unreachable peer; it is not waited for again until it is heard. on_gone() is not called.
  void forget(const AgentId& id, SteadyTime now);

 private:
  struct Reply {
    SteadyTime at{};
    bool probe = false;  // also asks for a HELLO in return
  };
  void receive_hello(const Incoming& incoming, const Hello& said, SteadyTime now);
  void receive_old_hello(const Incoming& incoming, const Hello& said, SteadyTime now);
  void receive_earlier_run(const Incoming& incoming, SteadyTime now);
  void receive_bye(const Incoming& incoming, SteadyTime now);
  void receive_other(const Incoming& incoming, SteadyTime now);
  enum class Belief { none, assumed, proven };
  Belief believe(const Incoming& incoming, const Hello& said, SteadyTime now);
  void receive_ask(const AgentId& sender, const Ask& ask, const Endpoint& from, SteadyTime now);
  void owe_reply(const Endpoint& to, bool probe, SteadyTime now);
  void drop_link_local_replies(const KnownPeer& peer);
  void probe_unproven(const Incoming& incoming, SteadyTime now);
  [[nodiscard]] std::size_t hello_size() const;
  [[nodiscard]] bool may_be_there(const Endpoint& place) const;
  void send_replies(SteadyTime now);
  void tell_newer(const Incoming& incoming, const Hello& said, SteadyTime now);
  void tell_newer_late(SteadyTime now);
  void say_under_old_key(std::uint32_t epoch);
  void repeat_news(SteadyTime now);
  [[nodiscard]] bool all_know_the_state() const;
  void announce(SteadyTime now, bool probe);
  void to_everybody(const Message& message);
  void drop(const AgentId& id, SteadyTime now);
  void expire(SteadyTime now);
  [[nodiscard]] Hello hello(bool probe) const;

  DiscoverySelf self_;
  Random& random_;
  Holdings holdings_;
  PeerTable peers_;
  ReplayGuard replay_;
  Lookups lookups_;
  EvidenceRelay relay_;
  AddressBook addresses_;
  TokenBucket answers_{500, 200};        // HAVE
  TokenBucket hello_answers_{200, 200};  // HELLO by unicast
  TokenBucket old_answers_{20, 20};      // the same under older keys
  std::map<Endpoint, Reply> replies_;    // unicast HELLOs owed, spread over a moment
  std::vector<Outgoing> outgoing_;
  std::function<bool(const AgentId&)> refused_;
  Check check_;
  Appeared appeared_;
  Gone gone_;
  Newer newer_;
  Evidence evidence_;
  CrowdHeard crowd_;
  ReachHeard reach_;
  TwinsAround twins_;
  TokenBucket twin_checks_{1, 4};  // signatures of HELLOs of earlier runs
  SteadyTime next_hello_{};
  SteadyTime next_expiry_{};
  struct HeardNewer {
    AgentId agent{};
    Endpoint catalogue;
    std::uint32_t version = 0;
  };
  std::optional<SteadyTime> told_newer_;
  std::optional<HeardNewer> heard_newer_;  // to be reported once kNewerInterval has passed
  struct News {
    unsigned left = 0;
    SteadyTime at{};
    std::uint32_t old_epoch = 0;  // of the previous group key; 0: the key has not changed
  };
  News news_;
  TokenBucket rechecks_{kRechecks, kRechecks};
  struct Probed {
    SteadyTime first{};     // time of the first unanswered datagram, or of the answer
    std::size_t bytes = 0;  // received from the address since `first`
    bool answered = false;
  };
  std::map<Endpoint, Probed> probed_;
  bool loopback_ = false;
  std::function<bool(const Endpoint&)> on_link_;
  std::size_t since_hello_ = 0;  // datagrams sent since the last announcement
  bool running_ = false;
};

}  // namespace larder::peer
