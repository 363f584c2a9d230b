// How each kind of configuration value is read, checked, written and described. A codec is a small value:
//   Value                                  the type in the configuration
//   kind, unit, range                      texts for the documentation
//   read(ConfigValue) -> Parsed<Value>     or what is wrong: "must be …"
//   write(Value)                           the TOML text that read() takes back
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/config/config_row.h"
#include "base/io/log.h"
#include "base/runtime/clock.h"

namespace larder {

template <class T>
using Parsed = tl::expected<T, std::string>;

struct SwitchCodec {
  using Value = bool;
  std::string kind = "boolean", unit = "–", range = "true, false";
  [[nodiscard]] Parsed<bool> read(const ConfigValue& value) const;
  [[nodiscard]] std::string write(bool value) const { return value ? "true" : "false"; }
};

template <class Number>
struct CountCodec {
  using Value = Number;
  std::uint64_t least = 0, most = 0;
  std::string unit;
  std::string kind = "integer", range = std::to_string(least) + " to " + std::to_string(most);
  [[nodiscard]] Parsed<Number> read(const ConfigValue& value) const {
    const auto* number = std::get_if<std::int64_t>(&value);
    if (!number || *number < 0 || static_cast<std::uint64_t>(*number) < least ||
        static_cast<std::uint64_t>(*number) > most)
      return tl::unexpected<std::string>("must be a whole number from " + range);
    return static_cast<Number>(*number);
  }
  [[nodiscard]] std::string write(Number value) const { return std::to_string(value); }
};

// A size in bytes; 0 is written `zero` ("auto").
struct SizeCodec {
  using Value = std::uint64_t;
  std::uint64_t least;
  std::string zero;
  std::string kind = "size", unit = "bytes, or with a unit: \"64 GiB\"", range = {};
  SizeCodec(std::uint64_t least_bytes, std::string zero_word);
  [[nodiscard]] Parsed<std::uint64_t> read(const ConfigValue& value) const;
  [[nodiscard]] std::string write(std::uint64_t value) const;
};

struct RateCodec {  // bytes per second; 0 is written `zero`
  using Value = std::uint64_t;
  std::string zero;
  std::string kind = "rate", unit = "with a unit: \"10 MiB/s\", \"200 Mbit/s\"", range = {};
  explicit RateCodec(std::string zero_word = "unlimited");
  [[nodiscard]] Parsed<std::uint64_t> read(const ConfigValue& value) const;
  [[nodiscard]] std::string write(std::uint64_t value) const;
};

struct TimeCodec {
  using Value = Duration;
  Duration least, most;
  std::string zero;  // word for 0 where 0 is allowed beside the range ("never"), or empty
  std::string kind = "duration", unit = "with a unit: \"250ms\", \"30s\", \"1h30m\", \"90d\"", range = {};
  TimeCodec(Duration shortest, Duration longest, std::string zero_word = {});
  [[nodiscard]] Parsed<Duration> read(const ConfigValue& value) const;
  [[nodiscard]] std::string write(Duration value) const;
};

struct LogLevelCodec {
  using Value = log::Level;
  std::string kind = "word", unit = "–", range = "\"debug\", \"info\", \"warn\", \"error\", \"off\"";
  [[nodiscard]] Parsed<log::Level> read(const ConfigValue& value) const;
  [[nodiscard]] std::string write(log::Level value) const;
};

struct OnOffCodec {  // a word, so that others can be added; true and false are accepted
  using Value = bool;
  std::string kind = "word", unit = "–", range = "\"on\", \"off\"";
  [[nodiscard]] Parsed<bool> read(const ConfigValue& value) const;
  [[nodiscard]] std::string write(bool value) const { return value ? "\"on\"" : "\"off\""; }
};

// Text that a check must accept.
struct TextCodec {
  using Value = std::string;
  using Check = std::optional<std::string> (*)(const std::string&);
  std::string kind, unit, range;
  Check check;
  // Text that write() shows instead of a secret value; null: the value itself.
  std::string (*shown)(const std::string&) = nullptr;
  [[nodiscard]] Parsed<std::string> read(const ConfigValue& value) const;
  [[nodiscard]] std::string write(const std::string& value) const;
};

struct ListCodec {
  using Value = std::vector<std::string>;
  std::string kind, unit, range;
  std::size_t least, most;
  TextCodec::Check check;  // of each element
  std::optional<std::string> (*check_all)(const std::vector<std::string>&) = nullptr;
  [[nodiscard]] Parsed<std::vector<std::string>> read(const ConfigValue& value) const;
  [[nodiscard]] std::string write(const std::vector<std::string>& value) const;
};

[[nodiscard]] TextCodec absolute_path();
[[nodiscard]] TextCodec absolute_path_or_none();
[[nodiscard]] TextCodec socket_mode();
[[nodiscard]] TextCodec identifier();
[[nodiscard]] ListCodec program();
[[nodiscard]] ListCodec user_names();

[[nodiscard]] std::string toml_string(const std::string& text);

}  // namespace larder
