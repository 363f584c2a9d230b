#include "base/config/value_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text/text.h"
#include "base/text/units.h"

namespace larder {
namespace {

constexpr std::size_t kMaxText = 4096;

tl::unexpected<std::string> wrong(std::string what) {
  return tl::unexpected<std::string>(std::move(what));
}

// Exact, and as short as the value allows: "64 GiB", "1536 MiB", "1000 B".
std::string exact_bytes(std::uint64_t value) {
  static constexpr std::array<std::pair<std::uint64_t, const char*>, 3> kUnits = {
      {{kGiB, "GiB"}, {kMiB, "MiB"}, {kKiB, "KiB"}}};
  for (const auto& [unit, name] : kUnits)
    if (value != 0 && value % unit == 0) return fmt::format("{} {}", value / unit, name);
  return fmt::format("{} B", value);
}

std::string exact_duration(Duration value) {
  using std::chrono::nanoseconds;
  static constexpr std::array<std::pair<std::int64_t, const char*>, 5> kUnits = {{{86'400'000'000'000, "d"},
                                                                                  {3'600'000'000'000, "h"},
                                                                                  {60'000'000'000, "m"},
                                                                                  {1'000'000'000, "s"},
                                                                                  {1'000'000, "ms"}}};
  std::string text;
  std::int64_t rest = value.count();
  for (const auto& [unit, name] : kUnits) {
    if (rest / unit == 0) continue;
    text += fmt::format("{}{}", rest / unit, name);
    rest %= unit;
  }
  return text.empty() ? "0s" : text;
}

std::optional<std::string> check_absolute(const std::string& text) {
  if (text.empty() || text[0] != '/') return "must be an absolute path (start with \"/\")";
  if (has_control(text)) return "must not have control characters";
  return std::nullopt;
}

std::optional<std::string> check_absolute_or_none(const std::string& text) {
  return text.empty() ? std::nullopt : check_absolute(text);
}

std::optional<std::string> check_socket_mode(const std::string& text) {
  const bool octal = text.size() == 4 && text[0] == '0' &&
                     std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
  if (!octal) return "must be four octal digits in quotes, such as \"0660\"";
  if ((text[1] & 6) != 6) return "must let the agent's own user read and write (\"06..\")";
  return std::nullopt;
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

std::optional<std::string> check_identifier(const std::string& text) {
  if (text.empty() || text.size() > 64 || !std::all_of(text.begin(), text.end(), is_name_char))
    return "must be 1 to 64 letters, digits, \"-\", \"_\" or \".\"";
  return std::nullopt;
}

std::optional<std::string> check_user(const std::string& text) {
  const bool good =
      !text.empty() && text.size() <= 256 && !has_control(text) && text.find_first_of(" :/,") == std::string::npos;
  return good ? std::nullopt : std::optional<std::string>("must be user names or numeric user ids");
}

std::optional<std::string> check_argument(const std::string& text) {
  return text.find('\0') == std::string::npos ? std::nullopt
                                              : std::optional<std::string>("must not have NUL characters");
}

std::optional<std::string> check_program(const std::vector<std::string>& command) {
  if (command.front()[0] == '/') return std::nullopt;
  return fmt::format("must start with the absolute path of a program; \"{}\" is relative", command.front());
}

}  // namespace

std::string toml_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      quoted += {'\\', c};
    else if (byte < 0x20 || byte == 0x7f)
      quoted += fmt::format("\\u{:04X}", byte);
    else
      quoted += c;
  }
  return quoted + '"';
}

Parsed<bool> SwitchCodec::read(const ConfigValue& value) const {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  return wrong("must be true or false, without quotes");
}

Parsed<bool> OnOffCodec::read(const ConfigValue& value) const {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  const auto* text = std::get_if<std::string>(&value);
  if (text && (*text == "on" || *text == "off")) return *text == "on";
  return tl::unexpected<std::string>("must be one of " + range);
}

SizeCodec::SizeCodec(std::uint64_t least_bytes, std::string zero_word)
    : least(least_bytes), zero(std::move(zero_word)) {
  range = fmt::format("\"{}\" up", exact_bytes(least));
  if (!zero.empty()) range += fmt::format(", or \"{}\"", zero);
}

Parsed<std::uint64_t> SizeCodec::read(const ConfigValue& value) const {
  std::uint64_t bytes = 0;
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (*number < 0) return wrong("must not be negative");
    bytes = static_cast<std::uint64_t>(*number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    if (!zero.empty() && *text == zero) return std::uint64_t{0};
    const auto parsed = parse_bytes(*text);
    if (!parsed) return wrong("must be a size such as \"64 GiB\"");
    bytes = *parsed;
  } else {
    return wrong("must be a size such as \"64 GiB\"");
  }
  if (bytes == 0 && !zero.empty()) return bytes;
  if (bytes < least || bytes > static_cast<std::uint64_t>(INT64_MAX)) return wrong("must be in the range " + range);
  return bytes;
}

std::string SizeCodec::write(std::uint64_t value) const {
  return value == 0 && !zero.empty() ? toml_string(zero) : toml_string(exact_bytes(value));
}

RateCodec::RateCodec(std::string zero_word)
    : zero(std::move(zero_word)), range(fmt::format("\"1 KiB/s\" up, or \"{}\"", zero)) {}

Parsed<std::uint64_t> RateCodec::read(const ConfigValue& value) const {
  const auto* text = std::get_if<std::string>(&value);
  if (text && (*text == zero || *text == "0")) return std::uint64_t{0};
  const auto rate = text ? parse_rate(*text) : Result<std::uint64_t>(fail(ErrorCode::invalid_argument, "", ""));
  if (!rate)
    return wrong(fmt::format("must be a rate with its unit, such as \"10 MiB/s\" or \"200 Mbit/s\", or \"{}\"", zero));
  if (*rate < kKiB || *rate > static_cast<std::uint64_t>(INT64_MAX)) return wrong("must be in the range " + range);
  return *rate;
}

std::string RateCodec::write(std::uint64_t value) const {
  return toml_string(value == 0 ? zero : exact_bytes(value) + "/s");
}

TimeCodec::TimeCodec(Duration shortest, Duration longest, std::string zero_word)
    : least(shortest), most(longest), zero(std::move(zero_word)) {
  range = fmt::format("\"{}\" to \"{}\"", exact_duration(least), exact_duration(most));
  if (!zero.empty()) range += fmt::format(", or \"{}\"", zero);
}

Parsed<Duration> TimeCodec::read(const ConfigValue& value) const {
  const auto* text = std::get_if<std::string>(&value);
  if (!text) return wrong("must be a duration with its unit, such as \"30s\" or \"90d\"");
  if (!zero.empty() && *text == zero) return Duration{};
  const auto duration = parse_duration(*text);
  if (!duration) return wrong("must be a duration with its unit, such as \"30s\" or \"90d\"");
  if (*duration == Duration{} && !zero.empty()) return Duration{};
  if (*duration < least || *duration > most) return wrong("must be in the range " + range);
  return *duration;
}

std::string TimeCodec::write(Duration value) const {
  return value == Duration{} && !zero.empty() ? toml_string(zero) : toml_string(exact_duration(value));
}

namespace {
constexpr std::array<std::pair<log::Level, const char*>, 5> kLevels = {{{log::Level::debug, "debug"},
                                                                        {log::Level::info, "info"},
                                                                        {log::Level::warn, "warn"},
                                                                        {log::Level::error, "error"},
                                                                        {log::Level::off, "off"}}};
}  // namespace

Parsed<log::Level> LogLevelCodec::read(const ConfigValue& value) const {
  if (const auto* text = std::get_if<std::string>(&value))
    for (const auto& [level, name] : kLevels)
      if (*text == name) return level;
  return wrong("must be one of " + range);
}

std::string LogLevelCodec::write(log::Level value) const {
  for (const auto& [level, name] : kLevels)
    if (level == value) return toml_string(name);
  return toml_string("info");
}

Parsed<std::string> TextCodec::read(const ConfigValue& value) const {
  const auto* text = std::get_if<std::string>(&value);
  if (!text) return wrong("must be text in quotes");
  if (text->size() > kMaxText) return wrong(fmt::format("must have at most {} characters", kMaxText));
  if (auto problem = check(*text)) return wrong(std::move(*problem));
  return *text;
}

std::string TextCodec::write(const std::string& value) const {
  return toml_string(shown ? shown(value) : value);
}

Parsed<std::vector<std::string>> ListCodec::read(const ConfigValue& value) const {
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  if (!list) return wrong("must be a list of texts, such as [\"one\", \"two\"]");
  if (list->size() < least || list->size() > most)
    return wrong(fmt::format("must have {} to {} elements", least, most));
  for (const std::string& element : *list) {
    if (element.size() > kMaxText) return wrong(fmt::format("must have elements of at most {} characters", kMaxText));
    if (auto problem = check(element)) return wrong(std::move(*problem));
  }
  if (check_all)
    if (auto problem = check_all(*list)) return wrong(std::move(*problem));
  return *list;
}

std::string ListCodec::write(const std::vector<std::string>& value) const {
  std::string text = "[";
  for (const std::string& element : value) text += (text.size() > 1 ? ", " : "") + toml_string(element);
  return text + "]";
}

TextCodec absolute_path() {
  return {"path", "–", "an absolute path", check_absolute};
}
TextCodec absolute_path_or_none() {
  return {"path", "–", "an absolute path, or \"\"", check_absolute_or_none};
}
TextCodec socket_mode() {
  return {"mode", "octal", "\"0600\" to \"0777\"", check_socket_mode};
}
TextCodec identifier() {
  return {"name", "–", "1 to 64 of A–Z a–z 0–9 - _ .", check_identifier};
}
ListCodec program() {
  return {"list of texts", "–", "1 to 64; the first an absolute path", 1, 64, check_argument, check_program};
}
ListCodec user_names() {
  return {"list of names", "–", "at most 256", 0, 256, check_user};
}

}  // namespace larder
