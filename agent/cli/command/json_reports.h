// The JSON of `larder doctor --json` and `larder config keys --json`, which the command makes without the agent.
#pragma once

#include <string>
#include <vector>

namespace larder {
struct ConfigKey;
}

namespace larder::agent {

struct DoctorLine;

[[nodiscard]] std::string doctor_report(const std::vector<DoctorLine>& lines);
[[nodiscard]] std::string config_keys_report(const std::vector<ConfigKey>& keys);

}  // namespace larder::agent
