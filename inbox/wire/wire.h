// The upload server's protocols as two functions: a request's head in, what is to be done out; what came of it in, the
// answer out. No sockets, no body bytes, no clock. Pure; any thread.
//
// How a front uses them, after it knows who asks, with the settings of the inbox that parse_target() (target.h) names,
// of the server where the path names none:
//   1. translate(). A Response is the answer already; the body is not read.
//   2. For a MakeUpload carry out CreateUpload, for a LeaveSession look at the upload, else the operation itself.
//   3. For a MakeUpload and a LeaveSession ask next_step() (request.h) what is next, and carry that out; after a part
//      of a MakeUpload ask step_after_part().
//   4. answer() what came of the last operation.
// A reply (ReadReply) is answered by the front where there is one, with Range (RFC 9110 §14.2); answer() where not.
//
// Which protocol a request speaks: packets (BITS_POST, BITS-Packet-Type) are BITS; a collection and /up/{id} speak tus;
// PUT and POST of a file are whole files. A request with the marks of two is refused. X-HTTP-Method-Override stands on
// a POST alone, for PATCH, DELETE and BITS_POST, which some proxies do not let through.
#pragma once

#include <variant>

#include "base/http/message/message.h"
#include "inbox/wire/request.h"
#include "inbox/wire/settings.h"

namespace larder::inbox {

// Which protocol a request seems to speak, for logs and figures, also where nothing else of it can be read.
[[nodiscard]] Dialect spoken_dialect(const http::RequestHead& head);
[[nodiscard]] std::variant<Request, http::Response> translate(const http::RequestHead& head,
                                                              const WireSettings& settings);
[[nodiscard]] http::Response answer(const Request& request, const Outcome<UploadStatus>& outcome,
                                    const WireSettings& settings);

}  // namespace larder::inbox
