#include "origin/http/header_block.h"

#include <fmt/format.h>

#include "base/text/text.h"
#include "origin/http/field_lines.h"
#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

tl::unexpected<Error> bad(std::string detail) {
  return fail(ErrorCode::bad_response, "read the answer", std::move(detail));
}

// libcurl reads each line by itself: of a continued field it would use the first line only, and so frame the body
// differently from a reader that joins both lines.
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
  if (hides_line(line)) return bad("its header has control characters, behind which another line could begin");
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
  passed_over_ = false;
  return {};
}

Status HeaderBlock::add_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return add_continuation(line);
  FieldLine read = read_field_line(line);
  if (read.kind == FieldLine::Kind::refused) {
    return bad(fmt::format("its {} has blanks or control characters where others may read something else", read.name));
  }
  passed_over_ = read.kind == FieldLine::Kind::passed_over;
  if (!passed_over_) head_.headers.emplace_back(std::move(read.name), std::move(read.value));
  return {};
}

// Replaces obs-fold (RFC 9112 §5.2) by one space. The continuation of a line that was passed over is passed over too.
Status HeaderBlock::add_continuation(std::string_view line) {
  if (passed_over_) return {};
  if (head_.headers.empty()) return bad("its header begins with a continued line");
  auto& [name, value] = head_.headers.back();
  if (frames(name)) return bad(fmt::format("its {} is continued on a second line", name));
  if (has_field_control(line) && role_of_field(name) == FieldRole::identifies) {
    return bad(fmt::format("its {} has control characters on a second line", name));
  }
  value += ' ';
  value += trim(without_controls(line));
  return {};
}

}  // namespace larder::origin
