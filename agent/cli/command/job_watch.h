// `larder job watch`: follows a job with a progress line until nothing more happens by itself.
#pragma once

#include <string>

#include "client/client.h"

namespace larder::agent {

// The exit status: 0 when it was transferred or acknowledged, else that of its error.
[[nodiscard]] int watch_job(Client& client, const std::string& id);
// The events as they come, one JSON object a line, until the job ends.
[[nodiscard]] int print_events(Client& client, const std::string& id);

}  // namespace larder::agent
