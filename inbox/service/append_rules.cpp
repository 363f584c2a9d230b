#include "inbox/service/append_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace larder::inbox {
namespace {

Refused refusal(Problem problem, std::string detail) {
  return Refused{problem, std::move(detail), std::nullopt, std::nullopt};
}

tl::unexpected<Refused> refused(Problem problem, const UploadRow& row, std::string why) {
  return tl::unexpected<Refused>(
      Refused{problem, fmt::format("cannot append to upload {}: {}", row.id, why), status_of(row), std::nullopt});
}

Refused too_large(std::uint64_t size, const UploadLimits& limits) {
  return refusal(Problem::too_large,
                 fmt::format("cannot take an upload of {} bytes: {} are allowed here", size, limits.max_size));
}

// What is settled takes no more bytes; a repeated part that it has anyway gets the answer again.
Outcome<AppendPlan> plan_for_settled(const UploadRow& row, const AppendPart& part) {
  const std::uint64_t size = row.size.value_or(0);
  const bool has_all = part.offset <= size && part.length.value_or(0) <= size - part.offset;
  const bool repeats = has_all && (part.skips_known || (part.offset == size && part.length.value_or(0) == 0));
  const bool stands = row.state != UploadState::rejected && was_accepted(row.state);
  if (!stands || !repeats) return tl::unexpected<Refused>(impossible(row, "append to"));
  AppendPlan plan;
  plan.changes_nothing = true;
  plan.skip = plan.most = part.length.value_or(size - part.offset);
  return plan;
}

std::optional<Refused> check_claims(const UploadRow& row, const AppendPart& part, const UploadLimits& limits) {
  if (part.total && *part.total > limits.max_size) return too_large(*part.total, limits);
  if (part.total && row.size && *part.total != *row.size) {
    return refused(Problem::wrong_size, row, fmt::format("its size is {}, not {}", *row.size, *part.total)).value();
  }
  if (part.sha256 && row.declared && *part.sha256 != *row.declared) {
    return refused(Problem::bad_request, row, "another SHA-256 of the whole was said before").value();
  }
  if (part.length && limits.max_part && *part.length > *limits.max_part) {
    return refused(Problem::part_too_large, row, fmt::format("one request may have {} bytes", *limits.max_part))
        .value();
  }
  return std::nullopt;
}

}  // namespace

std::optional<Refused> check_creation(const CreateUpload& request, const UploadLimits& limits) {
  const std::array<std::tuple<const char*, std::size_t, std::size_t>, 4> texts = {{
      {"key", request.key.size(), kMaxKey},
      {"name", request.name.size(), kMaxName},
      {"metadata", request.metadata.size(), kMaxMetadata},
      {"URL", request.url.size(), kMaxUrl},
  }};
  for (const auto& [what, size, most] : texts) {
    if (size <= most) continue;
    return refusal(Problem::bad_request,
                   fmt::format("cannot make an upload: its {} has {} bytes, {} are allowed", what, size, most));
  }
  if (request.size && *request.size > limits.max_size) return too_large(*request.size, limits);
  return std::nullopt;
}

bool waits_for_seal(const UploadRow& row) {
  return row.state == UploadState::receiving && row.size == row.offset;
}

Outcome<AppendPlan> plan_append(const UploadRow& row, const AppendPart& part, const UploadLimits& limits) {
  if (row.state != UploadState::receiving) return plan_for_settled(row, part);
  if (auto wrong = check_claims(row, part, limits)) return tl::unexpected<Refused>(std::move(*wrong));
  const bool overlaps = part.skips_known && part.offset < row.offset;
  if (part.offset != row.offset && !overlaps) {
    return refused(Problem::wrong_offset, row,
                   fmt::format("the part begins at {}, it has {} bytes", part.offset, row.offset));
  }
  const std::optional<std::uint64_t> size = row.size ? row.size : part.total;
  if (size && *size < row.offset) return refused(Problem::wrong_size, row, fmt::format("it has {} bytes", row.offset));
  const std::uint64_t end = size.value_or(limits.max_size);
  const std::uint64_t left = end - std::min(end, part.offset);
  AppendPlan plan;
  plan.skip = row.offset - part.offset;
  plan.beyond = size ? Problem::wrong_size : Problem::too_large;
  if (part.length && *part.length > left) {
    return refused(plan.beyond, row, fmt::format("the part ends beyond {} bytes", end));
  }
  plan.most = left;
  if (limits.max_part && *limits.max_part < left) {
    plan.most = *limits.max_part;
    plan.beyond = Problem::part_too_large;
  }
  if (part.length) {
    plan.most = *part.length;
    plan.beyond = Problem::bad_request;
  }
  plan.changes_nothing = part.length && overlaps && *part.length <= plan.skip;
  return plan;
}

}  // namespace larder::inbox
