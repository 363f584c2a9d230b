// Reads request bodies. Strict: unknown and repeated members, wrong types and values out of range are errors
// (invalid_argument) that name the member, such as "files[3].sha256". Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/model/job_service.h"
#include "base/result.h"

namespace larder::agent {

inline constexpr std::size_t kMaxJsonDepth = 32;
inline constexpr std::size_t kMaxJsonValues = 200'000;  // of one body: bounds its memory

struct CreateRequest {
  JobOptions options;
  std::vector<FileSpec> files;
  bool start = true;
};

struct UploadRequest {
  JobOptions options;              // with `upload`
  std::vector<FileSpec> files;     // url and sha256
  std::vector<std::string> names;  // of the files, for the receiver; empty where none was given
  bool start = true;
};

[[nodiscard]] Result<UploadRequest> parse_upload(std::string_view body);
[[nodiscard]] Result<CreateRequest> parse_create(std::string_view body);
[[nodiscard]] Result<std::vector<FileSpec>> parse_files(std::string_view body);
[[nodiscard]] Result<JobChange> parse_change(std::string_view body);

struct VerdictRequest {
  bool valid = false;
  std::string reason;
};
[[nodiscard]] Result<VerdictRequest> parse_verdict(std::string_view body);
[[nodiscard]] Result<std::string> parse_retarget(std::string_view body);               // the URL
[[nodiscard]] Result<std::vector<unsigned>> parse_descriptors(std::string_view body);  // 1 to 64 indices
[[nodiscard]] Result<bool> parse_pin(std::string_view body);

}  // namespace larder::agent
