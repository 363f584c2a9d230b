// The questions under way: whom to ask again, whom to wait for, when to be done (docs/formats/datagram.md, ASK and
// HAVE). Pure: messages and time go in, messages to send come out. Loop thread.
//
// In a small group everybody answers, also who has nothing, so that a question is done after one round trip; what was
// lost is asked again of those alone who are still silent. One complete holder is not enough while others who are
// prompt have not answered: it may be the one that lies. In a large one about 8 draw to answer, then all who have
// anything, and silence means nobody.
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
  std::optional<Endpoint> to;  // none: multicast on every interface
  Message message;
  std::uint32_t key_epoch = 0;  // of the older group key to seal it under; 0: the current one
};

// An answer to a question of ours.
struct Holder {
  AgentId agent{};
  std::uint8_t load = 0;
  HaveItem item;
};

// Somebody who can be asked.
struct Askable {
  AgentId agent{};
  Endpoint at;
  bool multicast = false;  // a question by multicast reaches it
  bool prompt = true;      // worth waiting for: it answered when it was asked last
};

class Lookups {
 public:
  static constexpr Duration kAgainAfter = std::chrono::milliseconds(5);      // small group: the silent, once more
  static constexpr Duration kWidenAfter = std::chrono::milliseconds(15);     // large group: everybody
  static constexpr Duration kLingerComplete = std::chrono::milliseconds(2);  // for more answers after a complete one
  static constexpr Duration kLingerPartial = std::chrono::milliseconds(10);  // after one that has only parts
  static constexpr Duration kLingerAlone = std::chrono::milliseconds(10);    // small group: it may be contradicted
  static constexpr Duration kSilenceAfter = std::chrono::milliseconds(35);   // widened and no answer: nobody has it
  static constexpr Duration kGiveUpAfter = std::chrono::milliseconds(100);
  // All of these are stretched, so many times at most, where answers take longer than kUsual: asking again what is on
  // its way, or taking slowness for silence, makes a busy office busier.
  static constexpr Duration kUsual = std::chrono::milliseconds(5);
  static constexpr double kMostStretch = 10;
  static constexpr double kSecondTries = 200;  // datagrams a second, on average
  static constexpr std::size_t kWantedAnswers = 8;
  static constexpr std::size_t kSmallGroup = 32;
  static constexpr unsigned kMaxTries = 4;
  static constexpr std::size_t kMaxQueries = 1024;

  using Answered = std::function<void(std::vector<Holder>)>;

  explicit Lookups(Random& random) : random_(random) {}

  // 0, and `answered` called at once with nothing: nobody to ask, nothing to ask for, or too many under way.
  std::uint32_t ask(std::vector<AskKey> keys, std::vector<Askable> around, SteadyTime now, Answered answered);
  void cancel(std::uint32_t query) { queries_.erase(query); }
  void receive(const AgentId& sender, const Have& have, SteadyTime now);
  void gone(const AgentId& agent, SteadyTime now);  // not waited for any more
  void tick(SteadyTime now);
  [[nodiscard]] SteadyTime next_wakeup() const;
  [[nodiscard]] std::vector<Outgoing> take_outgoing() { return std::exchange(outgoing_, {}); }
  // Those who were waited for to the end in vain since the last call.
  [[nodiscard]] std::set<AgentId> take_silent() { return std::exchange(silent_, {}); }
  [[nodiscard]] std::size_t under_way() const { return queries_.size(); }

 private:
  struct Query {
    Ask ask;
    std::map<AgentId, Askable> waited;  // small group: the prompt who have not answered yet
    std::vector<Endpoint> unicast;      // whom multicast does not reach
    std::vector<Holder> holders;
    std::set<AgentId> heard;
    std::size_t wanted = 0;  // answers that are enough once there is a complete one
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
  double answer_seconds_ = 0;  // how long answers take, lately
  TokenBucket second_tries_{kSecondTries, kSecondTries};
  std::map<std::uint32_t, Query> queries_;
  std::vector<Outgoing> outgoing_;
  std::set<AgentId> silent_;
};

}  // namespace larder::peer
