#include "inbox/model/upload_state.h"

namespace larder::inbox {
namespace {

using Cell = std::optional<UploadState>;

// Short names, to fit the cells of the table below.
// NOLINTBEGIN(readability-identifier-naming)
[[maybe_unused]] constexpr Cell RE = UploadState::receiving;
constexpr Cell SE = UploadState::sealed;
constexpr Cell AC = UploadState::accepted;
constexpr Cell DG = UploadState::delivering;
constexpr Cell DD = UploadState::delivered;
constexpr Cell RJ = UploadState::rejected;
constexpr Cell FA = UploadState::failed;
constexpr Cell CA = UploadState::cancelled;
constexpr Cell EX = UploadState::expired;
constexpr Cell no = std::nullopt;  // refused
// NOLINTEND(readability-identifier-naming)

struct Row {
  UploadEvent event;
  std::string_view name;
  std::array<Cell, kUploadStateCount> next;  // in the order of UploadState
};

// What was accepted cannot be cancelled any more, and does not expire: the client may count on its delivery. The
// application may answer after its lease ended, so its word counts in `accepted` too: to ignore it would deliver again.
// clang-format off
constexpr std::array<Row, kUploadEventCount> kTable = {{
    // event                             name                   RE  SE  AC  DG  DD  RJ  FA  CA  EX
    {UploadEvent::all_received,        "all_received",        {SE, SE, no, no, no, no, no, no, no}},
    {UploadEvent::wrong_content,       "wrong_content",       {FA, FA, no, no, no, no, FA, no, no}},
    {UploadEvent::scanner_refused,     "scanner_refused",     {no, RJ, no, no, no, RJ, no, no, no}},
    {UploadEvent::accept,              "accept",              {no, AC, no, no, no, no, no, no, no}},
    {UploadEvent::claim,               "claim",               {no, no, DG, no, no, no, no, no, no}},
    {UploadEvent::application_took,    "application_took",    {no, no, DD, DD, DD, no, no, no, no}},
    {UploadEvent::application_refused, "application_refused", {no, no, RJ, RJ, no, RJ, no, no, no}},
    {UploadEvent::attempt_ended,       "attempt_ended",       {no, no, AC, AC, no, no, no, no, no}},
    {UploadEvent::cancel,              "cancel",              {CA, CA, no, no, no, no, FA, CA, EX}},
    {UploadEvent::expire,              "expire",              {EX, no, no, no, no, no, no, no, EX}},
}};
// clang-format on

constexpr bool rows_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].event) != i) return false;
  }
  return true;
}
static_assert(rows_in_order());

constexpr std::array<std::string_view, kUploadStateCount> kNames = {
    "receiving", "sealed", "accepted", "delivering", "delivered", "rejected", "failed", "cancelled", "expired"};

}  // namespace

std::optional<UploadState> next_state(UploadState state, UploadEvent event) {
  return kTable[static_cast<std::size_t>(event)].next[static_cast<std::size_t>(state)];
}

std::string_view state_name(UploadState state) {
  return kNames[static_cast<std::size_t>(state)];
}

std::optional<UploadState> state_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<UploadState>(i);
  }
  return std::nullopt;
}

std::string_view event_name(UploadEvent event) {
  return kTable[static_cast<std::size_t>(event)].name;
}

bool was_accepted(UploadState state) {
  return state == UploadState::accepted || state == UploadState::delivering || state == UploadState::delivered ||
         state == UploadState::rejected;
}

bool frees_key(UploadState state) {
  return state == UploadState::cancelled || state == UploadState::expired;
}

}  // namespace larder::inbox
