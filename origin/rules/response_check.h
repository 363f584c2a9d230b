// Checks that a response belongs to the version and the range asked for. Every response is checked here before a byte
// of it is delivered (docs/decisions/0011-origin-checks.md). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "cache/record/version.h"
#include "origin/http/http_client.h"
#include "origin/rules/edition.h"

namespace larder::origin {

struct Asked {
  const cache::Version* expected = nullptr;  // null: the answer is the probe
  bool ranged = false;                       // a Range field was sent
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;  // absent: to the end
  bool head = false;
};

struct Accepted {
  Edition edition;
  std::uint64_t offset = 0;             // of the first byte of the body
  std::optional<std::uint64_t> length;  // bytes that the body must have, where known
};

// Errors (details only; the caller adds what was being done): version_changed for another edition, bad_response for an
// answer that contradicts itself or the request, range_not_supported if a range cannot be tied to an edition, and those
// of status_error() for other statuses. The caller follows redirects with a Location before.
[[nodiscard]] Result<Accepted> check_response(const HttpHead& head, const Asked& asked, const AnswerContext& context);

struct Comparison {
  std::optional<std::string> difference;  // from `expected`, for people; absent: no validator and no size differs
  bool confirmed = false;                 // the answer has a validator of `expected`, and it is equal
};
[[nodiscard]] Comparison compare_edition(const cache::Version& expected, const HttpHead& head,
                                         std::optional<std::uint64_t> size, WallTime now);

}  // namespace larder::origin
