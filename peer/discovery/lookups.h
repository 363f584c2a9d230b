// The queries in flight: which peers to ask again, which to wait for, when a query is done (docs/formats/datagram.md,
// ASK and HAVE). Pure: messages and time go in, messages to send come out. Loop thread.
//
// In a small group every peer answers, even without any of the keys, so that a query is done after one round trip; only
// silent peers are asked again. One complete holder is not enough while prompt peers have not answered: it may be the
// one that lies. In a large group about 8 peers draw to answer; without an answer, all that hold something are asked.
// Silence then means that no peer has it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/common/endpoint.h"
#include "peer/common/token_bucket.h"
#include "peer/messages/datagram.h"

namespace larder::peer {

struct Outgoing {
  std::optional<Endpoint> to;  // nullopt: multicast on every interface
  Message message;
  std::uint32_t key_epoch = 0;  // of the older group key to encrypt it with; 0: the current one
};

// An item of an answer to an own query.
struct Holder {
  AgentId agent{};
  std::uint8_t load = 0;
  HaveItem item;
};

// A peer that can be asked.
struct Askable {
  AgentId agent{};
  Endpoint at;
  bool multicast = false;  // a query by multicast reaches it
  bool prompt = true;      // worth waiting for: it answered the last query
};

class Lookups {
 public:
  static constexpr Duration kAgainAfter = std::chrono::milliseconds(5);      // small group: asks silent peers again
  static constexpr Duration kWidenAfter = std::chrono::milliseconds(15);     // large group: asks all peers
  static constexpr Duration kLingerComplete = std::chrono::milliseconds(2);  // for more answers after a complete one
  static constexpr Duration kLingerPartial = std::chrono::milliseconds(10);  // after partial holders only
  static constexpr Duration kLingerAlone = std::chrono::milliseconds(10);    // small group: one complete holder only
  static constexpr Duration kSilenceAfter = std::chrono::milliseconds(35);   // all were asked, none answered: done
  static constexpr Duration kGiveUpAfter = std::chrono::milliseconds(100);
  // These times, except kLingerComplete, are stretched up to kMostStretch times where answers take longer than kUsual:
  // asking again while an answer is in flight, or taking slowness for silence, adds load to a busy office.
  static constexpr Duration kUsual = std::chrono::milliseconds(5);
  static constexpr double kMostStretch = 10;
  static constexpr double kSecondTries = 200;  // datagrams a second, on average
  static constexpr std::size_t kWantedAnswers = 8;
  static constexpr std::size_t kSmallGroup = 32;
  static constexpr unsigned kMaxTries = 4;
  static constexpr std::size_t kMaxQueries = 1024;

  using Answered = std::function<void(std::vector<Holder>)>;

  explicit Lookups(Random& random) : random_(random) {}

  // Starts a query. `answered` is called once, from a later call of receive(), on_agent_gone() or tick(); not after
  // cancel(). Without a peer or a key, or with kMaxQueries in flight, it is called within the call, empty, and 0 is
  // returned.
  std::uint32_t ask(std::vector<AskKey> keys, std::vector<Askable> around, SteadyTime now, Answered answered);
  void cancel(std::uint32_t query) { queries_.erase(query); }
  void receive(const AgentId& sender, const Have& have, SteadyTime now);
  void on_agent_gone(const AgentId& agent, SteadyTime now);  // no query waits for the agent any more
  void tick(SteadyTime now);
  [[nodiscard]] SteadyTime next_wakeup() const;
  [[nodiscard]] std::vector<Outgoing> take_outgoing() { return std::exchange(outgoing_, {}); }
  // Removes and returns the peers that did not answer a query until its end.
  [[nodiscard]] std::set<AgentId> take_silent() { return std::exchange(silent_, {}); }
  [[nodiscard]] std::size_t under_way() const { return queries_.size(); }

 private:
  struct Query {
    Ask ask;
    std::map<AgentId, Askable> waited;  // small group: prompt peers that have not answered yet
    std::vector<Endpoint> unicast;      // peers that multicast does not reach
    std::vector<Holder> holders;
    std::set<AgentId> heard;
    std::size_t wanted = 0;  // answers after which a query with a complete holder is done
    unsigned tries = 1;
    SteadyTime asked_at{};
    SteadyTime again_at{};
    SteadyTime done_at{};
    Answered answered;
  };
  void send(const Query& query);
  void again(Query& query, SteadyTime now);
  void settle(std::uint32_t number, Query& query, SteadyTime now);
  void finish(std::uint32_t number);
  [[nodiscard]] Duration stretched(Duration time) const;

  Random& random_;
  double answer_seconds_ = 0;  // smoothed time of answers
  TokenBucket second_tries_{kSecondTries, kSecondTries};
  std::map<std::uint32_t, Query> queries_;
  std::vector<Outgoing> outgoing_;
  std::set<AgentId> silent_;
};

}  // namespace larder::peer
