// A whole file in one request, PUT (or POST) on /in/{inbox}/{key}/{name}: what curl -T sends. The URL is the identity,
// so the same again is answered as before and another file under it is refused. Pure; any thread.
//
// The body is the whole or nothing: with Content-Length or in chunks, ended properly. What would make a part or a
// changed form of it is refused: Content-Range (RFC 9110 §14.5), Content-Encoding, a form of a web page.
#pragma once

#include "base/http/message/message.h"
#include "inbox/wire/request.h"
#include "inbox/wire/settings.h"
#include "inbox/wire/target.h"

namespace larder::inbox {

[[nodiscard]] Read<Request> read_put(const http::RequestHead& head, const Target& target, const WireSettings& settings);
[[nodiscard]] http::Response answer_put(const Request& request, const Outcome<UploadStatus>& outcome,
                                        const WireSettings& settings);

}  // namespace larder::inbox
