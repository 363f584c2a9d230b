// What tus' Upload-Metadata says: "key BASE64" in a list, each key once, the value may be missing (tus 1.0.0,
// Upload-Metadata). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "inbox/wire/fields.h"

namespace larder::inbox {

inline constexpr std::size_t kMaxMetadataBytes = 4096;  // bytes of the field
inline constexpr std::size_t kMaxMetadataPairs = 64;

struct Metadata {
  std::string name;  // of "filename", else of "name"; empty: there is none
  std::string key;   // of "larder-key": the transaction id of clients that send no field of their own; empty: none
};
[[nodiscard]] Read<Metadata> parse_metadata(std::string_view value);

// Idempotency-Key: a string in quotes (draft-ietf-httpapi-idempotency-key-header), or the same without them, as many
// clients send it. Empty: there is none.
[[nodiscard]] Read<std::string> idempotency_key(const http::RequestHead& head);

}  // namespace larder::inbox
