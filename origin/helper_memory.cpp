#include "origin/helper_memory.h"

#include <fmt/format.h>

#include <algorithm>

namespace larder::origin {
namespace {

std::string name_of(const Url& url) {
  return fmt::format("{}://{}:{}", url.scheme, url.host, url.port);
}

}  // namespace

void HelperMemory::remember(const Url& url, ProbeStep step, SteadyTime now) {
  const std::string name = name_of(url);
  std::erase_if(hosts_, [&](const Host& host) { return host.name == name || host.until <= now; });
  if (hosts_.size() == kMaxHosts) hosts_.pop_front();
  hosts_.push_back({name, step, now + kKept});
}

ProbeStep HelperMemory::first_step(const Url& url, SteadyTime now) const {
  const std::string name = name_of(url);
  const auto found =
      std::find_if(hosts_.begin(), hosts_.end(), [&name](const Host& host) { return host.name == name; });
  return found == hosts_.end() || found->until <= now ? ProbeStep::head : found->step;
}

}  // namespace larder::origin
