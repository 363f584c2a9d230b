// This agent's knowledge of origins: the host of each version (from the URLs that it asked for itself, since members'
// statements name versions by digests alone), and the hosts that gave different bytes under one name. Such a host is
// "not constant" for some hours: its versions are not shared, and no member is blamed over them. Pure; `now` is an
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
// Returns the origin of a canonical URL; an empty host for any other text.
[[nodiscard]] OriginName origin_of(std::string_view url);
// Returns the site of a host. Hosts of one site count as one origin: the owner of example.org can make a thousand names
// under it. The site is the last two labels, three where the last two may be a public suffix (example.co.uk); of an
// address the whole.
[[nodiscard]] std::string site_of(std::string_view host);

struct HostMark {
  std::string host;
  Spell spell;
  friend bool operator==(const HostMark&, const HostMark&) = default;
};

class OriginHosts {
 public:
  static constexpr std::size_t kMaxVersions = 8192;  // with a known host; the oldest goes
  static constexpr std::size_t kMaxMarks = 1024;     // the one that ends first goes
  static constexpr Duration kFirst = std::chrono::hours(1);
  static constexpr Duration kLongest = std::chrono::hours(24);

  void know(const Digest& version, std::string_view url);
  [[nodiscard]] std::optional<OriginName> of(const Digest& version) const;

  // Marks a host as not constant and returns the mark; nullopt where it is marked already.
  std::optional<HostMark> mark(const std::string& host, WallTime now);
  [[nodiscard]] bool not_constant(const std::string& host, WallTime now) const;
  [[nodiscard]] std::vector<HostMark> marks(WallTime now) const;  // in force
  void restore(HostMark mark, WallTime now);
  // The hosts whose marks were forgotten. `ended`: a mark ended since the last call.
  struct Tidied {
    std::vector<std::string> forgotten;
    bool ended = false;
  };
  [[nodiscard]] Tidied tidy(WallTime now);
  void forget_all();

 private:
  struct Marked {
    HostMark mark;
    bool told = false;  // its end was reported
  };
  std::map<Digest, OriginName> versions_;
  std::deque<Digest> order_;  // keys of versions_, the oldest first
  std::map<std::string, Marked, std::less<>> marks_;
};

}  // namespace larder::peer
