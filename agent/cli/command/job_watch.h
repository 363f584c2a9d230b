// `larder job watch`: follows a job with a progress line until it no longer changes by itself.
#pragma once

#include <string>

#include "client/client.h"

namespace larder::agent {

// Shows the job's progress until it ends. Returns the exit status: 0 if the job was transferred or acknowledged, else
// the status of the job's error.
[[nodiscard]] int watch_job(Client& client, const std::string& id);
// Prints each event as a line of JSON, until the job ends.
[[nodiscard]] int print_events(Client& client, const std::string& id);

}  // namespace larder::agent
