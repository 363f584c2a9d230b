#include "agent/cli/show/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text/text.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

bool is_unprintable(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  if (lead < 0x20 || lead == 0x7f) return true;
  if (lead == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0) return true;  // C1
  // Bidirectional overrides and isolates can make a name read as another one.
  return sequence >= "\u202A" && sequence <= "\u202E" ? true : sequence >= "\u2066" && sequence <= "\u2069";
}

std::string percent_text(const ProgressFigures& now) {
  if (!now.size) return "  ?  ";
  if (*now.size == 0) return "100.0%";
  const double percent = 100.0 * static_cast<double>(std::min(now.bytes, *now.size)) / static_cast<double>(*now.size);
  // 100 % is shown only for a complete file.
  return fmt::format("{:5.1f}%", now.bytes < *now.size ? std::min(percent, 99.9) : 100.0);
}

std::string amount_text(const ProgressFigures& now) {
  if (!now.size) return format_bytes(now.bytes);
  return fmt::format("{} of {}", format_bytes(now.bytes), format_bytes(*now.size));
}

std::string pace_text(const ProgressFigures& now) {
  if (now.state == "transient_error") return now.trouble.empty() ? "will be tried again" : printable(now.trouble);
  if (now.state != "transferring") return printable(now.state);
  std::string text = format_rate(now.rate);
  if (now.size && now.rate >= 1 && *now.size > now.bytes) {
    const double seconds = static_cast<double>(*now.size - now.bytes) / now.rate;
    if (seconds < 1e7) text += "  ETA " + format_duration(std::chrono::seconds(static_cast<std::int64_t>(seconds + 1)));
  }
  return text;
}

}  // namespace

void RateMeter::add(SteadyTime now, std::uint64_t bytes) {
  if (!points_.empty() && bytes < points_.back().bytes) points_.clear();
  points_.push_back({now, bytes});
  // One point older than the window stays, so that the window is always covered.
  while (points_.size() > 2 && points_[1].at <= now - kWindow) points_.pop_front();
}

double RateMeter::rate(SteadyTime now) const {
  if (points_.size() < 2) return 0;
  const std::chrono::duration<double> span = now - points_.front().at;
  if (span.count() <= 0) return 0;
  return static_cast<double>(points_.back().bytes - points_.front().bytes) / span.count();
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || is_unprintable(text.substr(0, length)))
      out += '?';
    else
      out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string render_shares(const FiguresView& figures) {
  const std::uint64_t all = figures.origin + figures.peers + figures.cache;
  if (all == 0) return {};
  std::string text;
  const auto add = [&](const char* name, std::uint64_t bytes) {
    if (bytes == 0) return;
    const double percent = 100.0 * static_cast<double>(bytes) / static_cast<double>(all);
    text += fmt::format("{}{} {:.0f}%", text.empty() ? "" : " ", name, percent);
  };
  add("origin", figures.origin);
  add("peers", figures.peers);
  add("cache", figures.cache);
  return text;
}

std::string render_crowd(const std::optional<CrowdView>& crowd) {
  if (!crowd || crowd->members == 0) return {};
  return fmt::format("crowd of {}, {} fetch", crowd->members + 1, crowd->fetchers);
}

std::string render_progress(const ProgressFigures& now, unsigned width) {
  // The most important part first; the line takes as many as fit.
  std::vector<std::string> parts = {percent_text(now), pace_text(now), amount_text(now)};
  if (now.files_total > 1) parts.push_back(fmt::format("file {}/{}", now.files_done, now.files_total));
  parts.push_back(render_shares(now.figures));
  parts.push_back(render_crowd(now.crowd));
  std::string line;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    const std::size_t used = line.empty() ? 0 : text_columns(line) + 2;
    if (used + text_columns(part) > width && !line.empty()) {
      // The beginning of a trouble text is of use; figures are shown in full or not at all.
      const bool words = &part == &parts[1] && now.state == "transient_error";
      if (words && used < width) line += "  " + clipped(part, width - used);
      break;
    }
    line += (line.empty() ? "" : "  ") + part;
  }
  const std::string name = printable(now.name);
  const std::size_t used = text_columns(line) + 2;
  if (used + 8 <= width && !name.empty()) line += "  " + clipped(name, width - used);
  return clipped(line, width);
}

std::string render_summary(const std::string& name, std::uint64_t bytes, Duration took, const FiguresView& figures) {
  const double seconds = std::max(std::chrono::duration<double>(took).count(), 0.001);
  std::string text = fmt::format("{}  {} in {:.1f} s ({})", printable(name), format_bytes(bytes), seconds,
                                 format_rate(static_cast<double>(bytes) / seconds));
  const auto add = [&](const char* label, std::uint64_t part) {
    if (part > 0) text += fmt::format("  {} {}", label, format_bytes(part));
  };
  add("origin", figures.origin);
  add("peers", figures.peers);
  add("cache", figures.cache);
  add("wasted", figures.wasted);
  return text;
}

}  // namespace larder::agent
