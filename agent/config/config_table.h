// The one table of configuration keys. Each row is documentation, default, check, reader and writer of one key, so that
// none of these can disagree. Pure: no TOML library, no files.
#pragma once

#include <vector>

#include "agent/config/config.h"
#include "base/config/config_row.h"

namespace larder::agent {

[[nodiscard]] const std::vector<ConfigRow<Config>>& config_rows();         // in the order of the documentation
[[nodiscard]] const std::vector<ConfigRow<Hook>>& hook_rows();             // [[hook]]
[[nodiscard]] const std::vector<ConfigRow<NotifyCommand>>& notify_rows();  // [[notify]]

}  // namespace larder::agent
