// Words between the rules of uploading, which are pure, and the exchange class that carries them out: what is to be
// uploaded, how far it is, which request goes next, and what its answer was. Values; any thread may hold one.
//
// The exchange class asks start_upload() (upload.h) for the first step, carries it out, hands the answer to
// after_answer(), and so on until a step is `done` or `failed`. It makes UploadProgress durable before it carries out a
// step: `last_byte_sent` must be known after a crash, since a file that was sent to its end is never sent anew unasked.
//
// Sources: tus 1.0.0 (core, creation, checksum, expiration, termination), MC-BUP and the BITS upload protocol, RFC 9110
// (PUT), RFC 9530 (digests). Not in those: the fields Larder-Upload-Digest and larder-key, and Idempotency-Key, by
// which larder-inbox makes a creation repeatable.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "origin/http/http_client.h"
#include "origin/rules/retry.h"
#include "origin/url/url.h"

namespace larder::origin {

enum class UploadDialect { tus, bits, put };
[[nodiscard]] std::string_view upload_dialect_name(UploadDialect dialect);
[[nodiscard]] std::optional<UploadDialect> upload_dialect_from_name(std::string_view name);

enum class PartAlgorithm { sha1, sha256 };

// What a tus server said of itself when it was asked (discovery.h).
struct TusFacts {
  bool expiration = false;
  bool termination = false;
  // larder-inbox: a creation with the key of an earlier one finds that one, so an unanswered creation may be repeated
  // even where it is the whole upload (an empty file).
  bool keyed = false;
  std::optional<PartAlgorithm> checksum;  // the best of those that the server checks and Larder knows
  std::optional<std::uint64_t> max_size;
  friend bool operator==(const TusFacts&, const TusFacts&) = default;
};

// What does not change while the upload lives. check_plan() says whether it can be carried out.
struct UploadPlan {
  UploadDialect dialect = UploadDialect::tus;
  Url target;                               // tus: where uploads are created; BITS and PUT: where the file goes
  std::shared_ptr<const UrlPolicy> policy;  // where the server may lead; null: UrlPolicy{}
  std::string key;                          // transaction id: 1 to 128 visible ASCII characters without " and backslash
  std::string name;                         // of the file, UTF-8, at most 1024 bytes: tells the receiver, is no path
  std::uint64_t size = 0;                   // bytes of the source
  std::optional<Digest> sha256;             // of the source, where it is known before the first request
  TusFacts tus;
  // The caller named the transaction itself, so an upload of that key may be there already: its offset is asked for
  // before bytes are sent.
  bool key_repeated = false;
  // BITS: the URL belongs to this transaction alone, and its server refuses to take it a second time (larder-inbox).
  bool key_in_url = false;
  bool wants_reply = false;  // BITS: upload-reply
  bool large_put = false;    // PUT was asked for by name: files over kMaxUnaskedPut too
  bool overwrite = false;    // PUT: without If-None-Match
  RetryRule retry;
};

// Largest file for which PUT is chosen unasked: a broken PUT begins again at zero.
inline constexpr std::uint64_t kMaxUnaskedPut = 16ULL * 1024 * 1024;
// How often an upload that the server lost begins again at zero.
inline constexpr unsigned kMaxRestarts = 3;
// How often a part that arrived damaged is sent again, and how often PUT sends the file again.
inline constexpr unsigned kMaxResends = 3;
inline constexpr std::size_t kMaxAnswerText = 512;  // bytes of an answer's body that are read

// What is asked next. Not each dialect has each phase.
enum class UploadPhase {
  create,  // tus: creation; BITS: Create-Session
  look,    // tus: the offset is asked for
  append,  // tus, BITS: a part is sent; PUT: the file
  ping,    // BITS: is the server there? before parts, and before the end
  reply,   // BITS: the reply of the application is fetched by the exchange class
  close,   // BITS
  settle,  // all was sent and its answer is lost: BITS by a second session, PUT by a look at the file
  cancel,
};
inline constexpr std::size_t kUploadPhaseCount = static_cast<std::size_t>(UploadPhase::cancel) + 1;
[[nodiscard]] std::string_view phase_name(UploadPhase phase);

// How far the upload is: plain fields (as stored: progress_text.h). Times are wall time, since they outlive a boot.
struct UploadProgress {
  UploadPhase phase = UploadPhase::create;
  std::string url;      // tus: the upload's; BITS, PUT: where a redirect led. Empty: none yet, the plan's target
  std::string session;  // BITS: as the server wrote it, with or without braces
  std::string host;     // BITS: host id, to which requests go instead of the target's host; empty: none
  std::optional<std::chrono::seconds> fall_back_after;  // BITS: how long the host may be away; absent: for ever
  std::optional<WallTime> fall_back_at;                 // set while it is away
  std::string reply_url;
  bool reply_fetched = false;
  std::optional<WallTime> expires_at;  // tus: without progress until then the server forgets the upload
  std::uint64_t offset = 0;            // bytes that the server acknowledged
  std::uint64_t part_length = 0;       // bytes of the part under way, from `offset`
  bool part_lost = false;              // tus: bytes of it went out, and no answer came
  std::uint64_t part_size = 0;         // of the next part; 0: the dialect's largest
  std::uint64_t part_limit = 0;        // no part larger than this is taken there (413); 0: the dialect's largest
  std::uint64_t hashed = 0;            // the whole's SHA-256 is computed up to here; start_upload() begins it anew
  std::uint64_t sent = 0;              // bytes sent in all: those above `offset` were waste
  bool last_byte_sent = false;         // ever, or perhaps: true from before the request until it is known to be false
  bool last_byte_sent_before = false;  // the same, without the request under way
  bool end_refused = false;            // the server itself failed at the last part: all bytes there prove nothing
  unsigned creations = 0;              // creations asked for since zero
  unsigned restarts = 0;               // from zero
  unsigned failures = 0;               // in a row without progress: the retry table's attempt
  unsigned resends = 0;                // of the same part; PUT: of the file
  unsigned redirects = 0;              // in a row
  friend bool operator==(const UploadProgress&, const UploadProgress&) = default;
};

// A field whose value the exchange class computes from the source: digest_field_value().
struct DigestField {
  enum class Form { upload_checksum, digest };  // tus: "sha1 BASE64"; RFC 9530: "sha-256=:BASE64:"
  std::string name;
  PartAlgorithm algorithm = PartAlgorithm::sha256;
  Form form = Form::digest;
  bool whole = false;  // over the whole source instead of the body
  friend bool operator==(const DigestField&, const DigestField&) = default;
};
[[nodiscard]] std::string digest_field_value(const DigestField& field, Bytes digest);

// Content-Length is always sent (0 where there is no body), Expect never. The connection is closed after an answer that
// came before the body's end.
struct UploadRequest {
  std::string method;
  Url url;
  bool redirected = false;  // the server led here: HttpRequest::redirected, if it is outside
  std::vector<Header> headers;
  std::uint64_t offset = 0;  // the body: bytes of the source
  std::uint64_t length = 0;
  std::vector<DigestField> digests;
  // Bytes of the source that go into the whole's SHA-256: before the request where a field of the whole or an answer
  // may need it, at the latest while its body is sent.
  std::uint64_t hash_from = 0;
  std::uint64_t hash_to = 0;
};

struct UploadAnswer {
  HttpHead head;               // of the final answer
  std::optional<Error> error;  // there is no final answer; `head` is not read
  std::string text;            // the beginning of the body, at most kMaxAnswerText bytes
  std::uint64_t sent = 0;      // bytes of the request's body that were given to the connection
  std::optional<Digest>
      sha256;  // of the whole source, once UploadRequest::hash_to reached its size; of an empty one at once
  std::optional<bool> outside;  // check_redirect()
};

struct UploadResult {
  int status = 0;  // of the answer that completed the upload
  // The server named the SHA-256 of what it has, and it is the source's. False: it named none.
  bool confirmed = false;
  std::optional<Digest> sha256;  // of the source, where it is known
};

struct UploadStep {
  enum class Kind {
    send,         // `request`, after `wait`; then after_answer()
    fetch_reply,  // BITS: `reply_url`, an ordinary download; then after_reply()
    done,         // the server took the upload: `result`. Of a cancellation: the server need not be asked again
    // `error` is final, and its code is never a retryable one: the rules have tried again already. outcome_unknown: all
    // was sent, and no more can be found out. start_upload() goes on from there if a person wants it.
    failed,
  };
  Kind kind = Kind::failed;
  UploadRequest request;
  Duration wait{};             // zero: at once
  std::optional<Error> error;  // failed: why. With a wait: what is waited out, for people
  std::string reply_url;
  UploadResult result;
  bool forget_discovery = false;  // what was remembered of this place does not hold (DiscoveryMemory::forget())
};

// One turn of the rules.
struct UploadTurn {
  const UploadPlan& plan;
  UploadProgress& progress;
  WallTime now;
  Random& random;
};

// Error: invalid_argument, of a key or name that no field can carry; too_large; forbidden_url.
[[nodiscard]] Status check_plan(const UploadPlan& plan);

}  // namespace larder::origin
