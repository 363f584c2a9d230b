#include "base/io/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>

#include "base/io/standard_streams.h"

namespace larder::log {
namespace {

std::atomic<Level> current_level{Level::info};

// Compares stderr with the stream that systemd names: children inherit the variable even if their stderr is another.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): nothing sets variables
  struct stat facts {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &facts) != 0) return false;
  return fmt::format("{}:{}", facts.st_dev, facts.st_ino) == stream;
}

// The program must not wait for a slow reader of its log: when a pipe is full, one line waits a second, and later lines
// are lost until there is room again.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    read_ = say({text.data(), text.size()}, read_ ? std::chrono::milliseconds(1000) : std::chrono::milliseconds(0));
  }
  void flush_() override {}

 private:
  bool read_ = true;
};

struct Output {
  bool journal = stderr_is_journal();
  spdlog::logger logger{"larder", std::make_shared<StderrSink>()};

  Output() {
    logger.set_level(spdlog::level::debug);
    logger.flush_on(spdlog::level::debug);
    logger.set_pattern(journal ? "%v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  }
};

Output& output() {
  static Output the_output;
  return the_output;
}

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
    case Level::off:
      break;
  }
  return spdlog::level::err;
}

// The journal reads the priority from the line's front (sd-daemon(3)).
std::string_view journal_priority(Level level) {
  switch (level) {
    case Level::debug:
      return "<7>";
    case Level::info:
      return "<6>";
    case Level::warn:
      return "<4>";
    case Level::error:
    case Level::off:
      break;
  }
  return "<3>";
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// Escapes control characters, so that foreign text (a header, a path) can neither forge a line nor control a terminal.
std::string without_controls(std::string_view line) {
  std::string clean;
  clean.reserve(line.size() + 16);
  for (const char c : line) {
    if (is_control(c)) {
      clean += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      clean.push_back(c);
    }
  }
  return clean;
}

}  // namespace

void set_level(Level level) {
  current_level.store(level, std::memory_order_relaxed);
}
Level level() {
  return current_level.load(std::memory_order_relaxed);
}

void write(Level line_level, std::string_view line) {
  if (line_level == Level::off || line_level < level()) return;
  std::string clean;
  if (std::any_of(line.begin(), line.end(), is_control)) {
    clean = without_controls(line);
    line = clean;
  }
  Output& to = output();
  if (to.journal) {
    to.logger.log(spdlog_level(line_level), "{}{}", journal_priority(line_level), line);
  } else {
    to.logger.log(spdlog_level(line_level), "{}", line);
  }
}

std::string redact_url(std::string_view url) {
  std::string shown;
  const std::size_t scheme = url.find("://");
  // A "://" behind the first / ? or # belongs to the path or the query.
  if (scheme != std::string_view::npos && scheme + 1 == url.find_first_of("/?#")) {
    shown = url.substr(0, scheme + 3);
    url.remove_prefix(scheme + 3);
    const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
    const std::size_t user = authority.rfind('@');
    if (user != std::string_view::npos) url.remove_prefix(user + 1);
  }
  shown += url.substr(0, url.find_first_of("?#"));
  return shown;
}

}  // namespace larder::log
