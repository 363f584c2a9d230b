// Answers that carry descriptors of contents. Loop thread only.
#pragma once

#include <string>
#include <vector>

#include "agent/api/http/http_message.h"
#include "agent/jobs/model/job_service.h"

namespace larder::agent {

// Answers with the descriptor of one file; with `partial` also while it is transferring.
void open_descriptor(JobService& jobs, Caller who, const std::string& id, unsigned file, bool partial,
                     Responder respond);
// Answers with the descriptors of several finished files: all of them, or an error.
void open_descriptors(JobService& jobs, Caller who, const std::string& id, std::vector<unsigned> files,
                      Responder respond);

}  // namespace larder::agent
