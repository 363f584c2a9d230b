// BITS upload (MC-BUP), with upload-reply and host id: packets by the method BITS_POST on /in/{inbox}/{key}/{name}.
// HTTP/1.1 alone. Pure; any thread.
//
// The session id is the upload's id in braces. Content-Name is not used: the URL names the file, and what a client
// calls it at home is nobody's business here.
#pragma once

#include <optional>
#include <string_view>

#include "base/http/message/message.h"
#include "inbox/wire/problems.h"
#include "inbox/wire/request.h"
#include "inbox/wire/settings.h"
#include "inbox/wire/target.h"

namespace larder::inbox {

inline constexpr std::string_view kBitsProtocol = "{7df0354d-249b-430f-820d-3d2a9bef4931}";
inline constexpr std::size_t kMaxBitsValue = 4096;  // of a field, MC-BUP <2>
inline constexpr std::size_t kMaxSessionId = 100;
inline constexpr std::size_t kMaxContentName = 260;
inline constexpr std::size_t kMaxProtocols = 100;  // of BITS-Supported-Protocols; those behind are not read

enum class BitsPacket { create, ping, fragment, close, cancel };
inline constexpr std::size_t kBitsPacketCount = 5;

// Where the upload of a packet stands.
enum class BitsColumn {
  receiving,
  handing_over,  // all bytes are there, nobody may be told yet
  accepted,      // and delivered
  rejected,      // by the application, a scanner, or its digest
  unknown,       // no such session, or expired
};
inline constexpr std::size_t kBitsColumnCount = 5;

enum class BitsReply {
  session,  // 200, BITS-Protocol and BITS-Session-Id
  ok,       // 200
  part,     // 200, BITS-Received-Content-Range: what is next
  all,      // 200, the same: the whole; BITS-Reply-URL where there is one
  hold,     // 503, context 7: the packet comes again
  refused,  // the stored status, context 7
  lost,     // 500, session not found
  exists,   // 403, access denied: nothing is replaced
};
// The answer to each packet in each column; faults and other problems (a gap, no space) have problem_row().
[[nodiscard]] BitsReply bits_reply(BitsPacket packet, BitsColumn column);

// A packet; none of it: a Ping, which has no upload and is answered with bits_ping().
[[nodiscard]] Read<std::optional<Request>> read_bits(const http::RequestHead& head, const Target& target,
                                                     const WireSettings& settings);
[[nodiscard]] http::Response bits_ping();
// What comes of a MakeUpload, SendPart or LeaveSession.
[[nodiscard]] http::Response answer_bits(const Request& request, const Outcome<UploadStatus>& outcome,
                                         const WireSettings& settings);
// The Ack to a packet that cannot be read, or to a request that is to be a packet.
[[nodiscard]] http::Response refuse_bits(const http::RequestHead& head, const Fault& fault,
                                         const WireSettings& settings);

}  // namespace larder::inbox
