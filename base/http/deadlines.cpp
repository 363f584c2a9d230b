#include "base/http/deadlines.h"

#include <algorithm>

namespace larder::http {
namespace {

constexpr std::array<Wait, kWaits> kAll = {Wait::handshake, Wait::first, Wait::head,   Wait::request, Wait::body,
                                           Wait::idle,      Wait::write, Wait::linger, Wait::drain};

// In the order of Wait.
constexpr std::array<ExpiryRule, kWaits> kRules = {{
    {"its TLS handshake did not end in time", Expiry::close},
    {"no request came", Expiry::close},
    {"its head did not arrive in time", Expiry::answer},
    {"it did not arrive in time", Expiry::answer},
    {"its body did not arrive in time", Expiry::answer},
    {"no further request came", Expiry::close},
    {"the client reads too slowly", Expiry::close},
    {"the client does not hang up", Expiry::close},
    {"the server stops", Expiry::close},
}};

}  // namespace

const ExpiryRule& expiry_rule(Wait wait) {
  return kRules[static_cast<std::size_t>(wait)];
}

Waits waits_of(const ConnectionSituation& situation) {
  const ConnectionSituation& s = situation;
  if (s.handshaking) return s.draining ? Waits{Wait::handshake, Wait::drain} : Waits{Wait::handshake};
  Waits waits;
  if (s.draining) waits.set(Wait::drain);
  if (s.lingering) {
    waits.set(Wait::linger);
    return waits;
  }
  if (s.writing) waits.set(Wait::write);
  if (!s.reading) return waits;
  if (s.in_body) {
    if (!s.body_wanted) return waits;
    waits.set(Wait::body);
    waits.set(Wait::request);
  } else if (s.in_head) {
    waits.set(Wait::head);
    waits.set(Wait::request);
  } else if (!s.answering) {
    waits.set(s.fresh ? Wait::first : Wait::idle);
  }
  return waits;
}

Duration Deadlines::limit_of(Wait wait) const {
  const std::array<Duration, kWaits> limits = {limits_.handshake, limits_.first,  limits_.head,
                                               limits_.request,   limits_.body,   limits_.idle,
                                               limits_.write,     limits_.linger, Duration::zero()};
  return limits[index(wait)];
}

bool Deadlines::has_rate(Wait wait) const {
  return limits_.least_rate != 0 && (wait == Wait::body || wait == Wait::write);
}

std::uint64_t Deadlines::window_bytes() const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limits_.rate_window).count();
  return limits_.least_rate * static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 1));
}

void Deadlines::go_on(ClockOf& clock, Wait wait, SteadyTime now) {
  const Duration stood = now - clock.stopped;
  clock.since = wait == Wait::request && clock.used ? clock.since + stood : now;
  clock.window = clock.used ? clock.window + stood : now;
  clock.used = clock.running = true;
}

void Deadlines::run(Waits waits, SteadyTime now) {
  for (const Wait wait : kAll) {
    ClockOf& clock = clocks_[index(wait)];
    if (waits.has(wait) == clock.running) continue;
    if (waits.has(wait)) {
      go_on(clock, wait, now);
    } else {
      clock.running = false;
      clock.stopped = now;
    }
  }
}

void Deadlines::progress(Wait wait, std::uint64_t bytes, SteadyTime now) {
  ClockOf& clock = clocks_[index(wait)];
  if (!clock.running || bytes == 0) return;
  clock.since = now;
  clock.bytes += bytes;
  if (clock.bytes < window_bytes()) return;
  clock.window = now;
  clock.bytes = 0;
}

std::optional<SteadyTime> Deadlines::end_of(Wait wait) const {
  const ClockOf& clock = clocks_[index(wait)];
  if (!clock.running) return std::nullopt;
  if (wait == Wait::drain) return drain_end_;
  const Duration limit = limit_of(wait);
  if (wait == Wait::request && limit == Duration::zero()) return std::nullopt;
  const SteadyTime end = clock.since + limit;
  return has_rate(wait) ? std::min(end, clock.window + limits_.rate_window) : end;
}

std::optional<SteadyTime> Deadlines::next() const {
  std::optional<SteadyTime> first;
  for (const Wait wait : kAll) {
    const auto end = end_of(wait);
    if (end && (!first || *end < *first)) first = end;
  }
  return first;
}

std::optional<Wait> Deadlines::expired(SteadyTime now) const {
  for (const Wait wait : kAll) {
    const auto end = end_of(wait);
    if (end && *end <= now) return wait;
  }
  return std::nullopt;
}

}  // namespace larder::http
