// Answers the packets; bits.cpp reads them.
#include <fmt/format.h>

#include <array>

#include "inbox/wire/answers.h"
#include "inbox/wire/bits.h"

namespace larder::inbox {
namespace {

using Row = std::array<BitsReply, kBitsColumnCount>;

// Short names, to fit the cells of the table below.
// NOLINTBEGIN(readability-identifier-naming)
constexpr BitsReply SESSION = BitsReply::session;
constexpr BitsReply OK = BitsReply::ok;
constexpr BitsReply PART = BitsReply::part;
constexpr BitsReply ALL = BitsReply::all;
constexpr BitsReply HOLD = BitsReply::hold;
constexpr BitsReply REFUSED = BitsReply::refused;
constexpr BitsReply LOST = BitsReply::lost;
constexpr BitsReply EXISTS = BitsReply::exists;
// NOLINTEND(readability-identifier-naming)

// A Close or a Cancel while bytes are missing deletes the upload; afterwards it only tells that the client is done. By
// the text of MC-BUP a repeated Close is an unknown session, for which the client sends the whole file again: here it
// is the same answer as before. A Cancel of an unknown session has what it wants.
// clang-format off
constexpr std::array<Row, kBitsPacketCount> kTable = {{
    // receiving handing_over accepted rejected unknown
    {{SESSION,   HOLD,        EXISTS,  EXISTS,  SESSION}},  // create: unknown is what it makes
    {{OK,        OK,          OK,      OK,      OK}},       // ping
    {{PART,      HOLD,        ALL,     REFUSED, LOST}},     // fragment
    {{OK,        HOLD,        OK,      OK,      LOST}},     // close
    {{OK,        OK,          OK,      OK,      OK}},       // cancel
}};
// clang-format on

BitsPacket packet_of(const Request& request) {
  if (std::holds_alternative<MakeUpload>(request.operation)) return BitsPacket::create;
  if (std::holds_alternative<SendPart>(request.operation)) return BitsPacket::fragment;
  const auto* const leave = std::get_if<LeaveSession>(&request.operation);
  return leave && leave->closes ? BitsPacket::close : BitsPacket::cancel;
}

BitsColumn column_of(const UploadStatus& status) {
  const auto refusal = refusal_of(status);
  if (!refusal) return is_success(status) ? BitsColumn::accepted : BitsColumn::receiving;
  if (refusal->problem == Problem::pending) return BitsColumn::handing_over;
  return refusal->problem == Problem::gone ? BitsColumn::unknown : BitsColumn::rejected;
}

// None: the problem has an answer of its own.
std::optional<BitsColumn> column_of(const Refused& refused, BitsPacket packet) {
  switch (refused.problem) {
    case Problem::pending:
      return BitsColumn::handing_over;
    case Problem::rejected:
    case Problem::content_digest:
      return BitsColumn::rejected;
    case Problem::gone:
    case Problem::unknown_upload:
      return BitsColumn::unknown;
    case Problem::already_settled:
      // In an inbox that waits for the application nobody is told yet that the file is there.
      if (packet == BitsPacket::create && !refused.upload) return BitsColumn::accepted;
      return refused.upload ? std::optional(column_of(*refused.upload)) : std::nullopt;
    case Problem::unauthorized:
    case Problem::forbidden:
    case Problem::unknown_inbox:
    case Problem::wrong_offset:
    case Problem::wrong_size:
    case Problem::too_large:
    case Problem::part_too_large:
    case Problem::no_space:
    case Problem::quota:
    case Problem::part_digest:
    case Problem::key_conflict:
    case Problem::superseded:
    case Problem::body_broken:
    case Problem::too_slow:
    case Problem::bad_request:
    case Problem::busy:
    case Problem::failed:
      break;
  }
  return std::nullopt;
}

http::Response ack(int status) {
  http::Response response;
  response.status = status;
  response.fields = {{"BITS-Packet-Type", "Ack"}};
  return response;
}

void add_error(http::Response& response, const BitsError& error) {
  if (error.code != 0) response.fields.push_back({"BITS-Error-Code", fmt::format("0x{:08X}", error.code)});
  if (error.context != 0) response.fields.push_back({"BITS-Error-Context", fmt::format("0x{:X}", error.context)});
}

void add_session(http::Response& response, std::string_view id) {
  if (!id.empty()) response.fields.push_back({"BITS-Session-Id", fmt::format("{{{}}}", id)});
}

std::string_view session_of(const Request& request, const UploadStatus* upload) {
  if (upload) return upload->id;
  if (const auto* const append = std::get_if<SendPart>(&request.operation)) return append->part.id;
  if (const auto* const leave = std::get_if<LeaveSession>(&request.operation)) return leave->id;
  return {};
}

// Where the client is to go on; it is in every answer to a Fragment, also of a problem (MC-BUP §2.2.7.2).
std::uint64_t next_offset(const AppendPart& part, BitsReply reply, const UploadStatus* upload) {
  if (reply == BitsReply::lost) return 0;
  if (upload) return upload->offset;
  return reply == BitsReply::hold && part.total ? *part.total : part.offset;
}

void add_received(http::Response& response, const Request& request, BitsReply reply, const UploadStatus* upload) {
  const auto* const append = std::get_if<SendPart>(&request.operation);
  if (!append) return;
  response.fields.push_back({"BITS-Received-Content-Range", std::to_string(next_offset(append->part, reply, upload))});
}

void add_new_session(http::Response& response, const WireSettings& settings) {
  response.fields.push_back({"BITS-Protocol", std::string(kBitsProtocol)});
  response.fields.push_back({"Accept-Encoding", "identity"});
  if (!settings.bits_host_id) return;
  response.fields.push_back({"BITS-Host-Id", *settings.bits_host_id});
  if (!settings.bits_host_id_fallback) return;
  response.fields.push_back({"BITS-Host-Id-Fallback-Timeout", std::to_string(settings.bits_host_id_fallback->count())});
}

http::Response answer_problem(const Refused& refused, const WireSettings& settings) {
  const ProblemRow& row = problem_row(refused.problem);
  http::Response response = refuse(Dialect::bits, refused, settings);
  http::Response answer = ack(response.status);
  for (http::Field& field : response.fields)
    if (field.name != "Content-Type") answer.fields.push_back(std::move(field));
  add_error(answer, row.bits_error);
  return answer;
}

http::Response answer_of(BitsReply reply, const Refused& refused, const WireSettings& settings) {
  const auto problem = [&](Problem which) {
    return answer_problem({which, refused.detail, refused.upload, refused.retry_after}, settings);
  };
  switch (reply) {
    case BitsReply::hold:
      return problem(Problem::pending);
    case BitsReply::refused:
      return problem(refused.problem == Problem::content_digest ? Problem::content_digest : Problem::rejected);
    case BitsReply::lost:
      return problem(Problem::unknown_upload);
    case BitsReply::exists:
      return problem(Problem::already_settled);
    case BitsReply::session:
    case BitsReply::ok:
    case BitsReply::part:
    case BitsReply::all:
      break;
  }
  return ack(200);
}

// The session that this packet ended, or one before it whose answer was lost.
bool has_left(const Request& request, const UploadStatus* upload) {
  return std::holds_alternative<LeaveSession>(request.operation) && upload && upload->state == UploadState::cancelled;
}

std::optional<BitsReply> reply_to(const Request& request, const Outcome<UploadStatus>& outcome,
                                  const UploadStatus* upload) {
  const BitsPacket packet = packet_of(request);
  if (has_left(request, upload)) return BitsReply::ok;
  const auto column = outcome ? std::optional(column_of(*outcome)) : column_of(outcome.error(), packet);
  // A Create that was refused for an upload which is not there made no session.
  if (!column || (!outcome && packet == BitsPacket::create && *column == BitsColumn::unknown)) return std::nullopt;
  return bits_reply(packet, *column);
}

}  // namespace

BitsReply bits_reply(BitsPacket packet, BitsColumn column) {
  return kTable[static_cast<std::size_t>(packet)][static_cast<std::size_t>(column)];
}

http::Response bits_ping() {
  return ack(200);
}

http::Response answer_bits(const Request& request, const Outcome<UploadStatus>& outcome, const WireSettings& settings) {
  const UploadStatus* const upload = outcome ? &*outcome : outcome.error().upload ? &*outcome.error().upload : nullptr;
  const auto reply = reply_to(request, outcome, upload);
  const Refused refused = outcome ? refusal_of(*outcome).value_or(Refused{}) : outcome.error();
  http::Response response = reply ? answer_of(*reply, refused, settings) : answer_problem(refused, settings);
  if (reply == BitsReply::session) add_new_session(response, settings);
  // A Create that makes no session names none.
  if (packet_of(request) != BitsPacket::create || reply == BitsReply::session)
    add_session(response, session_of(request, upload));
  add_received(response, request, reply.value_or(BitsReply::ok), upload);
  if (reply == BitsReply::all && upload && upload->has_reply)
    response.fields.push_back({"BITS-Reply-URL", reply_url(*upload, request.base_url)});
  return response;
}

http::Response refuse_bits(const http::RequestHead& head, const Fault& fault, const WireSettings& settings) {
  http::Response response = answer_problem({fault.problem, fault.detail, std::nullopt, std::nullopt}, settings);
  if (fault.status != 0) {
    response = ack(fault.status);
    response.fields.insert(response.fields.end(), fault.fields.begin(), fault.fields.end());
  }
  const std::string* const type = head.find("BITS-Packet-Type");
  const bool unknown = fault.problem == Problem::unknown_upload;
  if (unknown && type && http::same_name(*type, "Cancel-Session")) return ack(200);
  if (!type || !http::same_name(*type, "Fragment")) return response;
  // Nobody was asked where the upload stands: the client goes on from where it is, or begins again.
  const std::string* const value = head.find("Content-Range");
  const auto range = value ? parse_content_range(*value) : std::nullopt;
  const std::uint64_t next = range && !unknown ? range->first : 0;
  response.fields.push_back({"BITS-Received-Content-Range", std::to_string(next)});
  return response;
}

}  // namespace larder::inbox
