#include "base/config/config_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace larder {
namespace {

// Counts insertions, deletions, replacements, and swaps of two adjacent characters, one each.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string config_line(const ConfigKey& key, bool required) {
  return fmt::format("| `{}{}` | {} | {} | {} | {} | {} |\n",
                     key.section.front() == '[' ? "[" + key.section + "] " : key.section + ".", key.name, key.kind,
                     key.unit, required ? "required" : "`" + key.default_text + "`", key.range, key.meaning);
}

std::optional<std::string> nearest_name(const std::string& name, const std::vector<std::string>& known) {
  if (name.size() > 64) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace larder
