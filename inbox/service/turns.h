// One operation at a time for each upload, and the newest request wins: it stops an append that is under way, and those
// that wait for their turn before it get Problem::superseded. Requests that only ask wait in the order in which they
// came. Nobody is ever told "locked" because of a connection of his own that is dead. Loop thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "base/runtime/clock.h"
#include "inbox/model/operations.h"

namespace larder::inbox {

class Turns;

// The turn at one upload; ends with its destruction. Movable. It may outlive its Turns.
class Turn {
 public:
  Turn() = default;
  ~Turn() { end(); }
  Turn(Turn&& other) noexcept = default;
  Turn& operator=(Turn&& other) noexcept;

  void end();
  // `stop` is called once, on the loop, when a newer request wants the turn; not after the turn ended. At once posted
  // where it waits already.
  void on_wanted(Task stop);

 private:
  friend class Turns;
  struct State;
  Turn(std::shared_ptr<State> state, std::string id) : state_(std::move(state)), id_(std::move(id)) {}
  std::shared_ptr<State> state_;
  std::string id_;
};

class Turns {
 public:
  static constexpr std::size_t kMaxWaiting = 16;  // for one upload

  explicit Turns(Executor& loop);
  ~Turns();
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  using Go = UniqueFunction<void(Outcome<Turn>)>;
  // `go` comes once, on the loop, never within the call: with the turn, or with superseded or busy. It is destroyed
  // uncalled where the Turns end before. `appends`: gives way to a newer request.
  void ask(const std::string& id, bool appends, Go go);
  void stop_all();                         // as if a newer request came for each
  [[nodiscard]] std::size_t busy() const;  // uploads whose turn is taken

 private:
  std::shared_ptr<Turn::State> state_;
};

}  // namespace larder::inbox
