// tus 1.0.0: core, creation, creation-with-upload, creation-defer-length, checksum, expiration, termination. Not
// concatenation: it costs every retry another upload. Pure; any thread.
//
// "larder-key" among the extensions tells a client that creation is repeatable by a key.
//
// Beside tus' own fields: Idempotency-Key (or larder-key in the metadata) makes creation repeatable; Repr-Digest on the
// POST and Larder-Upload-Digest on a PATCH are the digest of the whole; Content-Digest is that of the part.
#pragma once

#include <string_view>

#include "base/http/message/message.h"
#include "inbox/wire/request.h"
#include "inbox/wire/settings.h"
#include "inbox/wire/target.h"

namespace larder::inbox {

inline constexpr std::string_view kTusVersion = "1.0.0";
inline constexpr std::string_view kTusExtensions =
    "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination,larder-key";
inline constexpr std::string_view kOffsetOctetStream = "application/offset+octet-stream";

// `method`: after X-HTTP-Method-Override; POST on a collection, HEAD, PATCH or DELETE on an upload.
[[nodiscard]] Read<Request> read_tus(const http::RequestHead& head, std::string_view method, const Target& target,
                                     const WireSettings& settings);
// What comes of a MakeUpload, SendPart, AskOffset or CancelUpload.
[[nodiscard]] http::Response answer_tus(const Request& request, const Outcome<UploadStatus>& outcome,
                                        const WireSettings& settings);
// The fields of OPTIONS that tell what is spoken.
[[nodiscard]] http::Fields tus_options(const WireSettings& settings);

}  // namespace larder::inbox
