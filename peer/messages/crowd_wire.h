// The bytes of CROWD entries within a datagram (docs/formats/datagram.md). Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "peer/common/wire.h"
#include "peer/messages/crowd_entry.h"

namespace larder::peer {

void write_crowd(WireWriter& out, const std::vector<CrowdEntry>& entries);
// Returns an error text for entries that cannot be. Where the bytes end too early, in.ok() is false.
[[nodiscard]] tl::expected<std::vector<CrowdEntry>, std::string> read_crowd(WireReader& in);

}  // namespace larder::peer
