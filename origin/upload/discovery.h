// Which dialect does a server of uploads speak? One OPTIONS tells, and the answer is remembered for a day. Pure but for
// DiscoveryMemory, which belongs to one thread.
//
// BITS shows in no OPTIONS; it is spoken only where the job asks for it. Sources: tus 1.0.0 (OPTIONS), RFC 4918 (DAV),
// RFC 9110 (Allow).
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "origin/upload/upload_dialect.h"

namespace larder::origin {

enum class ProtocolWish { any, tus, bits, put };
[[nodiscard]] std::string_view protocol_wish_name(ProtocolWish wish);
[[nodiscard]] std::optional<ProtocolWish> protocol_wish_from_name(std::string_view name);  // "auto" is `any`

// What is known of a place.
struct DiscoveredPlace {
  UploadDialect dialect = UploadDialect::put;
  TusFacts tus;
  // The server named PUT or WebDAV. False: it said nothing of uploads, and PUT is worth one try with a small file.
  bool told = false;
  friend bool operator==(const DiscoveredPlace&, const DiscoveredPlace&) = default;
};

// Returns what needs no question: the job's own word for BITS and PUT.
[[nodiscard]] std::optional<DiscoveredPlace> place_as_wished(ProtocolWish wish);
// OPTIONS to the target; carried out like any request of an upload.
[[nodiscard]] UploadRequest discovery_request(const Url& target);

// What the answer to the question means.
struct DiscoveryStep {
  enum class Kind { found, ask_again, failed };
  Kind kind = Kind::failed;
  DiscoveredPlace place;  // found
  UploadRequest request;  // ask_again: after `wait`, or at once where a redirect leads
  Duration wait{};
  std::optional<Error> error;  // failed; ask_again with a wait: what is waited out
};
// `progress` counts failures and redirects, and nothing else of it is touched. `turn.plan` names target, policy and
// retry.
[[nodiscard]] DiscoveryStep after_discovery(const UploadTurn& turn, const Url& asked, const UploadAnswer& answer);

// Puts what is known into the plan. Error: the wish cannot be had there, or the file is too large for PUT unasked.
[[nodiscard]] Status choose_dialect(const DiscoveredPlace& place, ProtocolWish wish, UploadPlan& plan);

// What was told of places: a place is the scheme, host and port of the target and its path up to the last slash. A
// caller does not note what came through a proxy or authorities of a job's own (ConnectOptions::callers_proxy): those
// could lie to other jobs.
class DiscoveryMemory {
 public:
  static constexpr std::size_t kMaxEntries = 256;  // the oldest is forgotten
  static constexpr Duration kKept = std::chrono::hours(24);

  void remember(const Url& target, const DiscoveredPlace& place, SteadyTime now);
  [[nodiscard]] std::optional<DiscoveredPlace> recall(const Url& target, SteadyTime now) const;
  // After UploadStep::forget_discovery: 404, 405, 415 and 501 say that the place is not what it was.
  void forget(const Url& target);

 private:
  struct Entry {
    std::string place;
    DiscoveredPlace told;
    SteadyTime until{};
  };
  std::deque<Entry> entries_;  // oldest first
};

}  // namespace larder::origin
