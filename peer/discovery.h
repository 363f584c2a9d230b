// Discovery, deciding part (design §8): when to say HELLO, what to answer, how far to ask. Pure: datagrams and time go
// in, datagrams to send come out; discovery_socket.* does the rest. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/clock.h"
#include "peer/datagram.h"
#include "peer/endpoint.h"
#include "peer/peer_table.h"
#include "peer/replay_guard.h"
#include "peer/token_bucket.h"

namespace larder::peer {

struct Outgoing {
  std::optional<Endpoint> to;  // none: multicast on every interface
  Message message;
};

struct DiscoverySelf {
  AgentId id{};
  std::uint16_t catalogue_port = 0;
  std::uint16_t swarm_port = 0;
  bool serving = true;
  std::uint32_t group_version = 0;
  std::string name;
  std::uint8_t load = 0;
};

// An answer to a question of ours.
struct Holder {
  AgentId agent{};
  std::uint8_t load = 0;
  HaveItem item;
};

class Discovery {
 public:
  static constexpr Duration kHelloInterval = std::chrono::seconds(10);
  static constexpr Duration kWidenAfter = std::chrono::milliseconds(15);
  static constexpr Duration kGiveUpAfter = std::chrono::milliseconds(100);
  static constexpr std::size_t kWantedAnswers = 8;
  static constexpr std::size_t kMaxQueries = 1024;
  static constexpr std::size_t kMaxKnownAddresses = 256;

  // What this agent holds, asked for each ASK that it is to answer; nothing where it holds nothing.
  using Holdings = std::function<std::vector<HaveItem>(const Ask&)>;
  using Answered = std::function<void(std::vector<Holder>)>;
  using Gone = std::function<void(const AgentId&)>;
  using Appeared = std::function<void(const KnownPeer&)>;

  Discovery(DiscoverySelf self, Random& random, Holdings holdings);

  // Configured addresses, DNS SRV results and what peers told: spoken to by unicast, since multicast may not reach
  // them.
  void set_addresses(std::vector<Endpoint> addresses);
  void learn_address(const Endpoint& address);
  void set_self(DiscoverySelf self, SteadyTime now);  // announced at once when it differs
  void set_refused(std::function<bool(const AgentId&)> refused) { refused_ = std::move(refused); }  // revoked, shunned
  void on_appeared(Appeared appeared) { appeared_ = std::move(appeared); }
  void on_gone(Gone gone) { gone_ = std::move(gone); }

  void start(SteadyTime now);  // also after suspend and when an address or a link changed
  void stop(SteadyTime now);   // BYE
  void receive(const Datagram& datagram, const Endpoint& from, bool multicast, SteadyTime now);
  // Time passed: call at next_wakeup() or later.
  void tick(SteadyTime now);
  [[nodiscard]] SteadyTime next_wakeup() const;
  // Asks who has these. `answered` is called once: as soon as one complete holder and kWantedAnswers answers are in, or
  // every known peer has answered, or at kGiveUpAfter; with nobody known at once, from inside ask(). 0: the queue is
  // full.
  std::uint32_t ask(std::vector<AskKey> keys, SteadyTime now, Answered answered);
  void cancel(std::uint32_t query);
  // What is to be sent now, in order.
  [[nodiscard]] std::vector<Outgoing> take_outgoing();

  [[nodiscard]] const PeerTable& peers() const { return peers_; }
  bool forget(const AgentId& id) { return peers_.remove(id); }  // unreachable: not waited for again until it speaks

 private:
  struct Query {
    Ask ask;
    std::vector<Holder> holders;
    std::set<AgentId> heard;
    SteadyTime widen_at{};
    SteadyTime give_up_at{};
    bool wide = false;
    Answered answered;
  };
  void receive_hello(const Datagram& datagram, const Hello& hello, const Endpoint& from, bool multicast,
                     SteadyTime now);
  void receive_ask(const AgentId& sender, const Ask& ask, const Endpoint& from, SteadyTime now);
  void receive_have(const AgentId& sender, const Have& have);
  void announce(SteadyTime now, bool probe);
  void send_question(const Ask& ask);
  void finish(std::uint32_t query);
  void expire(SteadyTime now);
  [[nodiscard]] bool satisfied(const Query& query) const;
  [[nodiscard]] Hello hello(bool probe) const;
  [[nodiscard]] std::size_t askable() const;

  DiscoverySelf self_;
  Random& random_;
  Holdings holdings_;
  PeerTable peers_;
  ReplayGuard replay_;
  TokenBucket answers_{500, 200};  // HAVE and unicast HELLO together
  std::set<Endpoint> addresses_;
  std::map<std::uint32_t, Query> queries_;
  std::map<Endpoint, SteadyTime> replies_;  // unicast HELLOs owed, spread over a moment
  std::vector<Outgoing> outgoing_;
  std::function<bool(const AgentId&)> refused_;
  Appeared appeared_;
  Gone gone_;
  SteadyTime next_hello_{};
  SteadyTime next_expiry_{};
  bool running_ = false;
};

}  // namespace larder::peer
