// One upload, whatever its dialect: first step, next step, end. Pure: what is asked and answered comes in and goes out
// as values (upload_dialect.h); nobody is called back.
//
// Waits grow by the retry table and are not bounded in number here, as for downloads: the job's time without progress
// ends them. Everything that costs bytes is bounded: restarts from zero, parts sent again, PUT sent again.
#pragma once

#include "origin/upload/upload_dialect.h"

namespace larder::origin {

// First step, and first step after a restart of the agent, a suspension, or a failure that a person mended. The whole's
// SHA-256 begins anew with it (UploadProgress::hashed becomes 0). Fails if check_plan() does.
[[nodiscard]] UploadStep start_upload(const UploadTurn& turn);
// The answer to the request of the last step; called once for each.
[[nodiscard]] UploadStep after_answer(const UploadTurn& turn, const UploadAnswer& answer);
// The reply was fetched (UploadStep::Kind::fetch_reply).
[[nodiscard]] UploadStep after_reply(const UploadTurn& turn);
// The job is cancelled: the server is asked to end the upload. `done`: nothing is left to ask. The caller bounds the
// tries by time.
[[nodiscard]] UploadStep cancel_upload(const UploadTurn& turn);

}  // namespace larder::origin
