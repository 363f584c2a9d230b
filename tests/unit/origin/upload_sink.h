// A server of HTTP/1.1 on loopback that takes bodies, counts them, and breaks where a test says. Threads of its own;
// ends with the test. Its accessors may be called from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"

namespace larder::test {

// What becomes of one request. `at` counts bytes of its body; the body is shorter than `at` in none of the tests.
struct SinkManner {
  enum class Act {
    answer,        // after the whole body
    answer_early,  // after `at` bytes; the rest is read and thrown away, as a server does that lets its answer arrive
    hold,          // reads the whole body, and answers once release() was called
    cut,           // closes the connection after `at` bytes: in order, if that is all of them
    reset,         // and breaks it at once (RST)
    stop_reading,  // reads nothing after `at` bytes
    never_answer,
  };
  Act act = Act::answer;
  std::uint64_t at = 0;
  int status = 200;
  std::string fields;  // lines of the answer's head, each with its CRLF
  std::string text;
};

struct SinkRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> fields;  // by their names in lower case
  std::uint64_t body = 0;                     // bytes that arrived
  Digest sha256{};                            // of those, once they are read to the end
  int connection = 0;                         // 1 is the first
};

class UploadSink {
 public:
  UploadSink();
  ~UploadSink();
  UploadSink(const UploadSink&) = delete;
  UploadSink& operator=(const UploadSink&) = delete;

  [[nodiscard]] std::string url(const std::string& path) const;
  // Of the next request that nothing is said of yet, in turn; the others are answered 200.
  void expect(SinkManner manner);
  void release();  // whoever holds an answer sends it

  [[nodiscard]] std::vector<SinkRequest> requests() const;
  // Waits until so many requests have begun, until so many connections are open; false after ten seconds.
  [[nodiscard]] bool wait_for_requests(std::size_t count) const;
  [[nodiscard]] bool wait_for_open(int count) const;

 private:
  class Connection;

  void accept_all();
  SinkManner next_manner();

  int listener_ = -1;
  int stop_ = -1;  // an eventfd that is readable once the sink ends
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<SinkManner> manners_;
  std::vector<SinkRequest> requests_;
  int connections_ = 0;
  int open_ = 0;
  bool released_ = false;
  bool ending_ = false;
  std::vector<std::thread> threads_;  // of connections; the acceptor's own
  std::thread acceptor_;
};

}  // namespace larder::test
