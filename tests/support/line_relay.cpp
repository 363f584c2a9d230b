// larder_line_relay: joins two network namespaces by a line, for the laboratory (lab_net.py). Needs root.
//
//   larder_line_relay NAMESPACE_A:DEVICE_A NAMESPACE_B:DEVICE_B OPTIONS_A_TO_B OPTIONS_B_TO_A
//
// OPTIONS are those of read_line_options(), such as mbit=100,delay_ms=12.5,queue_ms=25; an empty word is a wire. It
// makes a TUN device in each namespace, says "ready", and then takes a line at a time from standard input:
//
//   a_to_b OPTIONS   changes what is named, for the packets to come; b_to_a likewise. Answer: ok, or error: WHY
//   figures          answer: counts of both directions, as JSON
//
// It ends when standard input does, and its devices with it: whoever started it and is killed closes that. (The signal
// of a parent's death comes when the *thread* that started a program ends, which may be long before.)
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "tests/support/line.h"
#include "tests/support/segments.h"
#include "tests/support/tun_device.h"

namespace larder::test {
namespace {

constexpr LineTime kForever = std::chrono::hours(1);
// While packets come, the program looks for them so often and no more: at 1 Gbit/s there is one each 12 µs, and to wake
// up for each would take a whole processor. What is due within half of it is given out early, so that the mean is
// right.
constexpr LineTime kPace = std::chrono::microseconds(200);
constexpr int kMostAtOnce = 256;  // of one direction, before the other has its turn
constexpr std::size_t kLargest = 1 << 17;

LineTime clock_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

timespec as_timespec(LineTime time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((time - seconds).count())};
}

struct Direction {
  std::string name;
  const TunDevice& from;
  const TunDevice& to;
  Line line;
  std::uint64_t refused = 0;  // by the device at the end

  // How many packets were there to be sent.
  int take_in(std::vector<unsigned char>& buffer) {
    for (int count = 0; count < kMostAtOnce; ++count) {
      const std::size_t size = from.read(buffer.data(), buffer.size());
      if (size == 0) return count;
      auto packet = SentPacket::read({buffer.data(), size});
      if (!packet)
        throw std::runtime_error("cannot understand what the kernel sends: it is no IP packet of a known kind");
      const auto sent = std::make_shared<const SentPacket>(std::move(*packet));
      const LineTime now = clock_now();
      for (std::size_t i = 0; i < sent->segments(); ++i) {
        LinePacket segment;
        segment.sent = sent;
        segment.segment = i;
        segment.size = sent->size_of(i);
        line.take_in(now, std::move(segment));
      }
    }
    return kMostAtOnce;
  }

  // Neighbours of one packet that arrive together are one packet again.
  void give_out(std::vector<LinePacket>& arrived, std::vector<unsigned char>& buffer) {
    line.give_out(clock_now() + kPace / 2, arrived);
    for (std::size_t i = 0, count = 0; i < arrived.size(); i += count) {
      const LinePacket& first = arrived[i];
      for (count = 1; i + count < arrived.size(); ++count) {
        const LinePacket& next = arrived[i + count];
        if (next.sent != first.sent || next.segment != first.segment + count) break;
      }
      first.sent->write_run(first.segment, count, buffer);
      if (!to.write(buffer.data(), buffer.size())) refused += count;
    }
    arrived.clear();
  }

  [[nodiscard]] std::string figures() const {
    const LineFigures& f = line.figures();
    return fmt::format(
        R"("{}":{{"entered":{},"arrived":{},"lost":{},"queue_full":{},"codel_dropped":{},"refused":{}}})", name,
        f.entered, f.arrived, f.lost, f.queue_full, f.codel_dropped, refused);
  }
};

class Relay {
 public:
  Relay(const TunDevice& a, const TunDevice& b, const LineOptions& forth, const LineOptions& back)
      : directions_{Direction{"a_to_b", a, b, Line(forth)}, Direction{"b_to_a", b, a, Line(back)}}, buffer_(kLargest) {}

  void run() {
    while (wait()) {
      int taken = 0;
      for (Direction& direction : directions_) taken += direction.take_in(buffer_);
      for (Direction& direction : directions_) direction.give_out(arrived_, out_);
      if (taken < kMostAtOnce) pace();
    }
  }

 private:
  // Until something is to be done; false at the end of standard input.
  bool wait() {
    std::array<pollfd, 3> watched{{{STDIN_FILENO, POLLIN, 0},
                                   {directions_[0].from.descriptor(), POLLIN, 0},
                                   {directions_[1].from.descriptor(), POLLIN, 0}}};
    const timespec timeout = as_timespec(until_next());
    if (::ppoll(watched.data(), watched.size(), &timeout, nullptr) < 0 && errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "cannot wait for packets");
    return watched[0].revents == 0 || read_words();
  }

  static void pace() {
    const timespec time = as_timespec(kPace);
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
  }

  [[nodiscard]] LineTime until_next() const {
    LineTime left = kForever;
    const LineTime now = clock_now();
    for (const Direction& direction : directions_)
      if (const auto next = direction.line.next_at()) left = std::min(left, *next - kPace / 2 - now);
    return std::max(left, LineTime{});
  }

  bool read_words() {
    std::array<char, 4096> piece{};
    const ssize_t size = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (size <= 0) return false;
    words_.append(piece.data(), static_cast<std::size_t>(size));
    for (std::size_t end = words_.find('\n'); end != std::string::npos; end = words_.find('\n')) {
      fmt::print("{}\n", answer(words_.substr(0, end)));
      std::fflush(stdout);
      words_.erase(0, end + 1);
    }
    return words_.size() < piece.size();  // no word is so long
  }

  std::string answer(const std::string& word) {
    if (word == "figures") return fmt::format("{{{},{}}}", directions_[0].figures(), directions_[1].figures());
    const std::size_t blank = std::min(word.find(' '), word.size());
    for (Direction& direction : directions_) {
      if (direction.name != word.substr(0, blank)) continue;
      LineOptions options = direction.line.options();
      const auto problem = read_line_options(std::string_view(word).substr(std::min(blank + 1, word.size())), options);
      if (problem) return "error: " + *problem;
      direction.line.change(options);
      return "ok";
    }
    return fmt::format("error: \"{}\" is neither a_to_b, b_to_a nor figures", word);
  }

  std::array<Direction, 2> directions_;
  std::vector<unsigned char> buffer_, out_;
  std::vector<LinePacket> arrived_;
  std::string words_;
};

struct End {
  std::string name_space, device;
};

End read_end(const std::string& word) {
  const std::size_t colon = word.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == word.size() || word.find('/') != std::string::npos)
    throw std::invalid_argument("an end of the line is NAMESPACE:DEVICE, not \"" + word + "\"");
  return {word.substr(0, colon), word.substr(colon + 1)};
}

LineOptions read_options(const std::string& word) {
  LineOptions options;
  if (const auto problem = read_line_options(word, options)) throw std::invalid_argument(*problem);
  return options;
}

int run(const std::vector<std::string>& words) {
  if (words.size() != 4) {
    fmt::print(stderr,
               "usage: larder_line_relay NAMESPACE_A:DEVICE_A NAMESPACE_B:DEVICE_B OPTIONS_A_TO_B OPTIONS_B_TO_A\n");
    return 2;
  }
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // the default of 50 µs would come on top of each wait
  const End a = read_end(words[0]), b = read_end(words[1]);
  const TunDevice device_a(a.name_space, a.device), device_b(b.name_space, b.device);
  Relay relay(device_a, device_b, read_options(words[2]), read_options(words[3]));
  fmt::print("ready\n");
  std::fflush(stdout);
  relay.run();
  return 0;
}

}  // namespace
}  // namespace larder::test

int main(int count, char** words) {
  try {
    return larder::test::run(std::vector<std::string>(words + 1, words + count));
  } catch (const std::exception& error) {
    fmt::print(stderr, "larder_line_relay: {}\n", error.what());
    return 1;
  }
}
