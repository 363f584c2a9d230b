// Plain PUT of a whole file, as one table: phase × answer → what is done next. Pure; used through upload.h.
//
// PUT is idempotent by nature, so after a lost answer the file is sent again from zero, a few times. With
// If-None-Match: * such a repetition may be refused (412) because the first one was taken: then a HEAD settles by
// digest whose file is there. A server that names no digest leaves the outcome unknown.
//
// Never with Content-Range: servers refuse it, or replace the file by the part.
#pragma once

#include "origin/upload/dialect_steps.h"
#include "origin/upload/upload_dialect.h"

namespace larder::origin {

[[nodiscard]] UploadStep start_put(const UploadTurn& turn);
[[nodiscard]] UploadStep after_put(const UploadTurn& turn, const UploadAnswer& answer);
// There is nothing to end: a body that was cut off leaves no upload behind.
[[nodiscard]] UploadStep cancel_put(const UploadTurn& turn);

}  // namespace larder::origin
