#include <sys/random.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/runtime/loop.h"

namespace larder {
namespace {

__extension__ using Wide = unsigned __int128;

class SystemRandom final : public Random {
 public:
  std::uint64_t next() override {
    if (next_ == pool_.size()) refill();
    return pool_[next_++];
  }

 private:
  void refill() {
    auto* to = reinterpret_cast<char*>(pool_.data());
    std::size_t missing = sizeof(pool_);
    while (missing > 0) {
      const ssize_t got = ::getrandom(to, missing, 0);
      if (got < 0) {
        if (errno == EINTR) continue;
        // Only a kernel without the call fails here; ids and jitter must not silently become predictable.
        std::perror("larder: getrandom");
        std::abort();
      }
      to += got;
      missing -= static_cast<std::size_t>(got);
    }
    next_ = 0;
  }

  std::array<std::uint64_t, 32> pool_{};
  std::size_t next_ = pool_.size();
};

// xoshiro256** by Blackman and Vigna, seeded through splitmix64 as its authors advise.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15U;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
      word = z ^ (z >> 31);
    }
  }

  std::uint64_t next() override {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace

// Multiply and reject (Lemire): uniform without a division in the common case.
std::uint64_t Random::below(std::uint64_t bound) {
  if (bound <= 1) return 0;
  Wide product = static_cast<Wide>(next()) * bound;
  auto low = static_cast<std::uint64_t>(product);
  if (low < bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (low < threshold) {
      product = static_cast<Wide>(next()) * bound;
      low = static_cast<std::uint64_t>(product);
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double Random::unit() {
  return static_cast<double>(next() >> 11) * 0x1p-53;
}

std::unique_ptr<Random> make_system_random() {
  return std::make_unique<SystemRandom>();
}
std::unique_ptr<Random> make_seeded_random(std::uint64_t seed) {
  return std::make_unique<SeededRandom>(seed);
}

}  // namespace larder
