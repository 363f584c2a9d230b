// The order of answers on one connection, and how far ahead requests are read. Decides only; pure; one thread.
//
// Requests begin in the order in which they came and their answers end in that order (RFC 9112 §9.3.2); handlers may
// finish in any. A request is known by its number, which counts from 1 on each connection.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/http/message/limits.h"

namespace larder::http {

class Pipeline {
 public:
  explicit Pipeline(const HttpLimits& limits) : limits_(limits) {}

  // Whether another request may be read.
  [[nodiscard]] bool may_begin() const {
    return !last_ && waiting_.size() < std::max<std::size_t>(limits_.parse_ahead, 1) && held_ <= limits_.held_answers;
  }
  // The next request has come; its number.
  std::uint64_t begin() {
    waiting_.push_back({++newest_, 0});
    return newest_;
  }
  // No request comes after those that have begun.
  void begin_no_more() { last_ = true; }
  [[nodiscard]] bool begins_no_more() const { return last_; }

  // Bytes of its answer that are there. Those of the front are on their way and hold nobody up.
  void hold(std::uint64_t number, std::size_t bytes) {
    for (auto& one : waiting_)
      if (one.number == number) one.bytes = bytes;
    count();
  }
  // Whose answer may be written now; 0: nobody's.
  [[nodiscard]] std::uint64_t front() const { return waiting_.empty() ? 0 : waiting_.front().number; }
  // The front's answer is out.
  void end_front() {
    if (!waiting_.empty()) waiting_.pop_front();
    count();
  }
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }
  // Of all answers that are there, the front's too.
  [[nodiscard]] std::size_t bytes() const { return held_ + (waiting_.empty() ? 0 : waiting_.front().bytes); }

 private:
  struct Waiting {
    std::uint64_t number = 0;
    std::size_t bytes = 0;
  };
  void count() {
    held_ = 0;
    for (std::size_t i = 1; i < waiting_.size(); ++i) held_ += waiting_[i].bytes;
  }

  const HttpLimits& limits_;
  std::deque<Waiting> waiting_;
  std::uint64_t newest_ = 0;
  std::size_t held_ = 0;  // by those behind the front
  bool last_ = false;
};

}  // namespace larder::http
