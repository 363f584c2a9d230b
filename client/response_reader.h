// Reads one HTTP/1.1 response (RFC 9112) from bytes as they arrive, with Boost.Beast's parser. Pure. Stricter than that
// parser where leniency would let two readers see two different messages: no folded headers (section 5.2), no transfer
// coding but one `chunked`.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace larder::agent {

struct ResponseHead {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, values trimmed
  [[nodiscard]] const std::string* find_field(std::string_view name) const;
};

class ResponseReader {
 public:
  static constexpr std::size_t kMaxHead = 64 * 1024;  // of the head, and of what follows the last chunk
  static constexpr std::size_t kMaxHeaders = 100;
  using Sink = std::function<void(std::string_view)>;  // pieces of the body, in order, from within feed()

  ResponseReader();
  ~ResponseReader();
  ResponseReader(ResponseReader&& other) noexcept;
  ResponseReader& operator=(ResponseReader&& other) noexcept;

  // Takes the next bytes of the connection. Returns how many belong to this response (fewer than given once it is
  // done). Error: agent_answer_invalid, also for every later call.
  Result<std::size_t> feed(std::string_view bytes, const Sink& body);
  // Called when the connection ended. Error: agent_unreachable unless the body may end there.
  Status end_input();

  [[nodiscard]] bool head_done() const;
  [[nodiscard]] bool done() const;
  [[nodiscard]] const ResponseHead& head() const;
  [[nodiscard]] bool keep_alive() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace larder::agent
