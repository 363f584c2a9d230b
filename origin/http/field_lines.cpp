#include "origin/http/field_lines.h"

#include <algorithm>
#include <array>

#include "base/text/text.h"
#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

struct Row {
  std::string_view name;
  FieldRole role;
};

// All other fields are plain.
constexpr std::array kRows = {
    Row{"content-encoding", FieldRole::identifies},
    Row{"content-length", FieldRole::identifies},
    Row{"content-range", FieldRole::identifies},
    Row{"digest", FieldRole::identifies},
    Row{"etag", FieldRole::identifies},
    Row{"im", FieldRole::identifies},
    Row{"last-modified", FieldRole::identifies},
    Row{"location", FieldRole::identifies},
    Row{"repr-digest", FieldRole::identifies},
    Row{"transfer-encoding", FieldRole::identifies},
    Row{"accept-ranges", FieldRole::restricts},
    Row{"cache-control", FieldRole::restricts},
    Row{"content-type", FieldRole::restricts},
    Row{"date", FieldRole::restricts},
    Row{"set-cookie", FieldRole::restricts},
    Row{"set-cookie2", FieldRole::restricts},
    Row{"vary", FieldRole::restricts},
};

// Returns the name as a lenient reader would take it: without blanks and other characters that no name has.
std::string name_without_blanks(std::string_view name) {
  std::string out;
  for (const char c : lower_case(name)) {
    if (is_token_char(c)) out += c;
  }
  return out;
}

bool is_a_line_that_counts(std::string_view piece, char before) {
  if (piece.empty()) return before == '\r';
  if (piece.starts_with("HTTP/")) return true;
  const std::size_t colon = piece.find(':');
  return colon != std::string_view::npos &&
         role_of_field(name_without_blanks(piece.substr(0, colon))) == FieldRole::identifies;
}

}  // namespace

FieldRole role_of_field(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.role;
  }
  return FieldRole::plain;
}

bool hides_line(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (!is_field_control(line[i])) continue;
    const std::string_view rest = line.substr(i + 1);
    const auto* const end = std::find_if(rest.begin(), rest.end(), is_field_control);
    if (is_a_line_that_counts(rest.substr(0, static_cast<std::size_t>(end - rest.begin())), line[i])) return true;
  }
  return false;
}

std::string without_controls(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), is_field_control, ' ');
  return out;
}

FieldLine read_field_line(std::string_view line) {
  FieldLine read;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return read;
  const std::string_view name = line.substr(0, colon), value = line.substr(colon + 1);
  const bool well_formed = std::all_of(name.begin(), name.end(), is_token_char);
  read.name = well_formed ? lower_case(name) : name_without_blanks(name);
  const FieldRole role = role_of_field(read.name);
  if (role == FieldRole::identifies && (!well_formed || has_field_control(value))) {
    read.kind = FieldLine::Kind::refused;
  } else if (well_formed || role == FieldRole::restricts) {
    read.kind = FieldLine::Kind::field;
    read.value = std::string(trim(without_controls(value)));
  }
  return read;
}

}  // namespace larder::origin
