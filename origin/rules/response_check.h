// Does a response belong to the version and the range that were asked for? Every response passes through here before a
// byte of it goes on (docs/decisions/0011-origin-checks.md). Pure.
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

// Errors (details only; the caller says what was being done): version_changed for another edition, bad_response for an
// answer that contradicts itself or the request, range_not_supported where a range cannot be tied to an edition, and
// those of status_error for other statuses. Redirects with a Location are not for here.
[[nodiscard]] Result<Accepted> check_response(const HttpHead& head, const Asked& asked, const AnswerContext& context);

// What tells the answer's edition from `expected`, for people; absent when nothing that it carries does.
struct Comparison {
  std::optional<std::string> difference;
  bool confirmed = false;  // it carries a validator of `expected`, and it is equal
};
[[nodiscard]] Comparison compare_edition(const cache::Version& expected, const HttpHead& head,
                                         std::optional<std::uint64_t> size, WallTime now);

}  // namespace larder::origin
