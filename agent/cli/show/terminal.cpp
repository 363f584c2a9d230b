#include "agent/cli/show/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "agent/cli/show/progress.h"
#include "base/error_table.h"
#include "base/io/standard_streams.h"

namespace larder::agent {

Terminal::Terminal(bool quiet) : quiet_(quiet), tty_(::isatty(STDERR_FILENO) == 1) {}

unsigned Terminal::width() const {
  winsize size{};
  if (tty_ && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col - 1u;
  return tty_ ? 79 : 160;
}

void Terminal::progress(const std::string& line) {
  if (quiet_) return;
  // Written without waiting: a progress line that is taken late is out of date.
  say(tty_ ? "\r\033[K" + line : line + "\n", std::chrono::milliseconds(0));
  shown_ = tty_;
}

void Terminal::clear() {
  if (shown_) say("\r\033[K");
  shown_ = false;
}

void Terminal::line(std::string_view text) {
  if (quiet_) return;
  clear();
  say(fmt::format("{}\n", text));
}

void Terminal::error(const Error& error) {
  clear();
  report(error);
}

int print(std::string_view text) {
  const bool newline = !text.empty() && !text.ends_with('\n');
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                       (!newline || std::fputc('\n', stdout) == '\n') && std::fflush(stdout) == 0;
  if (written) return 0;
  return report(Error{ErrorCode::disk_error, "write to standard output", "it is closed or full"});
}

int report(const Error& error) {
  std::string text = error.text();
  // Only the final line end stays: control characters in the text become '?'.
  say(fmt::format("larder: {}\n", printable(text)));
  return error_info(error.code).exit_status;
}

}  // namespace larder::agent
