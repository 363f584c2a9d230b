// Decides which threads are stuck: each is asked for a sign of life, and must answer within its bound. Pure: the caller
// asks, passes the answers in, and informs the service manager.
//
// A bound is longer than the longest legitimate piece of work of its thread. Time without a look (the machine slept,
// the process was stopped) counts for little, since no thread could answer in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/runtime/clock.h"

namespace larder::agent {

class Watchdog {
 public:
  // Maximum time that counts between two looks.
  static constexpr Duration kLongestStep = std::chrono::seconds(30);

  // Adds a thread, and returns its index for all other calls.
  std::size_t add(std::string name, Duration bound);

  // Counts the time that asked threads have not answered. Returns those whose state changes by that.
  struct Change {
    std::string name;
    bool stands = false;
    Duration waited{};
  };
  [[nodiscard]] std::vector<Change> check_threads(SteadyTime now);
  struct Question {
    std::size_t thread = 0;
    std::uint64_t number = 0;
  };
  // Returns a question for each thread without an open one, or whose last one was refused.
  [[nodiscard]] std::vector<Question> ask();
  void on_answer(const Question& question);  // an answer to an older question is ignored
  // The thread's queue was full. Its time still counts: the queue may be full because the thread is stuck.
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
  SteadyTime last_check_at_{};
};

}  // namespace larder::agent
