// The requests of tus: what each says, and what it does to the progress. Used by tus.cpp alone. Pure.
#pragma once

#include "origin/upload/dialect_steps.h"
#include "origin/upload/upload_dialect.h"

namespace larder::origin {

// POST to the target: length, name and key. Of an empty file it is the whole upload.
[[nodiscard]] UploadRequest tus_creation(const UploadTurn& turn);
// HEAD: how far is it? `hash_all`: the answer may say that it is complete, and its digest is then compared. So it is
// too once the last byte was sent.
[[nodiscard]] UploadRequest tus_look(const UploadTurn& turn, bool hash_all = false);
// PATCH: the next part.
[[nodiscard]] UploadRequest tus_part(const UploadTurn& turn);
[[nodiscard]] UploadRequest tus_deletion(const UploadTurn& turn);

}  // namespace larder::origin
