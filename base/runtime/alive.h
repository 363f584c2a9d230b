// Callbacks that may come after their owner is gone: guard() makes them do nothing then. Loop thread only, but for
// guarded callbacks, which may be moved, copied and destroyed on any thread. docs/callbacks.md says when to use this,
// weak_from_this() or CallbackToken.
#pragma once

#include <memory>
#include <utility>

namespace larder {

class Alive {
 public:
  Alive() = default;
  Alive(const Alive&) = delete;  // a copy would outlive the owner that its callbacks ask for
  Alive& operator=(const Alive&) = delete;

  // `function`, called as long as the owner is there.
  template <class Function>
  [[nodiscard]] auto guard(Function function) const {
    return [token = std::weak_ptr<char>(token_), function = std::move(function)](auto&&... arguments) mutable {
      if (!token.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
  }
  // For a callback that has something to do without its owner too: it asks expired().
  [[nodiscard]] std::weak_ptr<const char> watch() const { return token_; }
  // From here on no guarded callback does anything: a destructor says so before it ends parts that call back.
  void end() { token_.reset(); }

 private:
  std::shared_ptr<char> token_ = std::make_shared<char>();
};

}  // namespace larder
