// Views of the API as JSON text: the schemas Job, File, Record, Status and Error of docs/api.yaml; a test compares
// them. Pure. Never in a view: passwords, client keys, headers of the caller, credentials in URLs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/jobs/model/job_service.h"
#include "base/result.h"
#include "base/version.h"
#include "cache/cache_figures.h"
#include "cache/record/record.h"

namespace larder::agent {

[[nodiscard]] std::string error_view(const Error& error);        // {"error":{…}}
[[nodiscard]] std::string job_view(const Job& job, bool files);  // with or without "files"
[[nodiscard]] std::string jobs_view(const std::vector<const Job*>& jobs);
[[nodiscard]] std::string file_event_view(const Job& job, const File& file);  // {"job":ID,"file":{…}}

// The parts of a file for a client that waits for many: {"job":ID,"file":{"index":…,"state":…,…}}
[[nodiscard]] std::string file_event_brief(const Job& job, const File& file);

// Users who are not admins see URLs without their query, which may hold tokens; and of a record, which others may have
// fetched as well, neither digests nor the times and number of its uses.
enum class RecordDetail { all, of_own_user };
[[nodiscard]] std::string shown_url(const std::string& url, RecordDetail detail);
[[nodiscard]] std::string record_view(const cache::ContentInfo& record, RecordDetail detail,
                                      const std::vector<cache::SegmentInfo>* segments = nullptr);
// `next`: the id to continue after; empty at the end.
[[nodiscard]] std::string records_view(const std::vector<cache::ContentInfo>& records, const std::string& next,
                                       RecordDetail detail);
[[nodiscard]] std::string removed_view(std::uint64_t removed);

struct StatusFacts {
  std::string version;
  unsigned api = kApiVersion;
  int pid = 0;
  Duration uptime{};
  std::string state_directory;
  uid_t user = 0;
  Totals totals;
  cache::CacheFigures cache;
  bool ca_of_environment = false;                   // for the configured authorities
  std::string ca_fingerprint;                       // empty: the system's
  std::vector<std::string> hooks, notify_commands;  // names that jobs may use; not on the loopback port
  std::optional<Caller> caller;                     // none: on the loopback port, which shows no paths and users either
};
[[nodiscard]] std::string status_view(const StatusFacts& facts);

[[nodiscard]] std::string descriptor_view(const File& file);
[[nodiscard]] std::string descriptors_view(const std::vector<const File*>& files);
[[nodiscard]] std::string config_view(const Config& config);

}  // namespace larder::agent
