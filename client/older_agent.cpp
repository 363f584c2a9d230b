#include "client/older_agent.h"

#include <algorithm>
#include <array>

namespace larder::agent {
namespace {

// Without these the answer is longer, comes without waiting for a change, or does not find the job of an earlier run.
constexpr std::array<std::string_view, 4> kDispensable = {"files", "wait_ms", "descriptor", "once"};
constexpr std::string_view kUnknown = "\" is not known";

// Returns the name in quotes in front of "is not known".
std::optional<std::string> unknown_name_in(const Error& error) {
  if (error.code != ErrorCode::invalid_argument) return std::nullopt;
  const auto end = error.detail.find(kUnknown);
  if (end == std::string::npos || end == 0) return std::nullopt;
  const auto begin = error.detail.rfind('"', end - 1);
  if (begin == std::string::npos) return std::nullopt;
  return error.detail.substr(begin + 1, end - begin - 1);
}

template <class Keep>
std::string filtered(std::string_view target, Keep keep) {
  const auto question = std::min(target.find('?'), target.size());
  std::string out(target.substr(0, question));
  std::string_view query = target.substr(std::min(question + 1, target.size()));
  bool first = true;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (!keep(pair.substr(0, pair.find('=')))) continue;
    out += first ? '?' : '&';
    out += pair;
    first = false;
  }
  return out;
}

}  // namespace

std::optional<std::string> dispensable(const Error& refused, std::string_view target) {
  const auto name = unknown_name_in(refused);
  if (!name || std::find(kDispensable.begin(), kDispensable.end(), *name) == kDispensable.end()) return std::nullopt;
  return without(target, {*name}) == target ? std::nullopt : name;
}

std::string without(std::string_view target, const std::set<std::string>& names) {
  if (names.empty()) return std::string(target);
  return filtered(target, [&names](std::string_view name) { return !names.contains(std::string(name)); });
}

Error told_as_older(Error refused, std::string_view own_version) {
  if (!unknown_name_in(refused) || refused.detail.find("this agent (") != std::string::npos) return refused;
  refused.detail +=
      ": the agent may be older than this command (" + std::string(own_version) + "); `larder doctor` compares them";
  return refused;
}

}  // namespace larder::agent
