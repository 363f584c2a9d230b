// What differs for a job that uploads: which requests of its owner are refused, and what it may ask for. Pure.
#pragma once

#include <string>

#include "agent/jobs/model/job.h"
#include "agent/jobs/rules/job_state.h"
#include "base/result.h"

namespace larder::agent {

// Asked before the table of states (job_state.h). BITS completes an upload only once it is transferred: before that the
// server may not have the file.
[[nodiscard]] Status check_upload_event(const Job& job, JobEvent event);
// Transaction, names and number of files. Error: invalid_argument.
[[nodiscard]] Status check_upload_options(const UploadOptions& options);
[[nodiscard]] Status check_upload_name(const std::string& name);
// The key of file `index` of `count`: of the transaction where there is one, else the file's own id.
[[nodiscard]] std::string upload_key(const UploadOptions& options, const std::string& file_id, unsigned index,
                                     std::size_t count);
// Whether the key stands in the URL as a segment of its path, as larder-inbox wants it of PUT and BITS.
[[nodiscard]] bool is_key_in_url(const std::string& key, const std::string& path);

// Whether a new upload of `spec` is the one that `file` of `job` is already: the same place and, without a
// transaction, the same bytes as far as can be seen.
enum class Repeat { other, same, conflict };
[[nodiscard]] Repeat compare_upload(const Job& job, const File& file, const UploadOptions& options,
                                    const FileSpec& spec, const std::string& name,
                                    const origin::SourceIdentity& source);

}  // namespace larder::agent
