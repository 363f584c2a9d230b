// What `--json` prints of commands whose answer is not the agent's.
#pragma once

#include <string>
#include <vector>

namespace larder::agent {

struct DoctorLine;
struct ConfigKey;

[[nodiscard]] std::string doctor_report(const std::vector<DoctorLine>& lines);
[[nodiscard]] std::string config_keys_report(const std::vector<ConfigKey>& keys);

}  // namespace larder::agent
