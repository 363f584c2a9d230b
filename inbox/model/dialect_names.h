// A dialect as the ledger, the log and the admin's API name it. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "inbox/model/operations.h"

namespace larder::inbox {

[[nodiscard]] std::string_view dialect_name(Dialect dialect);  // "tus"
[[nodiscard]] std::optional<Dialect> dialect_from_name(std::string_view name);

}  // namespace larder::inbox
