// One request to the inbox, from its head to its answer: who asks, which operations it means, and what comes of them
// (inbox/wire says which). Loop thread. It keeps itself alive until it has answered or the client has gone.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/http/exchange.h"
#include "inbox/access/access.h"
#include "inbox/service/uploads.h"
#include "inbox/wire/wire.h"

namespace larder::inbox {

// What requests need; all of it outlives them.
struct FrontParts {
  Uploads& uploads;
  const Access& access;
  // The inbox of this name, null: there is none; and how the dialects speak of it. Of no inbox ("/up/ID"): those of the
  // server.
  std::function<const InboxConfig*(const std::string& name)> find_inbox;
  std::function<WireSettings(const InboxConfig* inbox, const http::RequestHead& head)> wire_settings;
  std::uint64_t* received = nullptr;  // counts the bytes of bodies; null: nobody counts
  // A body that is these bytes of the file. Null only where nobody asks for a reply.
  std::function<std::shared_ptr<http::BodySource>(std::shared_ptr<File> file, ByteRange bytes)> read_file = nullptr;
};

// Told once for each request, when its answer is decided.
struct RequestOutcome {
  std::string principal;  // empty: it was not asked who it is
  std::string upload;     // its id; empty: none
  Dialect dialect = Dialect::put;
  int status = 0;
};
using OnOutcome = UniqueFunction<void(const RequestOutcome&)>;

// `certificate`: of the connection, where the client has shown one.
void run_request(const FrontParts& parts, std::shared_ptr<http::Exchange> exchange, OnOutcome on_outcome,
                 const std::optional<http::PeerCertificate>& certificate = {});

}  // namespace larder::inbox
