#include "origin/upload/progress_text.h"

#include <fmt/format.h>

#include <limits>

#include "base/text/text.h"
#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

constexpr std::size_t kMaxText = 64 * 1024;  // more than two URLs and a header field can make

// Calls `use` with each field and its name. A new field is added here, and never takes the name of an old one.
template <class Progress, class Use>
void each_field(Progress& p, Use use) {
  use("phase", p.phase);
  use("url", p.url);
  use("session", p.session);
  use("host", p.host);
  use("fall_back_after", p.fall_back_after);
  use("fall_back_at", p.fall_back_at);
  use("reply_url", p.reply_url);
  use("reply_fetched", p.reply_fetched);
  use("expires_at", p.expires_at);
  use("offset", p.offset);
  use("part_length", p.part_length);
  use("part_lost", p.part_lost);
  use("part_size", p.part_size);
  use("part_limit", p.part_limit);
  use("hashed", p.hashed);
  use("sent", p.sent);
  use("last_byte_sent", p.last_byte_sent);
  use("last_byte_sent_before", p.last_byte_sent_before);
  use("end_refused", p.end_refused);
  use("creations", p.creations);
  use("restarts", p.restarts);
  use("failures", p.failures);
  use("resends", p.resends);
  use("redirects", p.redirects);
}

std::string written(const std::string& value) {
  return value;
}
std::string written(UploadPhase value) {
  return std::string(phase_name(value));
}
std::string written(std::uint64_t value) {
  return fmt::format("{}", value);
}
std::string written(unsigned value) {
  return fmt::format("{}", value);
}
std::string written(bool value) {
  return value ? "1" : "0";
}
std::string written(const std::optional<std::chrono::seconds>& value) {
  return value ? fmt::format("{}", value->count()) : "";
}
std::string written(const std::optional<WallTime>& value) {
  return value ? fmt::format("{}", value->time_since_epoch().count()) : "";
}

// Each returns whether the text is a value of that kind.
bool read(std::string_view text, std::string& value) {
  value = text;
  return true;
}
bool read(std::string_view text, UploadPhase& value) {
  for (std::size_t i = 0; i < kUploadPhaseCount; ++i) {
    value = static_cast<UploadPhase>(i);
    if (phase_name(value) == text) return true;
  }
  return false;
}
template <class Number>
bool read_number(std::string_view text, Number& value, std::uint64_t most) {
  const auto number = parse_decimal(text);
  if (!number || *number > most) return false;
  value = static_cast<Number>(*number);
  return true;
}
bool read(std::string_view text, std::uint64_t& value) {
  return read_number(text, value, std::numeric_limits<std::uint64_t>::max());
}
bool read(std::string_view text, unsigned& value) {
  return read_number(text, value, std::numeric_limits<unsigned>::max());
}
bool read(std::string_view text, bool& value) {
  return read_number(text, value, 1);
}
constexpr auto kMostSigned = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
bool read(std::string_view text, std::optional<std::chrono::seconds>& value) {
  std::int64_t count = 0;
  if (!read_number(text, count, kMostSigned)) return false;
  value = std::chrono::seconds(count);
  return true;
}
// Times before 1970 are those of servers that name nonsense, and of no use.
bool read(std::string_view text, std::optional<WallTime>& value) {
  std::int64_t count = 0;
  if (text.starts_with('-')) return true;
  if (!read_number(text, count, kMostSigned)) return false;
  value = WallTime(Duration(count));
  return true;
}

tl::unexpected<Error> unreadable(std::string_view line) {
  return fail(ErrorCode::database_error, "read how far an upload is",
              fmt::format("the line \"{}\" means nothing", line.substr(0, 64)));
}

}  // namespace

std::string progress_text(const UploadProgress& progress) {
  std::string text;
  const UploadProgress at_first;
  std::vector<std::string> defaults;
  each_field(at_first, [&defaults](std::string_view, const auto& value) { defaults.push_back(written(value)); });
  std::size_t i = 0;
  each_field(progress, [&](std::string_view name, const auto& value) {
    const std::string now = written(value);
    if (now != defaults[i++]) text += fmt::format("{}={}\n", name, now);
  });
  return text;
}

Result<UploadProgress> parse_progress(std::string_view text) {
  if (text.size() > kMaxText) return unreadable(text);
  UploadProgress progress;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || has_control(line)) return unreadable(line);
    bool good = true;
    each_field(progress, [&](std::string_view name, auto& value) {
      if (name == line.substr(0, equals)) good = read(line.substr(equals + 1), value);
    });
    if (!good) return unreadable(line);
  }
  return progress;
}

}  // namespace larder::origin
