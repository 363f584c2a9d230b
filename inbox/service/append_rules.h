// What becomes of a part, before any of its bytes are read; and what a creation must look like. Pure.
#pragma once

#include "inbox/ledger/row_rules.h"
#include "inbox/service/settings.h"

namespace larder::inbox {

[[nodiscard]] std::optional<Refused> check_creation(const CreateUpload& request, const UploadLimits& limits);

// Does the ledger have all bytes of it, though it is not sealed: a crash or an error of the disk came between.
[[nodiscard]] bool waits_for_seal(const UploadRow& row);

struct AppendPlan {
  std::uint64_t skip = 0;                 // bytes at the start of the body that are there already
  std::uint64_t most = 0;                 // of the body, with the skipped ones
  Problem beyond = Problem::bad_request;  // what a longer body means
  bool changes_nothing = false;           // all of it is there: the body is read, and the answer is the upload as it is
};
[[nodiscard]] Outcome<AppendPlan> plan_append(const UploadRow& row, const AppendPart& part, const UploadLimits& limits);

}  // namespace larder::inbox
