// The progress line and the figures of `larder get` and `larder job watch`. Pure: figures, width and time in, text out.
// Text from others (names, notes) loses its control characters before it reaches a terminal.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "agent/cli/show/columns.h"
#include "base/runtime/clock.h"
#include "client/views.h"

namespace larder::agent {

// The rate over the last few seconds, from points (time, bytes so far).
class RateMeter {
 public:
  static constexpr std::chrono::seconds kWindow{5};
  void add(SteadyTime now, std::uint64_t bytes);    // fewer bytes than before (a restart) start anew
  [[nodiscard]] double rate(SteadyTime now) const;  // bytes per second

 private:
  struct Point {
    SteadyTime at;
    std::uint64_t bytes = 0;
  };
  std::deque<Point> points_;
};

struct ProgressFigures {
  std::string name;
  std::string state;
  std::string trouble;  // of transient_error: the cause, and how long it will be tried
  std::optional<std::uint64_t> size;
  std::uint64_t bytes = 0;
  double rate = 0;
  FiguresView figures;
  std::uint64_t files_total = 1, files_done = 0;
  std::optional<CrowdView> crowd;
};

// Returns one line of at most `width` columns, without a newline. The least important parts are dropped first.
[[nodiscard]] std::string render_progress(const ProgressFigures& now, unsigned width);
// Returns "origin 80% cache 20%"; empty while no byte has come.
[[nodiscard]] std::string render_shares(const FiguresView& figures);
// Returns "crowd of 12, 4 fetch"; empty without a crowd.
[[nodiscard]] std::string render_crowd(const std::optional<CrowdView>& crowd);
// Returns the line after a download: "x.iso  1.00 GiB in 9s (112 MiB/s)  origin 1.00 GiB  cache 0 B".
[[nodiscard]] std::string render_summary(const std::string& name, std::uint64_t bytes, Duration took,
                                         const FiguresView& figures);
// Returns the text with each control character, bidirectional control and invalid byte replaced by '?'.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace larder::agent
