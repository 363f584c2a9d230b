// The client's side of the BITS upload protocol (MC-BUP), as one table: phase × answer → what is done next. Pure; used
// through upload.h, and only where the job asks for BITS.
//
// Create-Session → (Ping, if the server names a host id) → Fragments → Ping → Close-Session. Each resumption begins
// with a Ping. Statuses count as in BITS: 5xx is transient but for 501 and 505, 4xx final but for 408 and 409 (and 425,
// 429).
//
// Host id: requests go to that host. The fall-back time runs while it cannot be reached; at its end requests go to the
// target's host, with the same session. A server that does not know the session there makes the upload begin at zero.
//
// 0x8020001F, no such session: before the last byte the upload begins at zero. After it, MC-BUP's "begin again" would
// deliver the file twice, so the outcome is unknown; but where the URL belongs to the transaction alone, a second
// session is asked for: a server that has the file refuses it (403, 409), which settles the upload well.
#pragma once

#include "origin/upload/dialect_steps.h"
#include "origin/upload/upload_dialect.h"

namespace larder::origin {

inline constexpr PartRule kBitsParts{8ULL * 1024 * 1024, 5ULL * 1024};

[[nodiscard]] UploadStep start_bits(const UploadTurn& turn);
[[nodiscard]] UploadStep after_bits(const UploadTurn& turn, const UploadAnswer& answer);
// The reply was fetched: the session may be closed.
[[nodiscard]] UploadStep after_bits_reply(const UploadTurn& turn);
// After the last byte Cancel-Session cannot undo the upload: the server keeps the file.
[[nodiscard]] UploadStep cancel_bits(const UploadTurn& turn);

// Returns as a reference the URL of a reply as servers of BITS write it: relative, with backslashes and braces.
[[nodiscard]] std::string reply_reference(std::string_view value);
// Returns whether the text is the upload protocol's id, with or without braces, in any case.
[[nodiscard]] bool is_bits_protocol(std::string_view text);

}  // namespace larder::origin
