// The configuration of larder-inbox: one file in TOML, read and checked as a whole into an immutable value. The table
// in inbox_config.cpp is the parser, the defaults and the page docs/inbox-configuration.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/config/config_row.h"
#include "base/io/log.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/text/units.h"

namespace larder::inbox {

// Who may upload: [[principal]].
struct PrincipalConfig {
  std::string name;
  std::vector<std::string> token_sha256;             // in hex: of each token that proves to be this one
  std::vector<std::string> certificate_sha256 = {};  // in hex: of each client certificate that does
  std::vector<std::string> certificate_names = {};   // "dns:…", "email:…", "uri:…": of certificates that do
};

enum class HandOverWay { directory, take, program, http };
enum class UrlContent { value, reference };

// [[inbox]]: one place to upload to, and the application that gets the files.
struct InboxConfig {
  std::string name;
  std::vector<std::string> principals;  // names; "anybody" alone: no credentials are asked for
  HandOverWay hand_over = HandOverWay::take;
  std::string directory;             // of `directory`: its ready/, done/ and reject/
  std::vector<std::string> program;  // of `program`
  Duration program_timeout = std::chrono::seconds(240);
  std::string url;                             // of `http`: it is called with each file
  UrlContent url_content = UrlContent::value;  // the file is the body, or named by its path in `directory`
  Duration url_timeout = std::chrono::seconds(240);
  std::string url_authorities;         // path in PEM: of the server that is called; empty: the system's
  std::uint64_t max_reply = 1 * kMiB;  // bytes of the application's reply for the client
  Duration wait_for_application{};     // how long a client waits for the application's word; 0: it does not
  std::vector<std::string> scanner;    // a program that judges a file before it is accepted; empty: none
  Duration scanner_timeout = std::chrono::minutes(5);
  std::uint64_t max_size = 1024 * kGiB;           // bytes of one file
  std::uint64_t max_part = 0;                     // bytes of one request; 0: as large as the file
  unsigned max_open = 50;                         // uploads that one principal may have begun
  Duration expiry = std::chrono::hours(24 * 14);  // without progress
  bool empty_bits = false;                        // BITS: a session without a byte is an empty file
};

struct ServerConfig {
  // [server]
  std::string state_directory = "/var/lib/larder-inbox";
  std::string runtime_directory = "/run/larder-inbox";  // inbox.sock, for `larder inbox`
  std::vector<std::string> admins;  // user names or numeric ids, besides root and the service's own user
  std::vector<std::string> listen = {"127.0.0.1:7480"};
  std::string certificate, key;    // paths in PEM; both or none
  std::string client_authorities;  // path in PEM; empty: clients are not asked for certificates
  std::string base_url;            // "https://inbox.example", where it is not as the client asked
  log::Level log_level = log::Level::info;
  bool access_log = true;
  unsigned max_connections = 1024;
  unsigned connections_per_address = 256;
  std::uint64_t keep_free = 1 * kGiB;  // of the disk, for others
  Duration stall_timeout = std::chrono::seconds(60);
  std::uint64_t least_rate = 1024;                  // bytes/s over five minutes; 0: off
  Duration remember = std::chrono::hours(24 * 90);  // settled uploads, so that a repetition is known
  Duration keep_content = std::chrono::hours(24);   // a file, after the application has it
  std::string bits_host_id;                         // pins BITS clients to this node; empty: no
  Duration bits_fallback{};                         // 0: never
  // [[principal]] and [[inbox]]
  std::vector<PrincipalConfig> principals;
  std::vector<InboxConfig> inboxes;

  [[nodiscard]] const InboxConfig* find_inbox(std::string_view name) const;
};

inline constexpr std::string_view kDefaultConfig = "/etc/larder/inbox.toml";
inline constexpr std::string_view kAnybody = "anybody";

// Errors are config_invalid with "FILE:LINE: …" in the detail; `file_name` is used only for them.
[[nodiscard]] Result<std::shared_ptr<const ServerConfig>> parse_server_config(std::string_view toml,
                                                                              const std::string& file_name);
// Reads the file; blocks. A missing file is not_found.
[[nodiscard]] Result<std::shared_ptr<const ServerConfig>> load_server_config(const std::string& path);
[[nodiscard]] std::string server_config_as_markdown();  // the table of the page

}  // namespace larder::inbox
