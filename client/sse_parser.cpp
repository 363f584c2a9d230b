#include "client/sse_parser.h"

namespace larder::agent {

void SseParser::feed(std::string_view bytes, const Sink& sink) {
  for (const char c : bytes) {
    if (after_cr_) {
      after_cr_ = false;
      if (c == '\n') continue;  // the second half of CR LF
    }
    if (c == '\n' || c == '\r') {
      after_cr_ = c == '\r';
      take_line(sink);
      continue;
    }
    if (line_.size() >= kMaxEvent) {
      line_too_long_ = true;
      continue;
    }
    line_.push_back(c);
  }
}

void SseParser::take_line(const Sink& sink) {
  if (at_start_ && line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
  at_start_ = false;
  if (line_too_long_) {
    event_too_long_ = true;
  } else if (line_.empty()) {
    dispatch(sink);
  } else if (line_[0] != ':') {  // a comment keeps the connection alive
    const std::string_view line = line_;
    const auto colon = line.find(':');
    std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    take_field(line.substr(0, colon), value);
  }
  line_.clear();
  line_too_long_ = false;
}

void SseParser::take_field(std::string_view name, std::string_view value) {
  if (name == "event") {
    event_.kind = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) last_id_ = value;
  } else if (name == "data") {
    if (event_.data.size() + value.size() + 1 > kMaxEvent) {
      event_too_long_ = true;
      return;
    }
    if (has_data_) event_.data.push_back('\n');
    event_.data.append(value);
    has_data_ = true;
  }
}

void SseParser::dispatch(const Sink& sink) {
  if (event_too_long_) {
    ++dropped_;
  } else if (has_data_) {
    event_.id = last_id_;
    sink(event_);
  }
  event_ = {};
  has_data_ = false;
  event_too_long_ = false;
}

}  // namespace larder::agent
