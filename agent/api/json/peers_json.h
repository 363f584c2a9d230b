// Sharing in the API's JSON: the schema Peers of docs/api.yaml. Pure; any thread.
#pragma once

#include <string>

#include "agent/peer_facts.h"

namespace larder::agent {

[[nodiscard]] std::string peers_view(const SharingFacts& facts);
[[nodiscard]] std::string pardoned_view(const PardonAnswer& answer);  // the schema Pardoned

}  // namespace larder::agent
