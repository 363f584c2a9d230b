// The addresses that HELLO is sent to by unicast: configured ones for good, learnt ones (from peers) while they answer.
// Pure; loop thread.
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "peer/common/endpoint.h"

namespace larder::peer {

class AddressBook {
 public:
  static constexpr std::size_t kMax = 256;
  static constexpr unsigned kPatience = 6;  // announcements without an answer

  // Replaces the configured addresses and those from DNS.
  void configure(const std::vector<Endpoint>& addresses) {
    std::erase_if(entries_, [](const auto& entry) { return entry.second.configured; });
    for (const Endpoint& address : addresses) {
      if (entries_.size() < kMax || entries_.contains(address)) entries_[address].configured = true;
    }
  }
  // Adds a learnt address. False: it is known, or there is no room.
  bool learn(const Endpoint& address) { return entries_.size() < kMax && entries_.try_emplace(address).second; }
  void heard_from(const Endpoint& address) {
    if (const auto found = entries_.find(address); found != entries_.end()) found->second.silent = 0;
  }
  // Counts an announcement, forgets learnt addresses that were silent for too long, and returns the others.
  std::vector<Endpoint> announce() {
    for (auto& [address, entry] : entries_) ++entry.silent;
    std::erase_if(entries_,
                  [](const auto& entry) { return !entry.second.configured && entry.second.silent > kPatience; });
    return all();
  }
  [[nodiscard]] std::vector<Endpoint> all() const {
    std::vector<Endpoint> addresses;
    for (const auto& [address, entry] : entries_) addresses.push_back(address);
    return addresses;
  }
  [[nodiscard]] bool contains(const Endpoint& address) const { return entries_.contains(address); }

 private:
  struct Entry {
    bool configured = false;
    unsigned silent = 0;
  };
  std::map<Endpoint, Entry> entries_;
};

}  // namespace larder::peer
