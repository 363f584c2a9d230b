// The URLs of the inbox, by their parts. Decoded strictly: an escape that is none, a control character, an encoded
// slash or a part that is too long is refused, so that nobody behind can read a path in what is only a name. Pure.
//
//   /in/{inbox}/             create             /in/{inbox}/{key}/{name}  whole file, BITS
//   /up/{id}                 one upload         /up/{id}/state            what became of it
//   /reply/{id}              the application's words for the client
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "inbox/wire/fields.h"

namespace larder::inbox {

inline constexpr std::size_t kMaxInboxBytes = 64;
inline constexpr std::size_t kMaxIdBytes = 64;

struct Target {
  enum class Kind { collection, file, upload, reply, state, server };  // server: "*", of OPTIONS
  Kind kind = Kind::collection;
  std::string inbox;  // of collection, file
  std::string key;    // of file: the transaction id
  std::string name;   // of file: metadata, never a path
  std::string id;     // of upload, reply, state
};

// The query is not looked at. Faults: 404, no such path; 414, too long; 400, a part of it is none.
[[nodiscard]] Read<Target> parse_target(const http::RequestHead& head);

// Visible ASCII without quotes, backslashes and slashes.
[[nodiscard]] bool is_key(std::string_view text);
// UTF-8 without control characters and slashes of either kind; not ".", not "..".
[[nodiscard]] bool is_file_name(std::string_view text);
[[nodiscard]] bool is_id_text(std::string_view text);

// The URL that was asked for, whole.
[[nodiscard]] std::string asked_url(const http::RequestHead& head, std::string_view base_url, std::string_view scheme);

}  // namespace larder::inbox
