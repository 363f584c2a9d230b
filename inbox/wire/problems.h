// One table: what each dialect answers to each problem. Pure; any thread.
//
// No problem is 423 (Locked) anywhere: the newest request for an upload ends the older one, so that nobody waits for
// his own dead connection. What may get better by asking again has a status after which clients do: tus-js-client asks
// again after 409, 423 and 5xx, Windows after 408, 409 and 5xx but 501 and 505.
#pragma once

#include <cstdint>
#include <string_view>

#include "inbox/model/operations.h"
#include "inbox/wire/fields.h"
#include "inbox/wire/settings.h"

namespace larder::inbox {

// BITS-Error-Code and BITS-Error-Context (MC-BUP §2.2.1.2).
struct BitsError {
  std::uint32_t code = 0;  // HRESULT; 0: no field, the status says it all
  unsigned context = 0;    // 0: no field
};
inline constexpr unsigned kBitsServer = 5, kBitsApplication = 7;
inline constexpr std::uint32_t kBitsSessionNotFound = 0x8020001F, kBitsAccessDenied = 0x80070005,
                               kBitsInvalidArgument = 0x80070057, kBitsTooLarge = 0x80200020,
                               kBitsDiskFull = 0x80070070;

struct ProblemRow {
  Problem problem;
  int tus, put, bits;  // status; 0: that of the rejection, rejection_status()
  BitsError bits_error;
  bool again;             // with Retry-After
  std::string_view text;  // where nobody says more
};
inline constexpr std::size_t kProblemCount = static_cast<std::size_t>(Problem::failed) + 1;
[[nodiscard]] const ProblemRow& problem_row(Problem problem);

// The status and the text of a refusal for tus and PUT, with Retry-After and WWW-Authenticate where they belong.
[[nodiscard]] http::Response refuse(Dialect dialect, const Refused& refused, const WireSettings& settings);
[[nodiscard]] http::Response refuse(Dialect dialect, const Fault& fault, const WireSettings& settings);

}  // namespace larder::inbox
