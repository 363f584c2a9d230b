// How long `larder get` goes on trying: not at all where asking again will hardly help. The agent stays patient, since
// a job in the background may outlast what somebody has to mend; a person at a terminal wants the word at once. Pure.
#pragma once

#include <string>

#include "base/runtime/clock.h"
#include "client/views.h"

namespace larder::agent {

// True of a job that waits for a retry when everything that it still lacks cannot be had: the name of the host does not
// exist, or its port takes no connections (certificates that are not trusted and malformed answers end a job anyway).
// Never once a byte of the file, or of another one from the same host, has come: then it did exist. With `offline_ok`
// only after a second attempt, by which the neighbours have been heard.
[[nodiscard]] bool is_hopeless(const JobView& job, bool offline_ok);

// What a job that waits for a retry is told with: why, and for how long it will be tried.
[[nodiscard]] std::string trouble_of(const JobView& job, WallTime now);

}  // namespace larder::agent
