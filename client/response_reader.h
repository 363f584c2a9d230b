// Reads one HTTP/1.1 response (RFC 9112) from bytes as they arrive. Pure. Strict where two lenient readers could see
// two different messages: no folded headers, no bare CR, no two Content-Length values that differ, none together with
// chunked.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace larder::agent {

struct ResponseHead {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, values trimmed
  [[nodiscard]] const std::string* find(std::string_view name) const;
};

class ResponseReader {
 public:
  static constexpr std::size_t kMaxHead = 64 * 1024;
  static constexpr std::size_t kMaxHeaders = 100;
  using Sink = std::function<void(std::string_view)>;  // pieces of the body, in order

  // Takes the next bytes of the connection. Returns how many belong to this response (fewer than given once it is
  // done). Error: agent_answer_invalid, also for every later call.
  Result<std::size_t> feed(std::string_view bytes, const Sink& body);
  // Called when the connection ended. Error: agent_unreachable unless the body may end there.
  Status end();

  [[nodiscard]] bool head_done() const { return phase_ != Phase::head && phase_ != Phase::failed; }
  [[nodiscard]] bool done() const { return phase_ == Phase::done; }
  [[nodiscard]] const ResponseHead& head() const { return head_; }
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }

 private:
  enum class Phase { head, body, chunk_size, chunk_data, chunk_end, trailer, until_close, done, failed };
  Result<std::size_t> step(std::string_view bytes, const Sink& body);
  Result<std::size_t> take_line(std::string_view bytes, std::size_t limit, bool& complete);
  Status parse_head();
  Status parse_status_line(std::string_view line);
  Status parse_header(std::string_view line);
  Status choose_body();
  Status parse_chunk_size();

  Phase phase_ = Phase::head;
  ResponseHead head_;
  std::string text_;             // of the head, or of the current line
  std::size_t trailer_ = 0;      // bytes of trailers so far
  std::uint64_t remaining_ = 0;  // of the body or the chunk
  bool keep_alive_ = true;
};

}  // namespace larder::agent
