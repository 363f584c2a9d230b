// The blocking HTTP/1.1 client of the command line, on the agent's Unix socket. One exchange at a time; one connection
// is kept between requests. Receives descriptors (SCM_RIGHTS), which no HTTP library does.
//
// Errors: agent_unreachable (no agent, or it went away), agent_answer_invalid, and whatever the agent answered.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/unique_fd.h"
#include "base/result.h"
#include "client/response_reader.h"

namespace larder::agent {

struct Answer {
  int status = 0;
  ResponseHead head;
  std::string body;  // at most Client::kMaxBody
  std::vector<UniqueFd> descriptors;
};

// A response whose body is read piece by piece: events, contents.
class AnswerStream {
 public:
  AnswerStream(UniqueFd connection, ResponseReader reader, std::string pending);
  [[nodiscard]] int descriptor() const { return connection_.get(); }  // for poll
  [[nodiscard]] const ResponseHead& head() const { return reader_.head(); }
  [[nodiscard]] bool done() const { return reader_.done(); }
  // Bytes came with the head: read() has them, and poll knows nothing of them.
  [[nodiscard]] bool pending() const { return !pending_.empty(); }
  // Waits for the next bytes and hands their body to `sink`. False once the body has ended.
  Result<bool> read(const ResponseReader::Sink& sink);

 private:
  UniqueFd connection_;
  ResponseReader reader_;
  std::string pending_;             // arrived with the head
  std::unique_ptr<char[]> buffer_;  // of receive()
};

class Client {
 public:
  static constexpr std::size_t kMaxBody = 64 * 1024 * 1024;
  static constexpr std::size_t kMaxDescriptors = 64;  // of one answer
  // How long an answer may take. The agent answers at once; only a wedged one does not.
  static constexpr std::chrono::seconds kPatience{60};

  // `only`: the user who has to be at the other end of every connection; none: anybody.
  explicit Client(std::string socket_path, std::optional<uid_t> only = std::nullopt)
      : socket_path_(std::move(socket_path)), only_(only) {}

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }
  // Any status; the caller judges it. A kept connection that the agent had closed is opened anew.
  Result<Answer> exchange(std::string_view method, const std::string& target, const std::string& body = {});
  // As exchange(), but statuses from 400 are an Error made of the agent's own. Parameters that an agent of an earlier
  // release does not know and that can be left out (older_agent.h) are, from then on.
  Result<Answer> call(std::string_view method, const std::string& target, const std::string& body = {});
  // The body of GET `target` as it comes; statuses from 400 are errors. Leaves out as call() does.
  Result<std::unique_ptr<AnswerStream>> stream(const std::string& target);
  // Opens the connection that the next request takes; none where nobody listens.
  [[nodiscard]] bool reach();
  // The agent came back somewhere else.
  void use_socket(std::string path) {
    disconnect();
    socket_path_ = std::move(path);
    unknown_.clear();
  }
  // Forgets the kept connection.
  void disconnect() { connection_.reset(); }

 private:
  Result<std::unique_ptr<AnswerStream>> stream_once(const std::string& target);
  bool leave_out(const Error& refused, std::string_view target);
  Result<Answer> exchange_once(std::string_view request, bool& nothing_came);
  // A connection whose other end was checked: the one that carries the requests.
  [[nodiscard]] Result<UniqueFd> connect() const;

  std::string socket_path_;
  std::optional<uid_t> only_;
  UniqueFd connection_;
  std::set<std::string> unknown_;  // parameters that this agent refused and that are left out
};

// A connection; ENOENT, ECONNREFUSED, EACCES are agent_unreachable with what to do.
[[nodiscard]] Result<UniqueFd> connect_unix(const std::string& path);
// The user id of who listens at the other end (SO_PEERCRED).
[[nodiscard]] std::optional<uid_t> peer_user(int connection);
// Its process, 0 where that has no number in this PID namespace.
[[nodiscard]] std::optional<pid_t> peer_process(int connection);
// The agent's error answer as the Error that it was.
[[nodiscard]] Error error_from_answer(int status, std::string_view body);
[[nodiscard]] std::string escape_query(std::string_view text);

}  // namespace larder::agent
