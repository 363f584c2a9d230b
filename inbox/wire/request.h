// A request to the inbox, read: what is to be done, and what its answer needs to know of it. And the plan of those
// requests that take more than one operation. Values and pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "inbox/model/operations.h"

namespace larder::inbox {

// Makes an upload; where there is a part, its bytes come with the same request, and the id of the part is that of the
// upload that was made.
struct MakeUpload {
  CreateUpload upload;
  std::optional<AppendPart> part;
};
struct SendPart {
  AppendPart part;
};
struct AskOffset {  // the offset
  std::string id;
};
struct CancelUpload {  // tus: DELETE
  std::string id;
};
struct LeaveSession {  // BITS: Close-Session and Cancel-Session: the client needs the session no more
  std::string id;
  bool closes = false;          // Close-Session
  bool empty_is_whole = false;  // a session without a byte is an empty file
};
struct ReadReply {
  std::string id;
};
struct ShowState {
  std::string id;
};
using Operation = std::variant<MakeUpload, SendPart, AskOffset, CancelUpload, LeaveSession, ReadReply, ShowState>;

struct Request {
  Dialect dialect = Dialect::put;  // put: also of ReadReply and ShowState, which have none of their own
  Operation operation;
  bool only_new = false;  // If-None-Match: *
  std::string base_url;   // for URLs that the answer has to name whole; without a slash at its end
};

// What to do next, once CreateUpload was carried out for a MakeUpload, or a look for a LeaveSession.
enum class Step {
  answer,        // as it came out; the rest of the body is not read
  append,        // the part that came along: part_of()
  start_over,    // cancel the upload, which frees its key, and create it again
  compare_body,  // read the body; where its digest is the upload's, answer as it came out, else conflict
  complete,      // the body came to its end, and no size was said: what is there is the whole
  cancel,        // and answer what comes of that
  refuse,        // with Problem::already_settled and the upload
  conflict,      // with Problem::key_conflict and the upload
};

// `answer` for all operations that are one step.
//
// PUT starts over where an earlier request broke off: its body is the whole, and what is there may be of another file.
// So does BITS where bytes have come, since nothing tells whether the client has the same file still.
[[nodiscard]] Step next_step(const Request& request, const Outcome<UploadStatus>& outcome);
// The same once the part of a MakeUpload was carried out.
[[nodiscard]] Step step_after_part(const Request& request, const Outcome<UploadStatus>& outcome);
// All bytes are there, and the answer is the application's: the client waits for it.
[[nodiscard]] bool waits_for_application(const Request& request, const UploadStatus& status);
// What `append` means, with the id of the upload.
[[nodiscard]] AppendPart part_of(const Request& request, const UploadStatus& status);

}  // namespace larder::inbox
