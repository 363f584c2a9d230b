// The tables of the cache, as steps of the schema of larder.db (database.h).
#pragma once

#include <span>

#include "database/database.h"

namespace larder::cache {

[[nodiscard]] std::span<const SchemaStep> cache_schema();

}  // namespace larder::cache
