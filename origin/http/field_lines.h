// Lines of a head that are malformed fields by RFC 9112: a blank in the name, control characters. Servers send such
// lines, mostly for fields that decide nothing, and other clients pass over them. An answer is refused only where two
// readers could frame it, or identify its bytes, differently. Pure.
#pragma once

#include <string>
#include <string_view>

namespace larder::origin {

// What a field decides, by its name.
enum class FieldRole {
  plain,       // nothing: a malformed line is passed over
  restricts,   // only forbids or makes doubtful: a malformed line counts as if it were well-formed
  identifies,  // the identity, the end or the place of the bytes: a malformed line is refused
};
[[nodiscard]] FieldRole role_of_field(std::string_view lower_case_name);

// Returns whether a reader that ends lines at a control character would find a line here that matters: an empty one,
// which would end the head, a status line, or a field that identifies.
[[nodiscard]] bool hides_line(std::string_view line);
// Replaces each control character by a space (RFC 9112 §2.2 allows it for a lone carriage return).
[[nodiscard]] std::string without_controls(std::string_view text);

struct FieldLine {
  enum class Kind { field, passed_over, refused } kind = Kind::passed_over;
  std::string name;   // lower case; empty for a line without a colon or name
  std::string value;  // trimmed; empty unless `kind` is field
};
// Reads one line without its line end, which must not be a continuation line.
[[nodiscard]] FieldLine read_field_line(std::string_view line);

}  // namespace larder::origin
