#include "inbox/wire/problems.h"

#include <array>

#include "inbox/wire/answers.h"

namespace larder::inbox {
namespace {

constexpr BitsError kNone{0, 0};
constexpr BitsError kDenied{kBitsAccessDenied, kBitsServer};
constexpr BitsError kInvalid{kBitsInvalidArgument, kBitsServer};
constexpr BitsError kLost{kBitsSessionNotFound, kBitsServer};
constexpr BitsError kBig{kBitsTooLarge, kBitsServer};
constexpr BitsError kFull{kBitsDiskFull, kBitsServer};
constexpr BitsError kServer{0, kBitsServer};
constexpr BitsError kApplication{0, kBitsApplication};

// clang-format off
constexpr std::array<ProblemRow, kProblemCount> kRows = {{
    // problem                  tus  PUT BITS  BITS-Error    again
    {Problem::unauthorized,     401, 401, 401, kNone,        false, "cannot take the request: it needs credentials that are valid here"},
    {Problem::forbidden,        403, 403, 403, kDenied,      false, "cannot take the request: it is not allowed to you"},
    {Problem::unknown_inbox,    404, 404, 404, kNone,        false, "cannot find the inbox"},
    {Problem::unknown_upload,   404, 404, 500, kLost,        false, "cannot find the upload"},
    {Problem::gone,             410, 410, 500, kLost,        false, "cannot find the upload: it has expired or was cancelled; begin it again"},
    // 416 says it all: a client takes any error code for a failure.
    {Problem::wrong_offset,     409, 409, 416, kNone,        false, "cannot take the part: it does not begin where the upload ends; ask for the offset"},
    {Problem::wrong_size,       400, 400, 400, kInvalid,     false, "cannot take the part: the size is not the one that was declared"},
    {Problem::too_large,        413, 413, 500, kBig,         false, "cannot take the upload: it is larger than this inbox takes"},
    {Problem::part_too_large,   413, 413, 413, kNone,        false, "cannot take the part: send smaller ones"},
    {Problem::no_space,         507, 507, 500, kFull,        false, "cannot take the upload: there is no space for it"},
    {Problem::quota,            429, 429, 503, kServer,      true,  "cannot take the upload: you have too many; finish or cancel some"},
    {Problem::part_digest,      460, 400, 400, kInvalid,     false, "cannot take the part: its bytes do not have the digest that came with them; send it again"},
    {Problem::content_digest,   422, 422, 400, kInvalid,     false, "cannot take the upload: its bytes do not have the digest that was declared"},
    {Problem::key_conflict,     422, 409, 403, kDenied,      false, "cannot create the upload: its transaction id names another one, of another size or digest"},
    {Problem::already_settled,  403, 409, 403, kDenied,      false, "cannot change the upload: it was taken, and stays as it is"},
    {Problem::rejected,         0,   0,   0,   kApplication, false, "cannot hand over the upload: it was rejected"},
    {Problem::pending,          503, 503, 503, kApplication, true,  "cannot tell the outcome yet: all bytes are here, ask again"},
    {Problem::superseded,       409, 409, 409, kServer,      false, "cannot go on: a newer request for this upload has come"},
    // 408 is fatal for tus-js-client, and the next request would have gone on.
    {Problem::body_broken,      503, 408, 408, kServer,      true,  "cannot take the rest: it did not come"},
    {Problem::too_slow,         503, 408, 408, kServer,      true,  "cannot wait for the rest: it comes too slowly"},
    {Problem::bad_request,      400, 400, 400, kInvalid,     false, "cannot take the request: it contradicts itself"},
    {Problem::busy,             503, 503, 503, kServer,      true,  "cannot take the request now: ask again"},
    {Problem::failed,           500, 500, 500, kServer,      true,  "cannot store the upload: ask again; the log of the server says more"},
}};
// clang-format on

constexpr bool rows_in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].problem) != i) return false;
  }
  return true;
}
static_assert(rows_in_order());

http::Response refuse_with(int status, std::string_view text, const Refused& refused, const WireSettings& settings) {
  http::Response response = http::text_response(status, std::string(text) + "\n");
  if (problem_row(refused.problem).again) add_retry_after(response, refused, settings);
  if (refused.problem != Problem::unauthorized) return response;
  for (const std::string& challenge : settings.challenges) response.fields.push_back({"WWW-Authenticate", challenge});
  return response;
}

}  // namespace

const ProblemRow& problem_row(Problem problem) {
  return kRows[static_cast<std::size_t>(problem)];
}

http::Response refuse(Dialect dialect, const Refused& refused, const WireSettings& settings) {
  const ProblemRow& row = problem_row(refused.problem);
  const int own = dialect == Dialect::tus ? row.tus : dialect == Dialect::put ? row.put : row.bits;
  return refuse_with(own == 0 ? rejection_status(refused.upload) : own,
                     refused.detail.empty() ? row.text : std::string_view(refused.detail), refused, settings);
}

http::Response refuse(Dialect dialect, const Fault& fault, const WireSettings& settings) {
  http::Response response = refuse(dialect, Refused{fault.problem, fault.detail, std::nullopt, std::nullopt}, settings);
  if (fault.status != 0) response.status = fault.status;
  for (const http::Field& field : fault.fields) response.fields.push_back(field);
  return response;
}

}  // namespace larder::inbox
