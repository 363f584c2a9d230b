// Discovery, deciding part (docs/design.md, The LAN): when to say HELLO, whom to believe, what to answer, how far to
// ask. Pure: datagrams and time go in, datagrams to send come out; discovery_socket.* does the rest. Loop thread.
//
// Nobody is listened to before a HELLO of its own that the check found good: the group's key alone, which every member
// has, lets nobody speak for another. Under an older group key only a HELLO is read, and answered under that key, so
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

// A datagram whose seal opened.
struct Incoming {
  Datagram datagram;
  Endpoint from;
  bool multicast = false;
  std::uint32_t key_epoch = 0;      // of the key that opened it
  std::size_t size = kMaxDatagram;  // bytes on the wire: no answer to what its sender did not sign is larger
};

class Discovery {
 public:
  static constexpr Duration kHelloInterval = std::chrono::seconds(10);
  static constexpr Duration kCheckAgainAfter = std::chrono::minutes(5);  // a certificate may have expired meanwhile
  static constexpr Duration kNewerInterval = std::chrono::seconds(1);    // between two tidings of a newer state
  static constexpr std::size_t kHelloEvery = 1024;  // datagrams: what is not signed counts only near what is
  static constexpr double kRechecks = 50;           // a second: signatures of HELLOs that say nothing new
  // What a newer state of the group is told again for, while somebody has not said that it knows it.
  static constexpr unsigned kNewsTimes = 2;
  static constexpr Duration kNewsApart = std::chrono::milliseconds(300);  // so much and up to twice as much
  static constexpr std::size_t kMaxReplies = 1024;
  // An address that speaks for an agent without its signature may be anybody's: it is answered at most once in this
  // time, with no more bytes than came from there, and only on the link or where it was told to look for agents.
  static constexpr Duration kProbeInterval = std::chrono::seconds(1);
  static constexpr std::size_t kMaxProbed = 256;  // addresses remembered; beyond it nobody is answered for the moment
  static constexpr std::size_t kMaxCrowdUnicast = 64;  // agents out of multicast's reach that one CROWD is sent to
  static constexpr std::size_t kOldKeyAnswers = 8;     // of many agents about so many answer a HELLO under an older key

  // What this agent holds, asked for each ASK that it is to answer; nothing where it holds nothing.
  using Holdings = std::function<std::vector<HaveItem>(const Ask&)>;
  using Answered = Lookups::Answered;
  using Gone = std::function<void(const AgentId&)>;
  using Appeared = std::function<void(const KnownPeer&)>;  // or is known by other facts now
  // Who knows a newer state of the group, and where its catalogue is.
  using Newer = std::function<void(const AgentId&, const Endpoint& catalogue, std::uint32_t group_version)>;
  using Evidence = std::function<void(const AgentId& sender, const EvidenceMessage&)>;
  using Check = std::function<HelloVerdict(const Incoming&)>;
  using ReachHeard = std::function<void(const AgentId& sender, const ReachMessage&)>;
  using CrowdHeard = std::function<void(const AgentId& sender, const CrowdStamp&, const std::vector<CrowdEntry>&)>;

  Discovery(DiscoverySelf self, Random& random, Holdings holdings);

  // Whether a HELLO is the sender's own; without it every one is believed.
  void set_check(Check check) { check_ = std::move(check); }
  void allow_loopback(bool allow) { loopback_ = allow; }  // agents may be there: in tests alone
  // Whether an address is of a network that this machine is in; without it every one is.
  void set_on_link(std::function<bool(const Endpoint&)> on_link) { on_link_ = std::move(on_link); }
  void set_refused(std::function<bool(const AgentId&)> refused) { refused_ = std::move(refused); }  // revoked, shunned
  void on_appeared(Appeared appeared) { appeared_ = std::move(appeared); }
  void on_gone(Gone gone) { gone_ = std::move(gone); }
  void on_newer_group(Newer newer) { newer_ = std::move(newer); }
  void on_evidence(Evidence evidence) { evidence_ = std::move(evidence); }
  void on_crowd(CrowdHeard crowd) { crowd_ = std::move(crowd); }
  void on_reach(ReachHeard reach) { reach_ = std::move(reach); }

  // Configured addresses and DNS SRV results: spoken to by unicast, since multicast may not reach them.
  void set_addresses(const std::vector<Endpoint>& addresses);
  void learn_address(const Endpoint& address);  // told by a peer
  // Announced at once when it differs; with another key epoch under the key before too, for those who have only that.
  void set_self(DiscoverySelf self, SteadyTime now);

  void start(SteadyTime now);    // also when an address or a link changed
  void resumed(SteadyTime now);  // from suspend: nobody is waited for before it is heard again
  void stop(SteadyTime now);     // BYE
  void receive(const Incoming& incoming, SteadyTime now);
  void refused_changed(SteadyTime now);
  // Time passed: call at next_wakeup() or later.
  void tick(SteadyTime now);
  [[nodiscard]] SteadyTime next_wakeup() const;
  // Asks who has these; see Lookups. With nobody around `answered` is called from inside, and 0 returned.
  std::uint32_t ask(std::vector<AskKey> keys, SteadyTime now, Answered answered);
  void cancel(std::uint32_t query) { lookups_.cancel(query); }
  void tell_evidence(EvidenceMessage evidence, SteadyTime now) { relay_.tell(std::move(evidence), now); }
  // Entries that fit one datagram, to everybody; how often is the caller's to bound (crowd_pace.h).
  void say_crowd(std::vector<CrowdEntry> entries);
  // To the one agent that it is about; nothing where that is not around.
  void tell_reach(const AgentId& to, ReachMessage what);
  // See PeerTable::mark_place(); who appeared is told where the agent is reached elsewhere now.
  void mark_place(const AgentId& id, const Endpoint& place, bool answers, SteadyTime now);
  // Where a second machine speaks in the name of an agent that is around.
  [[nodiscard]] const TwinsAround& twins() const { return twins_; }
  // What is to be sent now, in order.
  [[nodiscard]] std::vector<Outgoing> take_outgoing();

  [[nodiscard]] const PeerTable& peers() const { return peers_; }
  // Unreachable: not waited for again until it speaks.
  void forget(const AgentId& id, SteadyTime now);

 private:
  struct Reply {
    SteadyTime at{};
    bool probe = false;  // also asks who that is
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
  std::optional<HeardNewer> heard_newer_;  // to be told when it is time
  struct News {
    unsigned left = 0;
    SteadyTime at{};
    std::uint32_t old_epoch = 0;  // of the group key before; 0: the same
  };
  News news_;
  TokenBucket rechecks_{kRechecks, kRechecks};
  struct Probed {
    SteadyTime first{};     // datagram that is not answered yet, or the answer
    std::size_t bytes = 0;  // that came from there since the last answer
    bool answered = false;
  };
  std::map<Endpoint, Probed> probed_;
  bool loopback_ = false;
  std::function<bool(const Endpoint&)> on_link_;
  std::size_t since_hello_ = 0;  // datagrams sent since the last announcement
  bool running_ = false;
};

}  // namespace larder::peer
