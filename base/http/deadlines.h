// Which clock runs against a client, and what follows when it has run out. Pure: `now` comes in; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "base/http/message/limits.h"

namespace larder::http {

// What a connection waits for the client to do. Several at once.
enum class Wait {
  handshake,  // of TLS
  first,      // the first byte of a new connection
  head,       // the rest of a head
  request,    // the whole of a request
  body,       // bytes of a body that somebody wants
  idle,       // the next request
  write,      // it takes bytes of an answer
  linger,     // it hangs up
  drain,      // whatever it is about, while the server stops
};
inline constexpr std::size_t kWaits = 9;

class Waits {
 public:
  constexpr Waits() = default;
  constexpr Waits(std::initializer_list<Wait> waits) {
    for (const Wait wait : waits) set(wait);
  }
  constexpr void set(Wait wait) { bits_ |= 1U << static_cast<unsigned>(wait); }
  [[nodiscard]] constexpr bool has(Wait wait) const { return (bits_ >> static_cast<unsigned>(wait) & 1U) != 0; }
  friend constexpr bool operator==(const Waits&, const Waits&) = default;

 private:
  unsigned bits_ = 0;
};

// What a connection is about, as far as its clocks need to know.
struct ConnectionSituation {
  bool handshaking = false;
  bool fresh = true;         // no byte has come yet
  bool reading = true;       // this side would read: nothing of its own holds it up
  bool in_head = false;      // some of a head is there
  bool in_body = false;      // of a request the head is there, the body is not whole
  bool body_wanted = false;  // somebody waits for a piece
  bool answering = false;    // there are requests without a whole answer
  bool writing = false;
  bool lingering = false;
  bool draining = false;
};
[[nodiscard]] Waits waits_of(const ConnectionSituation& situation);

enum class Expiry {
  close,   // nobody is owed an answer
  answer,  // 408, in its turn, and the end
};
// How the log and the answer name it; what follows.
struct ExpiryRule {
  std::string_view what;
  Expiry then;
};
[[nodiscard]] const ExpiryRule& expiry_rule(Wait wait);

class Deadlines {
 public:
  explicit Deadlines(const HttpLimits& limits) : limits_(limits) {}

  // The clocks that run from now on; those that ran already go on, those that are not among them stop. A clock that
  // stood still begins anew, but for the whole request's and the rates: those go on where they stood.
  void run(Waits waits, SteadyTime now);
  // Bytes came (body) or were taken (write): the wait without a byte begins anew, and the rate counts them.
  void progress(Wait wait, std::uint64_t bytes, SteadyTime now);
  // Another request begins: its clocks start at zero although the last one's ran.
  void restart(Wait wait) { clocks_[index(wait)] = {}; }
  // Of a server that stops.
  void drain_until(SteadyTime end) { drain_end_ = end; }

  // When to ask again; none: no clock runs.
  [[nodiscard]] std::optional<SteadyTime> next() const;
  // The first, in the order of Wait, that has run out.
  [[nodiscard]] std::optional<Wait> expired(SteadyTime now) const;

 private:
  struct ClockOf {
    bool used = false;  // it ran before
    bool running = false;
    SteadyTime since{};       // the last byte, or the beginning
    SteadyTime window{};      // since when the rate is measured
    SteadyTime stopped{};     // when it was stopped
    std::uint64_t bytes = 0;  // in this window
  };
  static constexpr std::size_t index(Wait wait) { return static_cast<std::size_t>(wait); }
  static void go_on(ClockOf& clock, Wait wait, SteadyTime now);
  [[nodiscard]] Duration limit_of(Wait wait) const;
  [[nodiscard]] std::optional<SteadyTime> end_of(Wait wait) const;
  [[nodiscard]] bool has_rate(Wait wait) const;
  [[nodiscard]] std::uint64_t window_bytes() const;

  const HttpLimits& limits_;
  std::array<ClockOf, kWaits> clocks_;
  SteadyTime drain_end_{};
};

}  // namespace larder::http
