// The roots of the segments that this agent fetched from origins itself. They show whether an origin now gives it other
// bytes under the same name. Pure; bounded; loop thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/hash/digest.h"

namespace larder::peer {

struct OwnRoot {
  Digest version{};
  std::uint64_t segment = 0;
  std::array<std::byte, 8> root{};  // its first bytes: enough, since this agent hashed the content itself
  friend bool operator==(const OwnRoot&, const OwnRoot&) = default;
};

class OwnRoots {
 public:
  static constexpr std::size_t kMaxVersions = 4096;   // the one that came first goes
  static constexpr std::size_t kMaxSegments = 65536;  // of all versions together

  // Returns whether another root of the segment is known.
  bool differs(const Digest& version, std::uint64_t segment, const Digest& root) const;
  // Keeps the first root of a segment; later ones are ignored. Returns the versions that made room.
  std::vector<Digest> keep(const Digest& version, std::uint64_t segment, const Digest& root);
  std::vector<Digest> restore(const OwnRoot& root);
  [[nodiscard]] std::vector<OwnRoot> of(const Digest& version) const;
  [[nodiscard]] std::size_t versions() const { return versions_.size(); }
  [[nodiscard]] std::size_t segments() const { return segments_; }
  void forget_all();

 private:
  using Short = std::array<std::byte, 8>;
  static Short shortened(const Digest& root);
  std::vector<Digest> put(const Digest& version, std::uint64_t segment, const Short& root);

  std::map<Digest, std::map<std::uint64_t, Short>> versions_;
  std::deque<Digest> order_;
  std::size_t segments_ = 0;
};

}  // namespace larder::peer
