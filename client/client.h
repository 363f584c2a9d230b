// The blocking HTTP/1.1 client of the command line, on the agent's Unix socket. One exchange at a time; one connection
// is kept between requests. Receives descriptors (SCM_RIGHTS), which no HTTP library does.
//
// Errors: agent_unreachable (no agent, or it ended), agent_answer_invalid, permission_denied (another user's agent),
// and the error in the agent's answer.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
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

// A response whose body is read piece by piece: events, contents. Owns its connection.
class AnswerStream {
 public:
  AnswerStream(UniqueFd connection, ResponseReader reader, std::string pending);
  [[nodiscard]] int descriptor() const { return connection_.get(); }  // for poll
  [[nodiscard]] const ResponseHead& head() const { return reader_.head(); }
  [[nodiscard]] bool done() const { return reader_.done(); }
  // True if bytes that arrived with the head wait for read(): poll does not report them.
  [[nodiscard]] bool pending() const { return !pending_.empty(); }
  // Waits for the next bytes and passes the body in them to `sink`. Returns false once the body has ended.
  Result<bool> read(const ResponseReader::Sink& sink);

 private:
  UniqueFd connection_;
  ResponseReader reader_;
  std::string pending_;             // arrived with the head
  std::unique_ptr<char[]> buffer_;  // of receive()
};

// How errors name the server at the other end, and what to do where nobody listens.
struct ServerWords {
  std::string_view name = "the agent";
  std::string_view nobody = "no agent is running there";
  std::string_view advice = "start larderd or leave out --socket";
};

class Client {
 public:
  static constexpr std::size_t kMaxBody = 64 * 1024 * 1024;
  static constexpr std::size_t kMaxDescriptors = 64;  // of one answer
  static constexpr std::size_t kMaxSentDescriptors = 16;
  // Longest wait for bytes from the agent, or for sending to it. A working agent answers at once.
  static constexpr std::chrono::seconds kPatience{60};

  // `only`: the user who must run the agent, checked at every connection; absent: any.
  explicit Client(std::string socket_path, std::optional<uid_t> only = std::nullopt, ServerWords words = {})
      : socket_path_(std::move(socket_path)), only_(only), words_(words) {}

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }
  // Sends a request and returns the answer, whatever its status. If the agent had closed the kept connection, the
  // request is sent again on a new one.
  Result<Answer> exchange(std::string_view method, const std::string& target, const std::string& body = {});
  // As exchange(), but a status from 400 becomes the Error of the agent's answer. Optional parameters that an older
  // agent refuses (older_agent.h) are left out from then on.
  Result<Answer> call(std::string_view method, const std::string& target, const std::string& body = {});
  // POST /v1/uploads, as call(). The descriptors go with the first byte of the request, in the order of the body's
  // files; they stay the caller's. At most kMaxSentDescriptors.
  Result<Answer> create_upload(const std::string& body, std::span<const int> descriptors);
  // Opens a stream of the body of GET `target`; statuses from 400 are errors. Leaves parameters out as call() does.
  Result<std::unique_ptr<AnswerStream>> stream(const std::string& target);
  // Opens the connection for the next request. False if no agent can be reached.
  [[nodiscard]] bool reach();
  // Called when the agent runs again at another path.
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
  Result<Answer> exchange_text(std::string_view request, std::span<const int> descriptors);
  Result<Answer> exchange_once(std::string_view request, std::span<const int> descriptors, bool& nothing_came);
  // Opens a connection and checks the user at its other end, so that requests go over the connection that was checked.
  [[nodiscard]] Result<UniqueFd> connect() const;

  std::string socket_path_;
  std::optional<uid_t> only_;
  ServerWords words_;
  UniqueFd connection_;
  std::set<std::string> unknown_;  // parameters that this agent has refused, left out of requests
};

// Connects to a Unix socket. Error: agent_unreachable, with advice for ENOENT, ECONNREFUSED and EACCES.
[[nodiscard]] Result<UniqueFd> connect_unix(const std::string& path, const ServerWords& words = {});
// Returns the user id of the listening process (SO_PEERCRED).
[[nodiscard]] std::optional<uid_t> peer_user(int connection);
// Returns the listening process; 0 if it has no number in this PID namespace.
[[nodiscard]] std::optional<pid_t> peer_process(int connection);
// Returns the Error in the agent's error answer; agent_answer_invalid if the body has none.
[[nodiscard]] Error error_from_answer(int status, std::string_view body);
[[nodiscard]] std::string escape_query(std::string_view text);

}  // namespace larder::agent
