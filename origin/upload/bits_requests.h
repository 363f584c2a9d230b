// The packets of BITS: what each says, where it goes, and what it does to the progress. Used by bits.cpp alone. Pure.
#pragma once

#include "origin/upload/dialect_steps.h"
#include "origin/upload/upload_dialect.h"

namespace larder::origin {

// Where packets go: the host id's host, else where the last redirect led, else the target. Error: a host id that is
// none.
[[nodiscard]] Result<Url> bits_url(const UploadPlan& plan, const UploadProgress& progress);

[[nodiscard]] UploadRequest bits_create(const UploadTurn& turn, UploadPhase phase);  // create or settle
[[nodiscard]] UploadRequest bits_ping(const UploadTurn& turn);
[[nodiscard]] UploadRequest bits_fragment(const UploadTurn& turn);
[[nodiscard]] UploadRequest bits_close(const UploadTurn& turn);
[[nodiscard]] UploadRequest bits_cancel(const UploadTurn& turn);

}  // namespace larder::origin
