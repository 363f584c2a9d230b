#include "origin/rules/content_disposition.h"

#include <optional>

#include "base/text/text.h"
#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

std::string from_latin1(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xC0 | byte >> 6);
      out += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return out;
}

// Reads the parameters of the field, one after the other. In a quoted value only \" and \\ are escapes; other
// backslashes stay, since servers send Windows paths so.
class Parameters {
 public:
  explicit Parameters(std::string_view text) : left_(text) {
    left_.remove_prefix(std::min(left_.find(';'), left_.size()));
  }

  bool next(std::string& name, std::string& value) {
    while (!left_.empty() && (left_.front() == ';' || left_.front() == ' ' || left_.front() == '\t'))
      left_.remove_prefix(1);
    if (left_.empty()) return false;
    const std::size_t end = std::min(left_.find_first_of("=;"), left_.size());
    name = lower_case(trim(left_.substr(0, end)));
    left_.remove_prefix(end);
    value.clear();
    if (left_.empty() || left_.front() == ';') return true;
    left_.remove_prefix(1);
    while (!left_.empty() && (left_.front() == ' ' || left_.front() == '\t')) left_.remove_prefix(1);
    if (!left_.empty() && left_.front() == '"') return quoted(value);
    const std::size_t plain = std::min(left_.find(';'), left_.size());
    value = trim(left_.substr(0, plain));
    left_.remove_prefix(plain);
    return true;
  }

 private:
  bool quoted(std::string& value) {
    std::size_t at = 1;
    for (; at < left_.size() && left_[at] != '"'; ++at) {
      const bool escape = left_[at] == '\\' && at + 1 < left_.size() && (left_[at + 1] == '"' || left_[at + 1] == '\\');
      if (escape) ++at;
      value += left_[at];
    }
    left_.remove_prefix(std::min(at + 1, left_.size()));
    left_.remove_prefix(std::min(left_.find(';'), left_.size()));
    return true;
  }

  std::string_view left_;
};

// RFC 8187: charset'language'percent-encoded. Absent for any other form or charset.
std::optional<std::string> extended_value(std::string_view text) {
  const std::size_t first = text.find('\'');
  const std::size_t second = first == std::string_view::npos ? first : text.find('\'', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::string charset = lower_case(text.substr(0, first));
  if (charset != "utf-8" && charset != "iso-8859-1") return std::nullopt;
  std::string out;
  for (std::size_t at = second + 1; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    if (at + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    at += 2;
  }
  if (charset != "utf-8") return from_latin1(out);
  return is_utf8(out) ? std::optional(out) : std::nullopt;
}

std::string usable(std::string name) {
  if (!is_utf8(name)) name = from_latin1(name);
  name.erase(0, name.find_last_of("/\\") + 1);  // npos + 1 is 0
  std::string out;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t length = utf8_length(std::string_view(name).substr(at));
    const auto lead = static_cast<unsigned char>(name[at]);
    const bool control =
        lead < 0x20 || lead == 0x7f || (lead == 0xC2 && static_cast<unsigned char>(name[at + 1]) < 0xA0);
    if (out.size() + length > kMaxFileName) break;
    out += control ? "_" : name.substr(at, length);
    at += length;
  }
  out = trim(out);
  return out == "." || out == ".." ? std::string() : out;
}

}  // namespace

std::string parse_file_name(std::string_view content_disposition) {
  Parameters parameters(content_disposition);
  std::string name, value;
  std::optional<std::string> plain, extended;
  while (parameters.next(name, value)) {
    if (name == "filename" && !plain) plain = value;
    if (name == "filename*" && !extended) extended = extended_value(value);
  }
  std::string chosen = extended ? usable(*extended) : std::string();
  if (chosen.empty() && plain) chosen = usable(*plain);
  return chosen;
}

std::string offered_file_name(const std::vector<Header>& headers) {
  std::string name;
  for (const std::string* value : find_all(headers, "content-disposition")) {
    const std::string one = parse_file_name(*value);
    if (one.empty()) continue;
    if (!name.empty() && name != one) return {};
    name = one;
  }
  return name;
}

}  // namespace larder::origin
