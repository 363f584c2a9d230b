// Lines of a head that are no fields by the letter of RFC 9112: a blank in the name, control characters. Servers and
// programs behind them send such lines, mostly about things on which nothing hangs, and everybody passes over them.
// Where two readers could frame the answer, or name its bytes, in two ways, the answer is refused. Pure.
#pragma once

#include <string>
#include <string_view>

namespace larder::origin {

// What hangs on a field, by its name.
enum class FieldRole {
  plain,       // nothing: a line that is malformed is passed over
  restricts,   // it can only forbid, or make doubtful: a malformed line counts as if it were well-formed
  identifies,  // which bytes these are, where they end, where they are: a malformed line is refused
};
[[nodiscard]] FieldRole role_of_field(std::string_view lower_case_name);

// Read with a control character as a line's end, there is a second line in it that counts: an empty one, which would
// end the head, a status line, or a field that identifies.
[[nodiscard]] bool hides_line(std::string_view line);
// Each control character as a space (RFC 9112 §2.2 of a lone carriage return).
[[nodiscard]] std::string without_controls(std::string_view text);

struct FieldLine {
  enum class Kind { field, passed_over, refused } kind = Kind::passed_over;
  std::string name;   // in lower case, of a field and of what is refused
  std::string value;  // trimmed, of a field
};
// A line that begins no continuation, without its line end.
[[nodiscard]] FieldLine read_field_line(std::string_view line);

}  // namespace larder::origin
