// Users of this machine by name.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace larder {

// Returns the id of a user given by name or number; nothing if unknown. Blocks (user database): start-up and reload
// only.
[[nodiscard]] std::optional<uid_t> find_user(const std::string& name);

}  // namespace larder
