// How long `larder get` keeps trying: not at all where another try will hardly help. The agent itself stays patient,
// since a background job may outlast a fault until it is repaired; a person at a terminal wants to know at once. Pure.
#pragma once

#include <string>

#include "base/runtime/clock.h"
#include "client/views.h"

namespace larder::agent {

// Returns true for a job that waits for a retry if all its missing files are out of reach: the host name does not
// exist, or its port accepts no connections (untrusted certificates and malformed answers end a job anyway). Never once
// a byte of the file, or of another one from the same host, has come. With `offline_ok` only after a second attempt, by
// which the neighbours have answered.
[[nodiscard]] bool is_hopeless(const JobView& job, bool offline_ok);

// Returns the text for a job that waits for a retry: the cause, and how long it will be tried.
[[nodiscard]] std::string trouble_of(const JobView& job, WallTime now);

}  // namespace larder::agent
