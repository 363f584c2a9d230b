// The configuration: /etc/larder/larder.toml or --config. Parsed and checked as a whole into an immutable value; an
// unknown key or a bad value is config_invalid with file and line. One table (config_table.cpp) is the parser, the
// documentation (docs/configuration.md, `larder config show`) and the defaults.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/verdict/verdict.h"
#include "base/config/config_row.h"
#include "base/io/log.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "origin/url/url.h"

namespace larder::agent {

struct NotifyCommand {
  std::string name;
  std::vector<std::string> command;
  Duration timeout = std::chrono::minutes(1);
};

enum class Metered { automatic, yes, no };  // is the network to the neighbours paid by volume?

struct Config {
  // [agent]
  std::string state_directory = "/var/lib/larder";
  std::string runtime_directory = "/run/larder";  // api.sock
  log::Level log_level = log::Level::info;
  Duration idle_exit{};  // 0: never; time without jobs and clients after which a user's own agent ends
  // [api]
  std::vector<std::string> admins;  // user names or numeric ids, besides root and the agent's own user
  std::string socket_mode = "0666";
  std::uint16_t http_port = 0;  // read-only loopback port for /metrics; 0: off
  // [cache]
  std::uint64_t cache_max_size = 0;   // 0: automatic
  std::uint64_t cache_keep_free = 0;  // 0: automatic (10 %)
  Duration cache_max_age = std::chrono::hours(24 * 90);
  // [jobs]
  unsigned max_jobs = 300, max_jobs_per_user = 60, max_files_per_job = 1000, max_ranges_per_file = 500;
  Duration inactivity_timeout = std::chrono::hours(24 * 90);
  unsigned max_active_jobs = 8, max_active_files_per_job = 8;
  // [origin]
  std::uint64_t max_rate = 0;  // all jobs together, bytes/s
  Duration connect_timeout = std::chrono::seconds(30);
  Duration stall_timeout = std::chrono::seconds(60);
  unsigned max_connections_per_host = 16;
  std::uint64_t least_rate = 8 * 1024;  // bytes/s; 0: off
  origin::UrlPolicy url_policy;
  std::string proxy;  // default for jobs; empty: environment
  std::string ca_file;
  std::string ca_certificates;     // text of ca_file; set by read_authorities()
  bool ca_of_environment = false;  // it is from this agent's environment (environment_authorities.h)
  // [peer]
  bool peer_enabled = true, peer_use = true, peer_serve = true, peer_crowd = true;
  std::uint16_t peer_port = 7475;           // UDP and TCP; 0: any free one
  std::uint16_t swarm_port = 7476;          // TCP; 0: any free one
  std::vector<std::string> peer_listen;     // numeric addresses of this machine; empty: all
  std::vector<std::string> peer_addresses;  // "host:port" (base/text/host_port.h)
  std::string peer_srv;                     // DNS name; empty: none
  bool peer_multicast = true;
  bool peer_encryption = true;         // "on"; of the swarm
  std::uint64_t peer_upload_rate = 0;  // bytes/s; 0: unlimited
  unsigned peer_max_connections = 200;
  Metered peer_metered = Metered::automatic;
  bool peer_serve_metered = false;
  unsigned peer_min_battery = 30;  // percent
  std::uint64_t peer_min_size = 0;
  std::vector<std::string> peer_never_share;  // URL globs (peer/offer/share_policy.h)
  std::uint64_t peer_min_rate = 256 * 1024;   // bytes/s; 0: off
  bool peer_offline_ok = true;
  // [trust]
  unsigned trust_min_attesters = 1;
  // [[hook]] and [[notify]]
  std::vector<Hook> hooks;
  std::vector<NotifyCommand> notify_commands;
};

inline constexpr std::string_view kDefaultConfigPath = "/etc/larder/larder.toml";

// Errors are config_invalid with "FILE:LINE: …" in the detail; `file_name` is used only for them.
[[nodiscard]] Result<std::shared_ptr<const Config>> parse_config(std::string_view toml, const std::string& file_name);
// Reads the file (blocks). A missing file is not_found.
[[nodiscard]] Result<std::shared_ptr<const Config>> load_config(const std::string& path);
// The same, but a missing file gives the defaults: for kDefaultConfigPath, which the user did not name.
[[nodiscard]] Result<std::shared_ptr<const Config>> load_config_or_defaults(const std::string& path);
// Sets ca_certificates from ca_file (blocks; at the start and at each reload): a regular file of at most 512 KiB with
// nothing but certificates, or config_invalid. No download opens the file again. `of_environment`: for an agent that a
// user started for itself, and only if ca_file is empty; an unusable environment is ignored with a warning in the log,
// and the command that needs it reports it.
[[nodiscard]] Status read_authorities(Config& config, bool of_environment = false);

[[nodiscard]] std::vector<ConfigKey> config_keys();  // [[hook]] and [[notify]] as sections "[hook]" and "[notify]"
// Returns the effective values for `larder config show`, in a form that parse_config() reads. Proxy passwords show as
// "***".
[[nodiscard]] std::string config_as_toml(const Config& config);
[[nodiscard]] std::string config_as_markdown();  // the table of docs/configuration.md

}  // namespace larder::agent
