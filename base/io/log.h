// Logging front (spdlog is hidden in log.cpp). A line is a short fixed phrase, then key=value; ids on every line; URLs
// only through redact_url() (no user info, no query). Levels by audience: debug = developer, info = life cycle that an
// operator expects, warn = degraded but running, error = needs a person. Thread-safe.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace larder::log {

enum class Level { debug, info, warn, error, off };

void set_level(Level level);
[[nodiscard]] Level level();
void write(Level level, std::string_view line);  // to stderr; no time stamps under systemd (JOURNAL_STREAM)

template <class... Args>
void debug(fmt::format_string<Args...> form, Args&&... args) {
  if (level() <= Level::debug) write(Level::debug, fmt::format(form, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> form, Args&&... args) {
  if (level() <= Level::info) write(Level::info, fmt::format(form, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> form, Args&&... args) {
  if (level() <= Level::warn) write(Level::warn, fmt::format(form, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> form, Args&&... args) {
  if (level() <= Level::error) write(Level::error, fmt::format(form, std::forward<Args>(args)...));
}

// Returns the URL without user info, query and fragment: "https://host/path".
[[nodiscard]] std::string redact_url(std::string_view url);

}  // namespace larder::log
