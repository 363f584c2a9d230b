// Callbacks that may come after their object is gone: guard() makes them do nothing then. Loop thread only.
#pragma once

#include <memory>
#include <utility>

namespace larder::agent {

class Alive {
 public:
  template <class Function>
  [[nodiscard]] auto guard(Function function) const {
    return [token = std::weak_ptr<char>(token_), function = std::move(function)](auto&&... arguments) mutable {
      if (!token.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
  }

 private:
  std::shared_ptr<char> token_ = std::make_shared<char>();
};

}  // namespace larder::agent
