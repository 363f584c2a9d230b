#include "tests/support/line.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace larder::test {
namespace {

using std::chrono::duration_cast;

LineTime from_ms(double milliseconds) {
  return duration_cast<LineTime>(std::chrono::duration<double, std::milli>(milliseconds));
}

struct OptionKey {
  std::string_view name;
  double most;
  void (*set)(LineOptions&, double);
};

constexpr double kMostSeed = 4'294'967'295.0;
constexpr OptionKey kKeys[] = {
    {"mbit", 1e6, [](LineOptions& o, double value) { o.bits_per_second = value * 1e6; }},
    {"delay_ms", 60'000, [](LineOptions& o, double value) { o.delay = from_ms(value); }},
    {"jitter_ms", 60'000, [](LineOptions& o, double value) { o.jitter = from_ms(value); }},
    {"queue_ms", 60'000, [](LineOptions& o, double value) { o.queue_time = from_ms(value); }},
    {"queue_kib", 1 << 20,
     [](LineOptions& o, double value) { o.queue_bytes = static_cast<std::size_t>(value * 1024); }},
    {"codel", 1, [](LineOptions& o, double value) { o.codel = value != 0; }},
    {"loss", 1, [](LineOptions& o, double value) { o.loss = value; }},
    {"reorder", 1, [](LineOptions& o, double value) { o.reorder = value; }},
    {"held_up_ms", 60'000, [](LineOptions& o, double value) { o.held_up = from_ms(value); }},
    {"seed", kMostSeed, [](LineOptions& o, double value) { o.seed = static_cast<std::uint64_t>(value); }},
};

std::optional<std::string> read_option(std::string_view text, LineOptions& options) {
  const auto equals = static_cast<std::size_t>(std::find(text.begin(), text.end(), '=') - text.begin());
  const std::string_view name = text.substr(0, equals), number = text.substr(std::min(equals + 1, text.size()));
  const auto key = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const OptionKey& k) { return k.name == name; });
  if (key == std::end(kKeys)) return fmt::format("\"{}\" is no option of a line", name);
  double value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  if (read.ec != std::errc() || read.ptr != number.data() + number.size() || !(value >= 0 && value <= key->most))
    return fmt::format("{} must be a number from 0 to {:g}, not \"{}\"", name, key->most, number);
  key->set(options, value);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> read_line_options(std::string_view text, LineOptions& options) {
  LineOptions read = options;
  while (!text.empty()) {
    const auto comma = static_cast<std::size_t>(std::find(text.begin(), text.end(), ',') - text.begin());
    if (auto problem = read_option(text.substr(0, comma), read)) return problem;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  options = read;
  return std::nullopt;
}

Line::Line(const LineOptions& options) : options_(options), chance_(options.seed) {}

void Line::change(const LineOptions& options) {
  if (options.seed != options_.seed) chance_.seed(options.seed);
  options_ = options;
}

// In [0, 1): the same on every machine, which std::uniform_real_distribution does not promise.
double Line::draw() {
  return static_cast<double>(chance_() >> 11U) * 0x1p-53;
}

LineTime Line::time_to_send(std::size_t bytes) const {
  if (options_.bits_per_second <= 0) return LineTime{};
  return LineTime(static_cast<LineTime::rep>(static_cast<double>(bytes) * 8e9 / options_.bits_per_second));
}

// An empty queue takes any packet.
bool Line::has_room(std::size_t bytes) const {
  if (queue_.count() + flying_.size() >= kMostPackets) return false;
  if (queue_.empty()) return true;
  const std::size_t then = queue_.bytes() + bytes;
  if (options_.queue_bytes != 0 && then > options_.queue_bytes) return false;
  return options_.queue_time == LineTime{} || time_to_send(then) <= options_.queue_time;
}

void Line::take_in(LineTime now, LinePacket packet) {
  send_due(now);
  packet.number = figures_.entered++;
  // Always all three, so that no option changes what chance does for another.
  packet.fate.lost = draw() < options_.loss;
  packet.fate.held_up = draw() < options_.reorder;
  packet.fate.jitter = draw();
  if (!has_room(packet.size)) {
    ++figures_.queue_full;
    return;
  }
  queue_.push(std::move(packet), now);
  send_due(now);
}

void Line::send_due(LineTime now) {
  while (!queue_.empty()) {
    const LineTime begins = std::max(free_at_, queue_.front().since);
    if (begins > now) return;
    auto next = options_.codel ? codel_.take(queue_, begins, figures_.codel_dropped) : queue_.pop();
    if (!next) return;
    free_at_ = begins + time_to_send(next->packet.size);
    fly(free_at_, std::move(next->packet));
  }
}

void Line::fly(LineTime sent_at, LinePacket packet) {
  if (packet.fate.lost) {
    ++figures_.lost;
    return;
  }
  const auto jitter = static_cast<double>(options_.jitter.count()) * packet.fate.jitter;
  LineTime at = sent_at + options_.delay + LineTime(static_cast<LineTime::rep>(jitter));
  if (packet.fate.held_up)
    at += options_.held_up;
  else
    at = last_order_ = std::max(at, last_order_);
  flying_.push_back({at, std::move(packet)});
  std::push_heap(flying_.begin(), flying_.end(), &Line::later);
}

bool Line::later(const Flying& one, const Flying& other) {
  return std::pair(one.at, one.packet.number) > std::pair(other.at, other.packet.number);
}

void Line::give_out(LineTime now, std::vector<LinePacket>& arrived) {
  send_due(now);
  while (!flying_.empty() && flying_.front().at <= now) {
    std::pop_heap(flying_.begin(), flying_.end(), &Line::later);
    arrived.push_back(std::move(flying_.back().packet));
    flying_.pop_back();
    ++figures_.arrived;
  }
}

// What waits in the queue is looked at when it could arrive, not when its turn comes: by then all turns that came since
// are taken, each at its own time.
std::optional<LineTime> Line::next_at() const {
  std::optional<LineTime> next;
  if (!flying_.empty()) next = flying_.front().at;
  if (queue_.empty()) return next;
  const LineTime sent_at = std::max(free_at_, queue_.front().since) + time_to_send(queue_.front().packet.size);
  const LineTime earliest = sent_at + options_.delay;
  return next ? std::min(*next, earliest) : earliest;
}

}  // namespace larder::test
