// What every dialect's answers have in common. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/http/message/message.h"
#include "inbox/model/operations.h"
#include "inbox/wire/settings.h"

namespace larder::inbox {

// The client may be told of success: accepted, and the answer is stored. In an inbox that waits for the application it
// is stored once that has decided. Not of what was rejected, though that was accepted before.
[[nodiscard]] bool is_success(const UploadStatus& status);
// The offset that a client may see; none: all bytes are there, and it is not a success (yet). Who sees an offset equal
// to the size takes the upload for done.
[[nodiscard]] std::optional<std::uint64_t> shown_offset(const UploadStatus& status);
// Why the upload as it stands is no success: gone, failed, rejected, or `pending` where all bytes are there. None: it
// is one, or bytes are missing.
[[nodiscard]] std::optional<Refused> refusal_of(const UploadStatus& status);
// The status of a rejection: as stored, where it is one that no client takes for a reason to ask again; else 422.
[[nodiscard]] int rejection_status(const std::optional<UploadStatus>& upload);

// "/reply/ID", after the base URL; or the URL that the application named.
[[nodiscard]] std::string reply_url(const UploadStatus& status, std::string_view base_url);
void add_retry_after(http::Response& response, const Refused& refused, const WireSettings& settings);

}  // namespace larder::inbox
