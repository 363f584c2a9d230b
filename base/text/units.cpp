#include "base/text/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include "base/text/text.h"

namespace larder {
namespace {

__extension__ using Wide = unsigned __int128;
constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// A decimal number as digits / 10^places, kept exact.
struct Decimal {
  std::uint64_t digits = 0;
  unsigned places = 0;
};

constexpr unsigned kMaxPlaces = 9;

bool add_digit(std::uint64_t& number, char digit) {
  const auto value = static_cast<std::uint64_t>(digit - '0');
  if (number > (kMax - value) / 10) return false;
  number = number * 10 + value;
  return true;
}

// Takes a decimal number off the front of `text`.
std::optional<Decimal> take_decimal(std::string_view& text) {
  Decimal number;
  std::size_t at = 0;
  while (at < text.size() && is_digit(text[at])) {
    if (!add_digit(number.digits, text[at++])) return std::nullopt;
  }
  if (at == 0) return std::nullopt;
  if (at < text.size() && text[at] == '.') {
    const std::size_t point = at++;
    while (at < text.size() && is_digit(text[at])) {
      if (++number.places > kMaxPlaces || !add_digit(number.digits, text[at++])) return std::nullopt;
    }
    if (at == point + 1) return std::nullopt;
  }
  text.remove_prefix(at);
  return number;
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t kKilo = 1000;
constexpr std::array kByteUnits = {
    Unit{"B", 1},
    Unit{"kB", kKilo},
    Unit{"KB", kKilo},
    Unit{"MB", kKilo* kKilo},
    Unit{"GB", kKilo* kKilo* kKilo},
    Unit{"TB", kKilo* kKilo* kKilo* kKilo},
    Unit{"KiB", kKiB},
    Unit{"MiB", kMiB},
    Unit{"GiB", kGiB},
    Unit{"TiB", 1024 * kGiB},
};
constexpr std::array kBitUnits = {
    Unit{"bit", 1},
    Unit{"kbit", kKilo},
    Unit{"Mbit", kKilo* kKilo},
    Unit{"Gbit", kKilo* kKilo* kKilo},
    Unit{"Tbit", kKilo* kKilo* kKilo* kKilo},
};

std::optional<std::uint64_t> factor_of(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

// number * factor / divisor, rounded down.
std::optional<std::uint64_t> scaled(Decimal number, std::uint64_t factor, std::uint64_t divisor) {
  Wide value = static_cast<Wide>(number.digits) * factor;
  for (unsigned i = 0; i < number.places; ++i) divisor *= 10;
  value /= divisor;
  if (value > kMax) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

tl::unexpected<Error> not_a(std::string_view what, std::string_view text, std::string_view why) {
  // The text may be anything, of any length: shown only in part.
  return fail(ErrorCode::invalid_argument, fmt::format("read \"{}\" as a {}", text.substr(0, 64), what),
              std::string(why));
}

constexpr std::string_view kBytesForm = "write a number and a unit, as in 512, 10 KB, 64 MiB or 1.5 GiB";
constexpr std::string_view kRateForm = "write 10 MiB/s, 200 Mbit/s, or 0 for unlimited";
constexpr std::string_view kDurationForm =
    "write numbers with ms, s, m, h or d, largest first, as in 250ms, 30s or 1h30m";

std::string with_unit(double value, std::string_view suffix) {
  constexpr std::array<std::string_view, 7> kNames = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  // 1023.995 would round to 1024.00 of the smaller unit.
  while (unit + 1 < kNames.size() && value >= (unit == 0 ? 1023.5 : 1023.995)) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}{}", value, unit == 0 ? 0 : 2, kNames[unit], suffix);
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  std::string_view rest = trimmed(text);
  const auto number = take_decimal(rest);
  if (!number) return not_a("size", text, kBytesForm);
  rest = trimmed(rest);
  const auto factor = rest.empty() ? std::optional<std::uint64_t>(1) : factor_of(kByteUnits, rest);
  if (!factor) return not_a("size", text, kBytesForm);
  if (*factor == 1 && number->places != 0) return not_a("size", text, "a byte cannot be divided");
  const auto bytes = scaled(*number, *factor, 1);
  if (!bytes) return not_a("size", text, "it is larger than 16 EiB");
  return *bytes;
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < kKiB) return fmt::format("{} B", bytes);
  return with_unit(static_cast<double>(bytes), "");
}

Result<std::uint64_t> parse_rate(std::string_view text) {
  std::string_view rest = trimmed(text);
  if (rest == "0") return 0;
  const auto number = take_decimal(rest);
  rest = trimmed(rest);
  if (!number || !rest.ends_with("/s")) return not_a("rate", text, kRateForm);
  rest = trimmed(rest.substr(0, rest.size() - 2));
  std::optional<std::uint64_t> rate;
  if (const auto bytes = factor_of(kByteUnits, rest)) {
    rate = scaled(*number, *bytes, 1);
  } else if (const auto bits = factor_of(kBitUnits, rest)) {
    rate = scaled(*number, *bits, 8);
  } else {
    return not_a("rate", text, kRateForm);
  }
  if (!rate) return not_a("rate", text, "it is larger than 16 EiB/s");
  // Rounding down to 0 would turn the smallest limit into none.
  if (*rate == 0 && number->digits != 0) return not_a("rate", text, "it is less than one byte per second");
  return *rate;
}

std::string format_rate(double bytes_per_second) {
  if (!std::isfinite(bytes_per_second) || bytes_per_second < 0) bytes_per_second = 0;
  return with_unit(bytes_per_second, "/s");
}

Result<Duration> parse_duration(std::string_view text) {
  // Largest first, each at most once: `from` only moves forward.
  constexpr std::array kUnits = {
      Unit{"d", 86'400'000'000'000}, Unit{"h", 3'600'000'000'000}, Unit{"m", 60'000'000'000},
      Unit{"s", 1'000'000'000},      Unit{"ms", 1'000'000},
  };
  constexpr auto kLongest = static_cast<std::uint64_t>(Duration::max().count());
  std::string_view rest = trimmed(text);
  if (rest == "0") return Duration::zero();
  if (rest.empty()) return not_a("duration", text, kDurationForm);
  std::uint64_t total = 0;
  std::size_t from = 0;
  while (!rest.empty()) {
    const auto number = take_decimal(rest);
    if (!number || number->places != 0) return not_a("duration", text, kDurationForm);
    std::size_t letters = 0;
    while (letters < rest.size() && rest[letters] >= 'a' && rest[letters] <= 'z') ++letters;
    const std::string_view name = rest.substr(0, letters);
    while (from < kUnits.size() && kUnits[from].name != name) ++from;
    if (from == kUnits.size()) return not_a("duration", text, kDurationForm);
    const auto part = scaled(*number, kUnits[from].factor, 1);
    if (!part || *part > kLongest - total) return not_a("duration", text, "it is longer than 292 years");
    total += *part;
    ++from;
    rest = trimmed(rest.substr(letters));
  }
  return Duration(static_cast<Duration::rep>(total));
}

std::string format_duration(Duration duration) {
  using namespace std::chrono;
  if (duration < Duration::zero()) return "-" + format_duration(-duration);
  const auto milli = duration_cast<milliseconds>(duration).count();
  const auto seconds = milli / 1000;
  const auto minutes = seconds / 60;
  const auto hours = minutes / 60;
  if (hours >= 24) {
    return hours % 24 == 0 ? fmt::format("{}d", hours / 24) : fmt::format("{}d {:02}h", hours / 24, hours % 24);
  }
  if (hours > 0) return fmt::format("{}h {:02}m", hours, minutes % 60);
  if (minutes > 0) return fmt::format("{}m {:02}s", minutes, seconds % 60);
  if (milli == 0 || milli % 1000 == 0) return fmt::format("{}s", seconds);
  return seconds > 0 ? fmt::format("{}s {:03}ms", seconds, milli % 1000) : fmt::format("{}ms", milli);
}

std::string format_time(WallTime time) {
  using namespace std::chrono;
  const auto milli = floor<milliseconds>(time);
  const auto day = floor<days>(milli);
  const year_month_day date(day);
  const hh_mm_ss clock(milli - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::int64_t to_unix_ns(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime from_unix_ns(std::int64_t ns) {
  return WallTime(Duration(ns));
}

}  // namespace larder
