// Byte ranges, and the text forms of sizes, rates and durations (IEC units; configuration, command line, logs).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  [[nodiscard]] std::uint64_t end() const { return offset + length; }  // one past the last byte
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// "64 MiB", "10 KB", "512", "1.5 GiB"; powers of ten for k/M/G/T + B, powers of two for Ki/Mi/Gi/Ti + B.
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);  // "1.50 GiB", "512 B"
// "10 MiB/s", "200 Mbit/s", "0" = unlimited; bytes per second.
[[nodiscard]] Result<std::uint64_t> parse_rate(std::string_view text);
[[nodiscard]] std::string format_rate(double bytes_per_second);
// "250ms", "30s", "10m", "1h30m", "90d".
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
[[nodiscard]] std::string format_duration(Duration duration);  // "1m 05s"
// RFC 3339 in UTC with milliseconds: "2026-01-31T08:00:00.000Z".
[[nodiscard]] std::string format_time(WallTime time);
[[nodiscard]] std::int64_t to_unix_ns(WallTime time);
[[nodiscard]] WallTime from_unix_ns(std::int64_t ns);

}  // namespace larder
