#include "inbox/wire/request.h"

#include "inbox/wire/answers.h"

namespace larder::inbox {
namespace {

Step after_tus(const MakeUpload& create, const UploadStatus& status) {
  const bool begins = status.state == UploadState::receiving && status.offset == 0;
  return create.part && begins ? Step::append : Step::answer;
}

Step after_bits(const UploadStatus& status) {
  if (status.created || status.state == UploadState::sealed) return Step::answer;
  // Also without a byte yet: two clients with one session would mix their files.
  if (status.state == UploadState::receiving) return Step::start_over;
  return Step::refuse;
}

// The upload of this URL is there: is it the same file?
Step compare(const Request& request, const CreateUpload& wanted, const UploadStatus& status) {
  if (wanted.size && status.size && *wanted.size != *status.size) return Step::conflict;
  if (wanted.sha256 && status.sha256) return *wanted.sha256 == *status.sha256 ? Step::answer : Step::conflict;
  return request.only_new || !status.sha256 ? Step::refuse : Step::compare_body;
}

Step after_put(const Request& request, const MakeUpload& create, const UploadStatus& status) {
  if (status.state == UploadState::receiving) return status.created ? Step::append : Step::start_over;
  if (status.created) return Step::answer;  // of no bytes: it is whole already
  return is_success(status) ? compare(request, create.upload, status) : Step::answer;
}

Step after_create(const Request& request, const MakeUpload& create, const UploadStatus& status) {
  switch (request.dialect) {
    case Dialect::tus:
      return after_tus(create, status);
    case Dialect::bits:
      return after_bits(status);
    case Dialect::put:
      return after_put(request, create, status);
  }
  return Step::answer;
}

bool is_empty(const UploadStatus& status) {
  return status.offset == 0 && status.size.value_or(0) == 0;
}

// All bytes are there: it cannot be taken back any more, and the client may not be told that it was.
Step after_look(const LeaveSession& leave, const UploadStatus& status) {
  if (status.state != UploadState::receiving) return Step::answer;
  if (is_empty(status)) return leave.closes && leave.empty_is_whole ? Step::append : Step::cancel;
  return status.offset == status.size ? Step::answer : Step::cancel;
}

}  // namespace

Step next_step(const Request& request, const Outcome<UploadStatus>& outcome) {
  const auto* const create = std::get_if<MakeUpload>(&request.operation);
  if (!outcome) {
    const Refused& refused = outcome.error();
    // A PUT of another size or digest than the one that broke off.
    const bool broken =
        refused.problem == Problem::key_conflict && refused.upload && refused.upload->state == UploadState::receiving;
    return create && request.dialect == Dialect::put && broken ? Step::start_over : Step::answer;
  }
  if (create) return after_create(request, *create, *outcome);
  if (const auto* const leave = std::get_if<LeaveSession>(&request.operation)) return after_look(*leave, *outcome);
  return Step::answer;
}

// The body of a PUT is the whole: where it came to its end in chunks, nothing else has said so.
Step step_after_part(const Request& request, const Outcome<UploadStatus>& outcome) {
  const bool open = outcome && outcome->state == UploadState::receiving && !outcome->size;
  return request.dialect == Dialect::put && open ? Step::complete : Step::answer;
}

bool waits_for_application(const Request& request, const UploadStatus& status) {
  const bool handed_over = status.state == UploadState::accepted || status.state == UploadState::delivering;
  if (!handed_over || status.answer) return false;
  if (const auto* const leave = std::get_if<LeaveSession>(&request.operation)) return leave->closes;
  return std::holds_alternative<MakeUpload>(request.operation) || std::holds_alternative<SendPart>(request.operation) ||
         std::holds_alternative<AskOffset>(request.operation);
}

AppendPart part_of(const Request& request, const UploadStatus& status) {
  AppendPart part;
  if (const auto* const create = std::get_if<MakeUpload>(&request.operation); create && create->part) {
    part = *create->part;
  } else if (const auto* const append = std::get_if<SendPart>(&request.operation)) {
    part = append->part;
  } else {  // an empty file, by Close-Session
    part.length = 0;
    part.total = 0;
  }
  part.id = status.id;
  return part;
}

}  // namespace larder::inbox
