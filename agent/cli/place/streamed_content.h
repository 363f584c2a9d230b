// A content as a stream of the API, where its descriptor cannot be had: too many are on their way to others, this
// process may open no more files, or something between it and the agent takes them away.
#pragma once

#include <cstdint>
#include <string>

#include "base/io/unique_fd.h"
#include "base/result.h"
#include "client/client.h"

namespace larder::agent {

// Whether an answer that should have brought descriptors failed in a way that a stream goes round.
[[nodiscard]] bool stream_goes_round(const Error& error);

// File `index` of the job, `size` bytes, into `to` from its byte `at` on. `where` names it in errors.
[[nodiscard]] Status receive_content(Client& client, const std::string& job_id, unsigned index, std::uint64_t size,
                                     int to, std::uint64_t at, const std::string& where);

// The same into a file without a name, in the user's directory for temporary files.
[[nodiscard]] Result<UniqueFd> spool_content(Client& client, const std::string& job_id, unsigned index,
                                             std::uint64_t size);

}  // namespace larder::agent
