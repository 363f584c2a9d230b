// What this agent knows of origins: from which host a version comes (of the URLs that it asked for itself: statements
// of others name versions by digests alone), and which hosts were found to give different bytes under one name. Such a
// host is "not constant" for some hours: nothing of it is shared, and no member is blamed by it. Pure; `now` is an
// argument; bounded; loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"
#include "peer/reach/spell.h"

namespace larder::peer {

struct OriginName {
  std::string host;  // without port; of an IPv6 address without brackets
  bool https = false;
  friend bool operator==(const OriginName&, const OriginName&) = default;
};
// Of a canonical URL; an empty host where it is none.
[[nodiscard]] OriginName origin_of(std::string_view url);
// Hosts of one site are related: whoever has one name under example.org can have a thousand. The last two labels of a
// name, three where the last two may be a public suffix (example.co.uk); all of an address.
[[nodiscard]] std::string site_of(std::string_view host);

struct HostMark {
  std::string host;
  Spell spell;
  friend bool operator==(const HostMark&, const HostMark&) = default;
};

class OriginHosts {
 public:
  static constexpr std::size_t kMaxVersions = 8192;  // of which the host is known; the oldest goes
  static constexpr std::size_t kMaxMarks = 1024;     // the one that ends first goes
  static constexpr Duration kFirst = std::chrono::hours(1);
  static constexpr Duration kLongest = std::chrono::hours(24);

  void know(const Digest& version, std::string_view url);
  [[nodiscard]] std::optional<OriginName> of(const Digest& version) const;

  // The mark as it is now; nothing where it is in force already.
  std::optional<HostMark> mark(const std::string& host, WallTime now);
  [[nodiscard]] bool not_constant(const std::string& host, WallTime now) const;
  [[nodiscard]] std::vector<HostMark> marks(WallTime now) const;  // in force
  void restore(HostMark mark, WallTime now);
  // Hosts whose marks nothing remembers any more. `ended`: whether one ended since the last call.
  struct Tidied {
    std::vector<std::string> forgotten;
    bool ended = false;
  };
  [[nodiscard]] Tidied tidy(WallTime now);
  void forget_all();

 private:
  struct Marked {
    HostMark mark;
    bool told = false;  // that it ended
  };
  std::map<Digest, OriginName> versions_;
  std::deque<Digest> order_;  // of them, the oldest first
  std::map<std::string, Marked, std::less<>> marks_;
};

}  // namespace larder::peer
