// What a client asks of the inbox, whatever dialect it speaks, and what comes of it: the words between inbox/wire,
// which knows the dialects, and inbox/uploads, which knows the ledger and the store. Values; any thread may hold one.
//
// The rules behind them: docs/uploads.md. The one that decides most: completion is a state of the ledger, never "offset
// equals size". No answer to a client tells an offset equal to the size before the upload is accepted.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"
#include "inbox/model/upload_state.h"

namespace larder::inbox {

// Bounds of what a client may say of an upload, in bytes.
inline constexpr std::size_t kMaxKey = 128;  // of a transaction id
inline constexpr std::size_t kMaxName = 255;
inline constexpr std::size_t kMaxMetadata = 4096;
inline constexpr std::size_t kMaxUrl = 8192;

enum class Dialect { tus, bits, put };

// Who asks, as the credentials say: part of every key, so that nobody resumes, reads or cancels another's upload.
struct Principal {
  std::string name;  // "token:build", "basic:anna", "certificate:…", "anybody" where the inbox asks for none
};

// The digest of one part, as the client sent it with the part.
struct PartDigest {
  enum class Algorithm { sha1, sha256 };
  Algorithm algorithm = Algorithm::sha256;
  std::vector<std::byte> value;
};

// Makes an upload, or finds the one that the same principal made in this inbox by the same key: creating is repeatable.
struct CreateUpload {
  std::string inbox;
  std::string key;  // the transaction id; empty: the client gave none, and this creation cannot be repeated
  std::optional<std::uint64_t> size;  // bytes of the whole; none: said later (AppendPart::total)
  std::optional<Digest> sha256;       // of the whole, where the client knows it
  std::string name;                   // what the file is called there: for the application, never a path here
  std::string metadata;               // as it came, given back by look(): tus' Upload-Metadata
  std::string url;                    // that was asked for, for the notification of the application
  Dialect dialect = Dialect::tus;
};

// Bytes for an upload; they come as the body of the request.
struct AppendPart {
  std::string id;
  std::uint64_t offset = 0;             // of the first byte
  std::optional<std::uint64_t> length;  // bytes of this part, where the client said so
  std::optional<std::uint64_t> total;   // bytes of the whole, where this request says so
  std::optional<PartDigest> digest;     // of this part; a part that does not have it is not appended
  std::optional<Digest> sha256;         // of the whole, said with the last part
  // BITS: a part that begins below the offset is taken from the offset on, one that ends below it changes nothing.
  bool skips_known = false;
};

// What was answered when the upload was settled; every repetition gets the same (kept as long as the row).
struct StoredAnswer {
  int status = 204;
  std::string text;  // for a person: why it was rejected
};

// An upload as the ledger has it.
struct UploadStatus {
  std::string id;  // 128 random bits, base32
  std::string inbox;
  UploadState state = UploadState::receiving;
  std::uint64_t offset = 0;           // synced to the disk and in the ledger
  std::optional<std::uint64_t> size;  // none: not said yet
  std::string name;
  std::string metadata;
  std::optional<Digest> sha256;          // of the whole: as declared, or as computed once it is sealed
  std::optional<WallTime> expires_at;    // while receiving: without progress until then it is gone
  std::optional<StoredAnswer> answer;    // once accepted, rejected or failed
  unsigned attempt = 0;                  // of the hand-over
  bool has_reply = false;                // the application gave a reply for the client: GET /reply/ID, or
  std::string reply_at;                  // the URL that it named; empty: it gave the body
  bool created = false;                  // by this very request
  std::optional<WallTime> delivered_at;  // the application acknowledged it then
};

// Why an operation was refused. Each dialect has its own status for each (inbox/wire).
enum class Problem {
  unauthorized,  // no credentials, or wrong ones
  forbidden,     // of another principal, or not allowed in this inbox
  unknown_inbox,
  unknown_upload,   // nothing is known of this id, or it is another principal's
  gone,             // known once: expired or cancelled
  wrong_offset,     // the part does not begin where the ledger ends; `upload` tells where that is
  wrong_size,       // the size differs from what was said before, or a part goes beyond it
  too_large,        // for this inbox
  part_too_large,   // one request; the client is to send smaller parts
  no_space,         // on the disk, with what is reserved
  quota,            // too many uploads or bytes of this principal
  part_digest,      // the part does not have its digest; nothing was appended
  content_digest,   // the whole does not have its digest; the upload has failed
  key_conflict,     // the key names an upload of another size or digest
  already_settled,  // the operation is not possible any more; `upload` tells the state
  rejected,         // by the application or a scanner; `upload->answer` tells the reason
  pending,          // sealed or handed over, not settled yet: ask again after `retry_after`
  superseded,       // a newer request for the same upload ended this one
  body_broken,      // the client did not send the rest; what came is kept as far as `upload` says
  too_slow,
  bad_request,  // the request contradicts itself
  busy,         // a queue is full, or the program is stopping: ask again after `retry_after`
  failed,       // the disk or the ledger
};

struct Refused {
  Problem problem = Problem::failed;
  std::string detail;                  // "cannot …: …", for a person
  std::optional<UploadStatus> upload;  // where there is one, and the principal may know of it
  std::optional<std::chrono::seconds> retry_after;
};

template <class T>
using Outcome = tl::expected<T, Refused>;
[[nodiscard]] inline tl::unexpected<Refused> as_refused(Refused why) {
  return tl::unexpected<Refused>(std::move(why));
}

}  // namespace larder::inbox
