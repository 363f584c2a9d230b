// Counts what is in flight: work whose end a callback reports. The callback owns a Hold, and the count falls when the
// Hold is released or destroyed. So a callback that is destroyed uncalled leaves no count too high for good.
//
// Who must also be told of such a loss uses CallbackToken. begin() and count() may be called on any thread; a Hold may
// be moved to, released and destroyed on any thread, and may outlive the InFlight.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace larder {

class InFlight {
 public:
  // Counts as one until it is released. Default-constructed: counts as none.
  class Hold {
   public:
    Hold() = default;
    ~Hold() { release(); }
    Hold(Hold&& other) noexcept : count_(std::move(other.count_)) {}
    Hold& operator=(Hold&& other) noexcept {
      if (this != &other) {
        release();
        count_ = std::move(other.count_);
      }
      return *this;
    }

    void release() {
      if (const auto count = std::exchange(count_, nullptr)) count->fetch_sub(1);
    }

   private:
    friend class InFlight;
    explicit Hold(std::shared_ptr<std::atomic<std::size_t>> count) : count_(std::move(count)) { count_->fetch_add(1); }

    std::shared_ptr<std::atomic<std::size_t>> count_;
  };

  InFlight() = default;
  InFlight(const InFlight&) = delete;  // a copy would count the holds of both
  InFlight& operator=(const InFlight&) = delete;

  [[nodiscard]] Hold begin() { return Hold(count_); }
  [[nodiscard]] std::size_t count() const { return count_->load(); }

 private:
  std::shared_ptr<std::atomic<std::size_t>> count_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace larder
