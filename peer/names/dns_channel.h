// Asks name servers without blocking, over c-ares: its sockets and its timer are the loop's. Loop thread only.
//
// A channel has the name servers of /etc/resolv.conf as they were when it was opened; a look-up opens one of its own,
// so that it asks the servers of the present network. Names are complete: the search list of the system is not tried.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/loop.h"
#include "base/unique_function.h"
#include "peer/common/endpoint.h"
#include "peer/names/srv_answer.h"

namespace larder::peer {

class DnsChannel {
 public:
  // For each server; the second try of a server waits twice as long.
  static constexpr int kFirstTryMs = 2000;
  static constexpr int kTries = 2;

  // `servers` replaces the system's: "127.0.0.1:5300,[::1]:5300". Error: name_not_resolved with the cause (no memory,
  // malformed servers). A missing resolv.conf is none: the server is 127.0.0.1 then.
  [[nodiscard]] static Result<std::unique_ptr<DnsChannel>> open(Loop& loop, const std::string& servers = {});
  // Waits for nobody. Questions that are open are dropped: their `done` is destroyed, not called.
  ~DnsChannel();
  DnsChannel(const DnsChannel&) = delete;
  DnsChannel& operator=(const DnsChannel&) = delete;

  // `done` is called once, never within the call, and may destroy the channel. Errors of both: not_found (the name or
  // such a record does not exist), name_not_resolved (no server answers, or one answers an error), bad_response.
  void ask_srv(const std::string& name, UniqueFunction<void(Result<SrvAnswer>)> done);
  // Asks the hosts file, then the servers for IPv4 and IPv6; the order of sources is that of /etc/nsswitch.conf. The
  // endpoints have port 0.
  void ask_addresses(const std::string& host, UniqueFunction<void(Result<std::vector<Endpoint>>)> done);

 private:
  struct Impl;
  explicit DnsChannel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace larder::peer
