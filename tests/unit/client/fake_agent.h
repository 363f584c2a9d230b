// An agent that hands over what a test gives it: descriptors over a real Unix socket, on a thread of its own. Knows the
// requests that the command makes of a job's files, and no other.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/io/unique_fd.h"
#include "tests/support/temp_directory.h"

namespace larder::agent {

class FakeAgent {
 public:
  FakeAgent();
  ~FakeAgent();  // the command's connections must be gone
  FakeAgent(const FakeAgent&) = delete;
  FakeAgent& operator=(const FakeAgent&) = delete;

  [[nodiscard]] std::string socket_path() const { return directory_ / "api.sock"; }
  // What file `index` of the job consists of.
  void put(unsigned index, const std::string& bytes);
  // Answers of several descriptors come in the opposite order.
  void shuffle() { shuffle_ = true; }

 private:
  void accept_all();
  void serve(UniqueFd connection);
  void answer(int connection, const std::string& target, const std::string& body);
  void send_files(int connection, const std::vector<unsigned>& indices, bool several);

  test::TempDirectory directory_;
  UniqueFd listener_;
  std::mutex mutex_;
  std::map<unsigned, std::string> files_;  // guarded by mutex_
  std::atomic<bool> shuffle_{false};
  std::vector<std::thread> connections_;  // acceptor only, until it has ended
  std::thread acceptor_;
};

}  // namespace larder::agent
