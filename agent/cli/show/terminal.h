// Standard error as the place of progress and errors: one rewritten line on a terminal, a line now and then elsewhere.
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
  // How often a progress line is worth showing.
  [[nodiscard]] Duration interval() const { return tty_ ? std::chrono::milliseconds(200) : std::chrono::seconds(5); }

  void progress(const std::string& line);  // replaces the line before
  void line(std::string_view text);        // stays; not when quiet
  void error(const Error& error);          // stays, also when quiet
  void clear();                            // the progress line

 private:
  bool quiet_, tty_;
  bool shown_ = false;
};

// Exit status of an action whose output was closed by its reader before the end: main ends as any program in a pipe
// does.
inline constexpr int kReaderGone = 128 + 13;

// To standard output, with a newline; the exit status of a command whose output went nowhere (disk full, closed pipe).
[[nodiscard]] int print(std::string_view text);
// To standard error, with the exit status that belongs to the error.
int report(const Error& error);

}  // namespace larder::agent
