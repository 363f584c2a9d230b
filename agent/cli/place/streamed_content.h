// Receives a content as a stream of the API where its descriptor cannot be had: too many are in flight, this process
// may open no more files, or something between it and the agent drops descriptors.
#pragma once

#include <cstdint>
#include <string>

#include "base/io/unique_fd.h"
#include "base/result.h"
#include "client/client.h"

namespace larder::agent {

// Returns true if a stream can replace an answer whose descriptors failed with this error.
[[nodiscard]] bool stream_goes_round(const Error& error);

// Writes file `index` of the job, `size` bytes, to `to` from offset `at` on. `where` names it in errors.
[[nodiscard]] Status receive_content(Client& client, const std::string& job_id, unsigned index, std::uint64_t size,
                                     int to, std::uint64_t at, const std::string& where);

// The same into an unnamed file in the user's directory for temporary files.
[[nodiscard]] Result<UniqueFd> spool_content(Client& client, const std::string& job_id, unsigned index,
                                             std::uint64_t size);

}  // namespace larder::agent
