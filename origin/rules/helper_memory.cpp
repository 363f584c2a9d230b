#include "origin/rules/helper_memory.h"

#include <fmt/format.h>

#include <algorithm>

namespace larder::origin {
namespace {

// Without a path, which every canonical URL has: no host equals a URL.
std::string host_of(const Url& url) {
  return fmt::format("{}://{}:{}", url.scheme, url.host, url.port);
}

}  // namespace

void HelperMemory::remember(const Url& url, const ProbeLesson& lesson, SteadyTime now) {
  add(host_of(url), lesson.host, now);
  add(url.canonical(), lesson.url, now);
}

void HelperMemory::add(std::string name, ProbeStep step, SteadyTime now) {
  if (step == ProbeStep::head) return;
  std::erase_if(entries_, [&](const Entry& entry) { return entry.name == name || entry.until <= now; });
  if (entries_.size() == kMaxEntries) entries_.pop_front();
  entries_.push_back({std::move(name), step, now + kKept});
}

ProbeStep HelperMemory::step_of(const std::string& name, SteadyTime now) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&name](const Entry& entry) { return entry.name == name; });
  return found == entries_.end() || found->until <= now ? ProbeStep::head : found->step;
}

ProbeStep HelperMemory::first_step(const Url& url, SteadyTime now) const {
  return std::max(step_of(host_of(url), now), step_of(url.canonical(), now));
}

}  // namespace larder::origin
