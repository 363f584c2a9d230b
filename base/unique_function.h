// A move-only std::function: callbacks here own buffers and descriptors, which std::function cannot hold.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace larder {

template <class Signature>
class UniqueFunction;

template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;
  UniqueFunction(std::nullptr_t) {}  // NOLINT(google-explicit-constructor): mirrors std::function

  template <class F>
  requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> && std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
      UniqueFunction(F&& f)  // NOLINT(google-explicit-constructor): mirrors std::function
      : callee_(std::make_unique<Callee<std::decay_t<F>>>(std::forward<F>(f))) {}

  R operator()(Args... args) { return callee_->call(std::forward<Args>(args)...); }
  explicit operator bool() const { return callee_ != nullptr; }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual R call(Args... args) = 0;
  };
  template <class F>
  struct Callee final : Base {
    explicit Callee(F f) : f_(std::move(f)) {}
    R call(Args... args) override { return f_(std::forward<Args>(args)...); }
    F f_;
  };
  std::unique_ptr<Base> callee_;
};

using Task = UniqueFunction<void()>;

}  // namespace larder
