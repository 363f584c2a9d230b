// Protects callbacks that may be called after their owner was destroyed: a guarded callback then does nothing. Loop
// thread only, except that guarded callbacks may be moved, copied and destroyed on any thread. docs/callbacks.md says
// when to use this, weak_from_this() or CallbackToken.
#pragma once

#include <memory>
#include <utility>

namespace larder {

class Alive {
 public:
  Alive() = default;
  Alive(const Alive&) = delete;  // a copy would outlive the owner that its callbacks check
  Alive& operator=(const Alive&) = delete;

  // Returns a callable that calls `function` as long as the owner lives.
  template <class Function>
  [[nodiscard]] auto guard(Function function) const {
    return [token = std::weak_ptr<char>(token_), function = std::move(function)](auto&&... arguments) mutable {
      if (!token.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
  }
  // Returns a token for a callback that also has work to do without its owner: it tests expired().
  [[nodiscard]] std::weak_ptr<const char> watch() const { return token_; }
  // Disables all guarded callbacks. A destructor calls it before it destroys members that call back.
  void end_guards() { token_.reset(); }

 private:
  std::shared_ptr<char> token_ = std::make_shared<char>();
};

}  // namespace larder
