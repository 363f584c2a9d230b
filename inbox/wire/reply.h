// GET /reply/{id}: the application's reply, whole or a range of it, as a BITS client fetches it (an ordinary download).
// Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "base/http/message/message.h"
#include "base/runtime/clock.h"
#include "base/text/units.h"
#include "inbox/model/operations.h"

namespace larder::inbox {

struct ReplyAnswer {
  http::Response response;         // its body, where it has one, is to be added
  std::optional<ByteRange> bytes;  // of the reply, to be sent as that body
};

// `size`: bytes of the reply in the store; with `upload.reply_at` the client is sent there. One range is taken, also
// with If-Range; a list of ranges, or what is no range, is answered with the whole (RFC 9110 §14.2). 416: it lies
// behind the end.
[[nodiscard]] ReplyAnswer answer_reply(const http::RequestHead& head, const UploadStatus& upload, std::uint64_t size);

}  // namespace larder::inbox
