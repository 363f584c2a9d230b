// The loop: one thread that owns all state, over a single-threaded boost::asio::io_context.
#pragma once

#include <memory>

#include "base/runtime/clock.h"

namespace boost::asio {
class io_context;
}

namespace larder {

class Loop final : public Executor, public Timers, public Clock {
 public:
  Loop();
  ~Loop() override;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();   // returns after stop(); call on the thread that shall be the loop thread
  void stop();  // any thread
  void post(Task task) override;
  TimerId after(Duration delay, Task task) override;
  void cancel(TimerId id) override;
  [[nodiscard]] SteadyTime now() const override;
  [[nodiscard]] WallTime wall() const override;
  [[nodiscard]] boost::asio::io_context& context();  // for the adapters that own sockets

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Random from the operating system (getrandom); and a seeded one (xoshiro256**) for tests and the simulator.
[[nodiscard]] std::unique_ptr<Random> make_system_random();
[[nodiscard]] std::unique_ptr<Random> make_seeded_random(std::uint64_t seed);

}  // namespace larder
