// Parser of a response's head, fed line by line as libcurl receives it: status line and fields of the final response,
// within bounds. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "origin/http/http_client.h"

namespace larder::origin {

class HeaderBlock {
 public:
  static constexpr std::size_t kMaxBytes = 64 * 1024;  // all heads of one exchange together, 1xx included

  enum class Event { more, complete };
  // Adds one line, with or without its line end. Returns `complete` at the empty line that ends a head; a following
  // status line starts the next head (after 1xx, or after an authentication round). Error: bad_response over the bound,
  // for a malformed status line, and for a line that two readers could read differently (field_lines.h). Other
  // malformed lines are passed over.
  [[nodiscard]] Result<Event> add_line(std::string_view line);

  [[nodiscard]] const HttpHead& head() const { return head_; }
  [[nodiscard]] bool in_head() const { return in_head_; }
  [[nodiscard]] HttpHead take() { return std::move(head_); }

 private:
  [[nodiscard]] Status start(std::string_view status_line);
  [[nodiscard]] Status add_field(std::string_view line);
  [[nodiscard]] Status add_continuation(std::string_view line);

  HttpHead head_;
  std::size_t bytes_ = 0;
  bool in_head_ = false;
  bool passed_over_ = false;  // the previous line was passed over
};

}  // namespace larder::origin
