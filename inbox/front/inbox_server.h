// The inbox's listening sockets: each request becomes a run (request_run.h), each answer a line of the access log and a
// count. Loop thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/http/server.h"
#include "base/runtime/loop.h"
#include "inbox/front/request_run.h"

namespace larder::inbox {

struct FrontSettings {
  http::HttpLimits limits;
  http::PeerLimits peers;
  bool access_log = true;
};

struct FrontFigures {
  http::ServerFigures server;
  std::map<int, std::uint64_t> statuses;                     // of all answers, also of what the server itself refused
  std::map<std::pair<Dialect, int>, std::uint64_t> answers;  // of requests that were read, by dialect and status
};

class InboxServer {
 public:
  // `parts` and the loop outlive it.
  InboxServer(Loop& loop, const FrontParts& parts, const FrontSettings& settings);
  ~InboxServer();
  InboxServer(const InboxServer&) = delete;
  InboxServer& operator=(const InboxServer&) = delete;

  void listen(UniqueFd socket, std::shared_ptr<http::TlsContext> tls);
  // Of connections to come.
  void use_certificate(const std::shared_ptr<http::TlsContext>& tls);
  // As HttpServer::stop().
  void stop(Duration within, Task done);
  [[nodiscard]] FrontFigures figures() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What of the configuration the server's limits are.
[[nodiscard]] FrontSettings front_settings(const ServerConfig& config);
// How the dialects speak of an inbox; null: of none.
[[nodiscard]] WireSettings wire_settings(const ServerConfig& config, const InboxConfig* inbox);

}  // namespace larder::inbox
