// A name server on 127.0.0.1, over UDP and TCP at one port, that says what a test wants. Runs in the test's loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/runtime/loop.h"

namespace larder::peer {

using DnsBytes = std::vector<std::byte>;

inline constexpr std::uint16_t kDnsA = 1, kDnsAaaa = 28, kDnsSrv = 33;

// The data of records, and names in the form of messages ("pc7.office.example" → 3 p c 7 6 o f f i c e …).
[[nodiscard]] DnsBytes dns_name(std::string_view name);
[[nodiscard]] DnsBytes dns_srv(std::uint16_t priority, std::uint16_t weight, std::uint16_t port,
                               std::string_view target);
[[nodiscard]] DnsBytes dns_address(const std::string& numbers);  // IPv4 or IPv6

// What is said about one name and type.
struct DnsReply {
  std::vector<DnsBytes> records;
  unsigned code = 0;  // 3: the name does not exist
  std::uint32_t ttl = 60;
  bool silent = false;                                        // says nothing
  bool held = false;                                          // says it when the test calls let_go()
  bool truncated_over_udp = false;                            // says that at once; the rest concerns TCP
  std::function<DnsBytes(DnsBytes answer)> spoilt = nullptr;  // what is sent in place of the answer
};

class PlayedDns {
 public:
  explicit PlayedDns(Loop& loop);
  ~PlayedDns();
  PlayedDns(const PlayedDns&) = delete;
  PlayedDns& operator=(const PlayedDns&) = delete;

  [[nodiscard]] std::string place() const;                                // "127.0.0.1:5300"
  void say(const std::string& name, std::uint16_t type, DnsReply reply);  // other names do not exist
  // An SRV name: each target has the port 7475, and the address that stands beside it.
  void say_srv(const std::string& name, const std::vector<std::pair<std::string, std::string>>& targets);
  void let_go();  // sends what was held
  // The questions in their order: "SRV _larder._udp.office.example", "A pc7.office.example tcp".
  [[nodiscard]] const std::vector<std::string>& asked() const { return asked_; }
  [[nodiscard]] std::size_t asked(const std::string& question) const;

 private:
  struct Sockets;
  struct Connection;
  void receive();
  void accept();
  void read(const std::shared_ptr<Connection>& connection);
  void answer(const DnsBytes& question, bool tcp, std::function<void(DnsBytes)> send);

  std::unique_ptr<Sockets> sockets_;
  std::map<std::pair<std::string, std::uint16_t>, DnsReply> replies_;
  std::vector<std::function<void()>> held_;
  std::vector<std::string> asked_;
};

}  // namespace larder::peer
