// The states of an upload (docs/uploads.md). Pure: one table gives the next state for every state and event, or refuses
// the event. Each change is one row of the ledger, durable before anybody is told of it.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace larder::inbox {

enum class UploadState {
  receiving,   // bytes are missing, or are not known to be all
  sealed,      // all bytes are on the disk; size and digest are right; a scanner may still be asked
  accepted,    // the client may be told: it is durable, and its hand-over is queued
  delivering,  // the application is being told, or has taken it
  delivered,   // the application said yes
  rejected,    // the scanner or the application said no, for good
  failed,      // the bytes are not those that were declared
  cancelled,   // by the client
  expired,     // without progress for too long
};

enum class UploadEvent {
  all_received,   // size and digest are right, the file is synced
  wrong_content,  // size or digest is wrong
  scanner_refused,
  accept,            // with the stored answer, in one transaction
  claim,             // a hand-over begins: attempt and epoch grow
  application_took,  // it acknowledged
  application_refused,
  attempt_ended,  // no acknowledgement: the lease ended, or the application could not be reached
  cancel,
  expire,
};

inline constexpr std::size_t kUploadStateCount = static_cast<std::size_t>(UploadState::expired) + 1;
inline constexpr std::size_t kUploadEventCount = static_cast<std::size_t>(UploadEvent::expire) + 1;

// None: the event is refused in this state. The same state: it has no effect, and the client is answered as if it had.
[[nodiscard]] std::optional<UploadState> next_state(UploadState state, UploadEvent event);
[[nodiscard]] std::string_view state_name(UploadState state);  // as it is stored and shown
[[nodiscard]] std::optional<UploadState> state_from_name(std::string_view name);
[[nodiscard]] std::string_view event_name(UploadEvent event);
// The bytes are all there and the client was told so: accepted, delivering, delivered, rejected.
[[nodiscard]] bool was_accepted(UploadState state);
// Its key may be used for a new upload: cancelled, expired.
[[nodiscard]] bool frees_key(UploadState state);

}  // namespace larder::inbox
