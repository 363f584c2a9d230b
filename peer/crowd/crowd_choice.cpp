#include "peer/crowd/crowd_choice.h"

namespace larder::peer {
namespace {

struct Run {
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};

// Returns the largest run; of equals the first one.
Run largest_run(const SegmentBits& free) {
  Run best;
  Run run;
  for (std::uint64_t segment = 0; segment < free.size(); ++segment) {
    if (!free.has(segment)) {
      run.length = 0;
      continue;
    }
    if (run.length++ == 0) run.first = segment;
    if (run.length > best.length) best = run;
  }
  return best;
}

}  // namespace

std::optional<std::uint64_t> choose_segment(const ChoiceInput& input) {
  if (input.last && input.free.has(*input.last + 1)) return *input.last + 1;
  const bool met = input.stripe > 0 && input.claimed.has(input.stripe - 1);
  if (!input.last && !met && input.free.has(input.stripe)) return input.stripe;
  const Run run = largest_run(input.free);
  if (run.length == 0) return std::nullopt;
  const bool approached = run.first > 0 && input.claimed.has(run.first - 1);
  return approached ? run.first + run.length / 2 : run.first;
}

}  // namespace larder::peer
