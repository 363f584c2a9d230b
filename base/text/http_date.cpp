#include "base/text/http_date.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text/text.h"

namespace larder {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};

// Takes parts off the front of a text. After one part is missing, all later ones fail.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  void literal(std::string_view text) {
    if (!rest_.starts_with(text)) {
      ok_ = false;
      return;
    }
    rest_.remove_prefix(text.size());
  }
  int number(std::size_t digits) {
    if (rest_.size() < digits) ok_ = false;
    int value = 0;
    for (std::size_t i = 0; ok_ && i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') ok_ = false;
      value = value * 10 + (rest_[i] - '0');
    }
    if (ok_) rest_.remove_prefix(digits);
    return value;
  }
  template <std::size_t N>
  int one_of(const std::array<std::string_view, N>& names) {
    for (std::size_t i = 0; ok_ && i < N; ++i) {
      if (rest_.starts_with(names[i])) {
        rest_.remove_prefix(names[i].size());
        return static_cast<int>(i);
      }
    }
    ok_ = false;
    return 0;
  }
  [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

struct Fields {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

std::optional<WallTime> to_time(const Fields& f) {
  using std::chrono::year_month_day;
  const year_month_day date{std::chrono::year(f.year), std::chrono::month(static_cast<unsigned>(f.month + 1)),
                            std::chrono::day(static_cast<unsigned>(f.day))};
  constexpr int kLastYear = 2261;  // nanoseconds since 1970 end in 2262
  if (!date.ok() || f.year < 1900 || f.year > kLastYear) return std::nullopt;
  if (f.hour > 23 || f.minute > 59 || f.second > 60) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(f.hour) + std::chrono::minutes(f.minute) +
         std::chrono::seconds(std::min(f.second, 59));  // a leap second counts as the second before it
}

void read_clock(Reader& in, Fields& f) {
  f.hour = in.number(2);
  in.literal(":");
  f.minute = in.number(2);
  in.literal(":");
  f.second = in.number(2);
}

// "Sunday, 06-Nov-94 08:49:37 GMT"
std::optional<WallTime> parse_rfc850(std::string_view value, WallTime now) {
  Reader in(value);
  Fields f;
  in.one_of(kLongDays);
  in.literal(", ");
  f.day = in.number(2);
  in.literal("-");
  f.month = in.one_of(kMonths);
  in.literal("-");
  const int two_digits = in.number(2);
  in.literal(" ");
  read_clock(in, f);
  in.literal(" GMT");
  if (!in.done()) return std::nullopt;
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(now));
  const int this_year = static_cast<int>(today.year());
  f.year = this_year - this_year % 100 + two_digits;
  if (f.year > this_year + 50) f.year -= 100;
  if (f.year <= this_year - 50) f.year += 100;
  return to_time(f);
}

// "Sun Nov  6 08:49:37 1994"
std::optional<WallTime> parse_asctime(std::string_view value) {
  Reader in(value);
  Fields f;
  in.one_of(kDays);
  in.literal(" ");
  f.month = in.one_of(kMonths);
  in.literal(" ");
  if (in.peek() == ' ') {
    in.literal(" ");
    f.day = in.number(1);
  } else {
    f.day = in.number(2);
  }
  in.literal(" ");
  read_clock(in, f);
  in.literal(" ");
  f.year = in.number(4);
  return in.done() ? to_time(f) : std::nullopt;
}

}  // namespace

std::optional<WallTime> parse_imf_fixdate(std::string_view value) {
  Reader in(value);
  Fields f;
  in.one_of(kDays);
  in.literal(", ");
  f.day = in.number(2);
  in.literal(" ");
  f.month = in.one_of(kMonths);
  in.literal(" ");
  f.year = in.number(4);
  in.literal(" ");
  read_clock(in, f);
  in.literal(" GMT");
  return in.done() ? to_time(f) : std::nullopt;
}

std::optional<WallTime> parse_http_date(std::string_view value, WallTime now) {
  value = trim(value);
  if (value.size() > 64) return std::nullopt;
  if (auto time = parse_imf_fixdate(value)) return time;
  if (auto time = parse_rfc850(value, now)) return time;
  return parse_asctime(value);
}

std::string format_http_date(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::weekday weekday{day};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time - day).count();
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[weekday.c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace larder
