#include "tests/sim/wan.h"

#include <algorithm>

namespace larder::sim {
namespace {
constexpr double kDone = 0.5;  // bytes: rounding
}

void Wan::open(std::uint32_t task, double size, double limit, SteadyTime from, SteadyTime now) {
  advance(now);
  streams_.push_back({task, size, 0, limit, from, 0, false});
  share();
}

double Wan::close(std::uint32_t task, SteadyTime now) {
  advance(now);
  const auto at =
      std::find_if(streams_.begin(), streams_.end(), [task](const Stream& stream) { return stream.task == task; });
  if (at == streams_.end()) return 0;
  const double got = at->got;
  streams_.erase(at);
  share();
  return got;
}

void Wan::pause(std::uint32_t task, bool paused, SteadyTime now) {
  advance(now);
  for (Stream& stream : streams_) {
    if (stream.task == task) stream.paused = paused;
  }
  share();
}

const Wan::Stream* Wan::find(std::uint32_t task) const {
  const auto at =
      std::find_if(streams_.begin(), streams_.end(), [task](const Stream& stream) { return stream.task == task; });
  return at == streams_.end() ? nullptr : &*at;
}

void Wan::advance(SteadyTime now) {
  const double passed = std::chrono::duration<double>(now - now_).count();
  now_ = now;
  if (streams_.empty()) return;
  for (Stream& stream : streams_) {
    const double bytes = std::min(stream.size - stream.got, stream.rate * passed);
    stream.got += bytes;
    sent_ += bytes;
  }
  share();
}

void Wan::share() {
  std::vector<Stream*> flowing;
  for (Stream& stream : streams_) {
    stream.rate = 0;
    if (!stream.paused && stream.from <= now_ && stream.size - stream.got > kDone) flowing.push_back(&stream);
  }
  std::sort(flowing.begin(), flowing.end(),
            [](const Stream* left, const Stream* right) { return left->limit < right->limit; });
  double left = rate_;
  for (std::size_t i = 0; i < flowing.size(); ++i) {
    flowing[i]->rate = std::min(flowing[i]->limit, left / static_cast<double>(flowing.size() - i));
    left -= flowing[i]->rate;
  }
}

std::optional<SteadyTime> Wan::next_change() const {
  std::optional<SteadyTime> next;
  for (const Stream& stream : streams_) {
    SteadyTime at = stream.from;
    if (stream.from <= now_) {
      if (stream.rate <= 0) continue;
      const double seconds = std::min(1e6, (stream.size - stream.got) / stream.rate);
      at = now_ + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)) +
           std::chrono::microseconds(1);
    }
    if (!next || at < *next) next = at;
  }
  return next;
}

std::vector<std::uint32_t> Wan::finished() const {
  std::vector<std::uint32_t> tasks;
  for (const Stream& stream : streams_) {
    if (stream.from <= now_ && stream.size - stream.got <= kDone) tasks.push_back(stream.task);
  }
  return tasks;
}

}  // namespace larder::sim
