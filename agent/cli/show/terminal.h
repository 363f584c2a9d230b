// Standard error for progress and errors: one rewritten line on a terminal, otherwise a line at intervals.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder::agent {

class Terminal {
 public:
  explicit Terminal(bool quiet);
  [[nodiscard]] bool is_tty() const { return tty_; }
  [[nodiscard]] unsigned width() const;
  // Returns the interval at which a progress line is shown.
  [[nodiscard]] Duration interval() const { return tty_ ? std::chrono::milliseconds(200) : std::chrono::seconds(5); }

  void progress(const std::string& line);  // replaces the previous progress line
  void line(std::string_view text);        // stays; not shown when quiet
  void error(const Error& error);          // stays; also shown when quiet
  void clear();                            // removes the progress line

 private:
  bool quiet_, tty_;
  bool shown_ = false;
};

// Exit status of an action whose output's reader has gone before the end: main then ends like any program in a pipe.
inline constexpr int kReaderGone = 128 + 13;

// Prints to standard output, with a newline. Returns the exit status, an error if the output failed (disk full, closed
// pipe).
[[nodiscard]] int print(std::string_view text);
// Prints to standard error. Returns the exit status of the error.
int report(const Error& error);

}  // namespace larder::agent
