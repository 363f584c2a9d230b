// Which threads stand still: each is asked for a sign of life and has to answer within its bound. Deciding only: the
// caller asks, hands the answers in, and tells the service manager.
//
// A bound is longer than the longest legitimate piece of work of its thread. Time in which nobody looked (the machine
// slept, the whole process was stopped) counts for little: no thread could answer in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/runtime/clock.h"

namespace larder::agent {

class Watchdog {
 public:
  // Between two looks at most this much counts as waiting.
  static constexpr Duration kLongestStep = std::chrono::seconds(30);

  // The index of the thread in all other calls.
  std::size_t add(std::string name, Duration bound);

  // Time goes on: who is asked and has not answered has waited so much longer. Names whose state changed with it.
  struct Change {
    std::string name;
    bool stands = false;
    Duration waited{};
  };
  [[nodiscard]] std::vector<Change> look(SteadyTime now);
  struct Question {
    std::size_t thread = 0;
    std::uint64_t number = 0;
  };
  // One for each thread that has no open question, or could not take the last one.
  [[nodiscard]] std::vector<Question> ask();
  void on_answer(const Question& question);  // an older one changes nothing
  // The thread's queue was full. It goes on waiting: a full queue is one that nobody empties, or one that comes round.
  void on_refused(const Question& question);

  [[nodiscard]] bool healthy() const;
  struct State {
    std::string name;
    bool stands = false;
  };
  [[nodiscard]] std::vector<State> states() const;

 private:
  struct Thread {
    std::string name;
    Duration bound{};
    bool asked = false, refused = false, stands = false;
    std::uint64_t number = 0;
    Duration waited{};
  };
  std::vector<Thread> threads_;
  SteadyTime last_look_{};
};

}  // namespace larder::agent
