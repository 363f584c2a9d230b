// The JSON that `larder doctor --json` and `larder config keys --json` print: the command makes it, the agent is not
// asked for it.
#pragma once

#include <string>
#include <vector>

namespace larder::agent {

struct DoctorLine;
struct ConfigKey;

[[nodiscard]] std::string doctor_report(const std::vector<DoctorLine>& lines);
[[nodiscard]] std::string config_keys_report(const std::vector<ConfigKey>& keys);

}  // namespace larder::agent
