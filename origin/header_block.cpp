#include "origin/header_block.h"

#include <fmt/format.h>

#include "origin/http_fields.h"

namespace larder::origin {
namespace {

tl::unexpected<Error> bad(std::string detail) {
  return fail(ErrorCode::bad_response, "read the answer", std::move(detail));
}

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool has_control(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) return true;
  }
  return false;
}

// libcurl reads each line by itself: of these fields it would go by the first line alone, and take other bytes for the
// body than whoever reads both.
bool frames(std::string_view name) {
  return name == "transfer-encoding" || name == "content-length";
}

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

Result<HeaderBlock::Event> HeaderBlock::add_line(std::string_view line) {
  bytes_ += line.size();
  if (bytes_ > kMaxBytes) return bad(fmt::format("its header is larger than {} KiB", kMaxBytes / 1024));
  line = without_line_end(line);
  if (has_control(line)) return bad("its header has control characters");
  if (!in_head_) {
    if (Status ok = start(line); !ok) return tl::unexpected(ok.error());
    return Event::more;
  }
  if (line.empty()) {
    in_head_ = false;
    return Event::complete;
  }
  if (Status ok = add_field(line); !ok) return tl::unexpected(ok.error());
  return Event::more;
}

// "HTTP/1.1 206 Partial Content", "HTTP/2 200"
Status HeaderBlock::start(std::string_view line) {
  if (!line.starts_with("HTTP/")) return bad("it does not begin with an HTTP status line");
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return bad("its status line has no status");
  const std::string_view version = line.substr(5, space - 5);
  const auto status = parse_decimal(line.substr(space + 1, 3));
  if (!status || *status < 100 || *status > 999) return bad("its status is not a number of three digits");
  if (line.size() > space + 4 && line[space + 4] != ' ') return bad("its status is not a number of three digits");
  head_ = HttpHead{};
  head_.status = static_cast<int>(*status);
  head_.version = version == "1.0" ? 10 : version.starts_with("2") ? 20 : version.starts_with("3") ? 30 : 11;
  in_head_ = true;
  return {};
}

Status HeaderBlock::add_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') {  // obs-fold (RFC 9112 §5.2): one space in its place
    if (head_.headers.empty()) return bad("its header begins with a continued line");
    if (frames(head_.headers.back().first)) {
      return bad(fmt::format("its {} is continued on a second line", head_.headers.back().first));
    }
    head_.headers.back().second += ' ';
    head_.headers.back().second += trim(line);
    return {};
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return {};  // not a field: passed over, as everybody does
  for (const char c : line.substr(0, colon)) {
    // "Content-Length : 5" means one thing to one parser and nothing to another (RFC 9112 §5.1).
    if (!is_token_char(c)) return bad("its header has a field name that is none");
  }
  head_.headers.emplace_back(lower_case(line.substr(0, colon)), std::string(trim(line.substr(colon + 1))));
  return {};
}

}  // namespace larder::origin
