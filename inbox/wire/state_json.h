// What GET /up/{id}/state answers: what became of an upload, for people and programs. Pure; any thread.
#pragma once

#include <string>

#include "inbox/model/operations.h"

namespace larder::inbox {

// One object: id, state, name, size, offset, sha256, attempt, reply, and where they are known expires_at, delivered_at
// (RFC 3339) and answer {status, text}. No offset while all bytes are there and the outcome is not known.
[[nodiscard]] std::string state_json(const UploadStatus& status);

}  // namespace larder::inbox
