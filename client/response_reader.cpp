#include "client/response_reader.h"

#include <algorithm>
#include <charconv>

#include "base/text/text.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMaxLine = 256;  // chunk sizes

tl::unexpected<Error> bad(std::string detail) {
  return fail(ErrorCode::agent_answer_invalid, "read the agent's answer", std::move(detail));
}

std::optional<std::uint64_t> whole_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

const std::string* ResponseHead::find(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return &value;
  return nullptr;
}

Result<std::size_t> ResponseReader::feed(std::string_view bytes, const Sink& body) {
  std::size_t used = 0;
  while (used < bytes.size() && phase_ != Phase::done) {
    if (phase_ == Phase::failed) return bad("it was malformed");
    auto taken = step(bytes.substr(used), body);
    if (!taken) {
      phase_ = Phase::failed;
      return taken;
    }
    used += *taken;
  }
  return used;
}

Status ResponseReader::end() {
  if (phase_ == Phase::until_close) phase_ = Phase::done;
  if (phase_ == Phase::done) return {};
  phase_ = Phase::failed;
  return fail(ErrorCode::agent_unreachable, "read the agent's answer", "the agent closed the connection midway");
}

Result<std::size_t> ResponseReader::step(std::string_view bytes, const Sink& body) {
  bool complete = false;
  switch (phase_) {
    case Phase::head: {
      auto taken = take_line(bytes, kMaxHead, complete);
      if (!taken || !complete) return taken;
      const bool blank = text_ == "\r\n" || text_.ends_with("\r\n\r\n");
      if (!blank) return taken;
      if (auto parsed = parse_head(); !parsed) return tl::unexpected(parsed.error());
      return taken;
    }
    case Phase::body:
    case Phase::chunk_data: {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
      if (body && size > 0) body(bytes.substr(0, size));
      remaining_ -= size;
      if (remaining_ == 0) phase_ = phase_ == Phase::body ? Phase::done : Phase::chunk_end;
      return size;
    }
    case Phase::chunk_size:
    case Phase::chunk_end:
    case Phase::trailer: {
      auto taken = take_line(bytes, kMaxLine, complete);
      if (!taken) return taken;
      if (phase_ == Phase::trailer && (trailer_ += *taken) > kMaxHead) return bad("its trailers are too long");
      if (!complete) return taken;
      if (phase_ == Phase::chunk_size) {
        if (auto parsed = parse_chunk_size(); !parsed) return tl::unexpected(parsed.error());
      } else if (phase_ == Phase::chunk_end) {
        if (text_ != "\r\n") return bad("a chunk is longer than it said");
        phase_ = Phase::chunk_size;
      } else if (text_ == "\r\n") {
        phase_ = Phase::done;
      }
      text_.clear();
      return taken;
    }
    case Phase::until_close:
      if (body) body(bytes);
      return bytes.size();
    case Phase::done:
    case Phase::failed:
      break;
  }
  return bytes.size();
}

// Adds bytes up to and with the next LF to text_.
Result<std::size_t> ResponseReader::take_line(std::string_view bytes, std::size_t limit, bool& complete) {
  const auto newline = bytes.find('\n');
  complete = newline != std::string_view::npos;
  const std::size_t size = complete ? newline + 1 : bytes.size();
  if (text_.size() + size > limit) return bad("its head or a line of it is too long");
  text_.append(bytes.substr(0, size));
  if (complete && !text_.ends_with("\r\n")) return bad("a line does not end with CR LF");
  return size;
}

Status ResponseReader::parse_head() {
  std::string_view rest = text_;
  bool first = true;
  while (rest != "\r\n") {
    const auto end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (auto parsed = first ? parse_status_line(line) : parse_header(line); !parsed) return parsed;
    first = false;
    if (rest.empty()) break;
  }
  text_.clear();
  if (first) return bad("it has no status line");
  if (head_.status < 200) {  // interim: the final head follows
    head_ = {};
    return {};
  }
  return choose_body();
}

Status ResponseReader::parse_status_line(std::string_view line) {
  const bool version_known = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
  if (!version_known || line.size() < 12) return bad("it is not HTTP/1.1");
  keep_alive_ = line.starts_with("HTTP/1.1 ");
  const auto status = whole_number(line.substr(9, 3), 10);
  if (!status || *status < 100 || *status > 599 || (line.size() > 12 && line[12] != ' ') || has_field_control(line))
    return bad("its status line is malformed");
  head_.status = static_cast<int>(*status);
  return {};
}

Status ResponseReader::parse_header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) || has_field_control(line))
    return bad("a header is malformed");
  if (head_.headers.size() >= kMaxHeaders) return bad("it has too many headers");
  head_.headers.emplace_back(lower_case(line.substr(0, colon)), trim(line.substr(colon + 1)));
  return {};
}

Status ResponseReader::choose_body() {
  std::optional<std::uint64_t> length;
  bool chunked = false;
  for (const auto& [name, value] : head_.headers) {
    if (name == "connection" && lower_case(value) == "close") keep_alive_ = false;
    if (name == "content-length") {
      const auto said = whole_number(value, 10);
      if (!said || (length && *length != *said)) return bad("its Content-Length is malformed");
      length = said;
    }
    if (name == "transfer-encoding") {
      if (lower_case(value) != "chunked" || chunked) return bad("its Transfer-Encoding is not understood");
      chunked = true;
    }
  }
  if (chunked && length) return bad("it has both Content-Length and chunked encoding");
  if (head_.status == 204 || head_.status == 304) {
    phase_ = Phase::done;
  } else if (chunked) {
    phase_ = Phase::chunk_size;
  } else if (length) {
    remaining_ = *length;
    phase_ = *length == 0 ? Phase::done : Phase::body;
  } else {
    phase_ = Phase::until_close;
    keep_alive_ = false;
  }
  return {};
}

Status ResponseReader::parse_chunk_size() {
  std::string_view line = text_;
  line.remove_suffix(2);
  line = line.substr(0, line.find(';'));
  const auto size = whole_number(trim(line), 16);
  if (!size) return bad("a chunk size is malformed");
  remaining_ = *size;
  phase_ = *size == 0 ? Phase::trailer : Phase::chunk_data;
  return {};
}

}  // namespace larder::agent
