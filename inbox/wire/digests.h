// The digests that a request declares: of the whole (Repr-Digest at the creation, Larder-Upload-Digest later), and of
// the part that comes with it (Content-Digest, and tus' Upload-Checksum). A digest that cannot be read is a fault: who
// sent it wants it checked. Pure; any thread.
#pragma once

#include <optional>

#include "inbox/wire/fields.h"

namespace larder::inbox {

// Member "sha-256" of a dictionary of digests (RFC 9530; RFC 8941 §3.2): "sha-256=:base64:". Other algorithms are
// passed over; none: the field has no such member.
[[nodiscard]] Read<std::optional<Digest>> digest_field(const http::RequestHead& head, std::string_view name);

// The digest of the body as part: Content-Digest, Upload-Checksum, and on a PATCH Repr-Digest too, which is there the
// digest of the patch document and not of the file (RFC 9530 §2). Two that do not say the same are a fault.
[[nodiscard]] Read<std::optional<PartDigest>> part_digest(const http::RequestHead& head, bool is_patch);

// The value of tus' Upload-Checksum, "sha1 BASE64" or "sha256 BASE64"; tus 1.0.0, checksum.
[[nodiscard]] Read<PartDigest> parse_checksum(std::string_view value);
inline constexpr std::string_view kChecksumAlgorithms = "sha1,sha256";

// "sha-256=:base64:"
[[nodiscard]] std::string digest_member(const Digest& digest);

}  // namespace larder::inbox
