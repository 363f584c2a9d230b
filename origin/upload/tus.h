// The client's side of tus 1.0.0, as one table: phase × answer → what is done next. Pure; used through upload.h.
//
// Creation with Upload-Length and the transaction id, HEAD for the offset, PATCH for parts, DELETE on cancellation.
// tus knows no state "complete" but offset equals length. Where the server itself failed at the last part (500, 503)
// and then shows all bytes, only its digest proves that it took the upload; without one the outcome is unknown.
#pragma once

#include "origin/upload/dialect_steps.h"
#include "origin/upload/upload_dialect.h"

namespace larder::origin {

// 64 MiB, since gateways that take no more than 100 MB in a request are common; smaller than the least part is useless.
inline constexpr PartRule kTusParts{64ULL * 1024 * 1024, 64ULL * 1024};

// First step, also after a restart, a suspension or a failure.
[[nodiscard]] UploadStep start_tus(const UploadTurn& turn);
[[nodiscard]] UploadStep after_tus(const UploadTurn& turn, const UploadAnswer& answer);
// Where the server can end an upload (termination) it is asked to; elsewhere the upload expires there.
[[nodiscard]] UploadStep cancel_tus(const UploadTurn& turn);

}  // namespace larder::origin
