// A response's head, line by line as it comes from the wire: status line and fields of the final response, within
// bounds. Pure.
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
  // One line with or without its line end. `complete` at the empty line that ends a head; a following status line
  // starts the next one (after 1xx, or after an authentication round). bad_response over the bound, for a status line
  // that is none, and for what two readers could read as two heads (field_lines.h). Other lines that are no fields are
  // passed over.
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
  bool passed_over_ = false;  // the line before was no field
};

}  // namespace larder::origin
