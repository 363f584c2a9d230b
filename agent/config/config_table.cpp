#include "agent/config/config_table.h"

#include <algorithm>
#include <utility>

#include "agent/config/value_codec.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kDay = hours(24);
constexpr Duration kYears = kDay * 3650;

template <class Codec, class Access>
ConfigRow<Config> key(const char* section, const char* name, Codec codec, Access access, const char* meaning) {
  return config_row<Config>(section, name, std::move(codec), access, meaning);
}

void add_agent_and_api(std::vector<ConfigRow<Config>>& rows) {
  rows.push_back(key("agent", "state_directory", absolute_path(), LARDER_MEMBER(state_directory),
                     "Database, contents and identity. One agent at a time."));
  rows.push_back(key("agent", "runtime_directory", absolute_path(), LARDER_MEMBER(runtime_directory),
                     "Where the API's socket `api.sock` is made."));
  rows.push_back(
      key("agent", "log_level", LogLevelCodec{}, LARDER_MEMBER(log_level), "The least important lines to log."));
  rows.push_back(key("agent", "idle_exit", TimeCodec(seconds(1), kYears, "never"), LARDER_MEMBER(idle_exit),
                     "The agent ends itself after so long without unfinished jobs and clients."));
  rows.push_back(key("api", "admins", user_names(), LARDER_MEMBER(admins),
                     "Users that may see and steer everybody's jobs and the cache, besides root and the agent's own."));
  rows.push_back(key("api", "socket_mode", socket_mode(), LARDER_MEMBER(socket_mode),
                     "Permissions of `api.sock`: who may connect at all."));
  rows.push_back(key("api", "http_port", CountCodec<std::uint16_t>{0, 65535, "TCP port"}, LARDER_MEMBER(http_port),
                     "Read-only port on 127.0.0.1 and ::1 for `/metrics` and `/v1/status`; 0: off."));
}

void add_cache_and_jobs(std::vector<ConfigRow<Config>>& rows) {
  rows.push_back(key("cache", "max_size", SizeCodec(kMiB, "auto"), LARDER_MEMBER(cache_max_size),
                     "The most that the cache may hold; auto: the smaller of 20 % of the file system and 64 GiB."));
  rows.push_back(key(
      "cache", "keep_free", SizeCodec(kMiB, "auto"), LARDER_MEMBER(cache_keep_free),
      "What stays free on the cache's file system; auto: 10 % of it, and for what jobs need beyond the cache at most "
      "1 GiB of that."));
  rows.push_back(key("cache", "max_age", TimeCodec(minutes(1), kYears), LARDER_MEMBER(cache_max_age),
                     "Records unused for so long are removed."));
  rows.push_back(key("jobs", "max_jobs", CountCodec<unsigned>{1, 100'000, "jobs"}, LARDER_MEMBER(max_jobs),
                     "Unfinished jobs of all users together; admins may go beyond."));
  rows.push_back(key("jobs", "max_jobs_per_user", CountCodec<unsigned>{1, 100'000, "jobs"},
                     LARDER_MEMBER(max_jobs_per_user), "Unfinished jobs of one user; at most `jobs.max_jobs`."));
  rows.push_back(key("jobs", "max_files_per_job", CountCodec<unsigned>{1, 1000, "files"},
                     LARDER_MEMBER(max_files_per_job), "Files in one job."));
  rows.push_back(key("jobs", "max_ranges_per_file", CountCodec<unsigned>{1, 10'000, "ranges"},
                     LARDER_MEMBER(max_ranges_per_file), "Byte ranges asked of one file."));
  rows.push_back(key("jobs", "inactivity_timeout", TimeCodec(minutes(1), kYears), LARDER_MEMBER(inactivity_timeout),
                     "Jobs without progress and without a change for so long are cancelled."));
  rows.push_back(key("jobs", "max_active_jobs", CountCodec<unsigned>{1, 1000, "jobs"}, LARDER_MEMBER(max_active_jobs),
                     "Jobs that transfer at the same time; foreground jobs come on top."));
  rows.push_back(key("jobs", "max_active_files_per_job", CountCodec<unsigned>{1, 64, "files"},
                     LARDER_MEMBER(max_active_files_per_job), "Files of one job that transfer at the same time."));
}

void add_origin(std::vector<ConfigRow<Config>>& rows) {
  rows.push_back(
      key("origin", "max_rate", RateCodec{}, LARDER_MEMBER(max_rate), "All transfers from origins together."));
  rows.push_back(key("origin", "connect_timeout", TimeCodec(milliseconds(100), minutes(10)),
                     LARDER_MEMBER(connect_timeout), "Name resolution, connection and TLS together."));
  rows.push_back(key("origin", "stall_timeout", TimeCodec(milliseconds(100), hours(1)), LARDER_MEMBER(stall_timeout),
                     "A transfer without a byte of the file for so long is given up and tried again. Neither heads nor "
                     "trailers count."));
  rows.push_back(key("origin", "max_connections_per_host", CountCodec<unsigned>{1, 256, "connections"},
                     LARDER_MEMBER(max_connections_per_host), "Connections to one origin at the same time."));
  rows.push_back(key("origin", "least_rate", RateCodec("off"), LARDER_MEMBER(least_rate),
                     "A transfer that was slower for a minute gives its connection up while another user, who has "
                     "fewer, waits for one, and goes on when it is its turn; off: none does."));
  rows.push_back(key("origin", "proxy", proxy(), LARDER_MEMBER(proxy),
                     "For jobs that name none; \"\": as the agent's environment says; \"none\": no proxy."));
  rows.push_back(key("origin", "ca_file", absolute_path_or_none(), LARDER_MEMBER(ca_file),
                     "PEM file of the certificate authorities to trust, in place of the system's; \"\": the system's. "
                     "Read at start and "
                     "reload: a regular file of at most 512 KiB with certificates alone."));
  rows.push_back(
      key("origin", "allow_loopback", SwitchCodec{}, LARDER_MEMBER(url_policy.allow_loopback),
          "URLs may name this machine by address (127.0.0.0/8, ::1) or localhost; other names that lead to it "
          "never may."));
  rows.push_back(key("origin", "allow_private", SwitchCodec{}, LARDER_MEMBER(url_policy.allow_private),
                     "URLs may lead to private addresses (RFC 1918, unique local)."));
  rows.push_back(key("origin", "redirect_to_loopback", SwitchCodec{}, LARDER_MEMBER(url_policy.redirect_to_loopback),
                     "Jobs may ask that redirects from other hosts to this machine are followed."));
  rows.push_back(key("origin", "redirect_to_private", SwitchCodec{}, LARDER_MEMBER(url_policy.redirect_to_private),
                     "Redirects of hosts with a public address to private addresses are followed."));
  rows.push_back(key("origin", "redirect_downgrade", SwitchCodec{}, LARDER_MEMBER(url_policy.redirect_downgrade),
                     "Redirects from https to http are followed."));
  rows.push_back(key("origin", "max_redirects", CountCodec<unsigned>{0, 50, "redirects"},
                     LARDER_MEMBER(url_policy.max_redirects), "Redirects followed for one request."));
  rows.push_back(key("origin", "deny_hosts", host_patterns(), LARDER_MEMBER(url_policy.deny_hosts),
                     "Hosts that are never asked."));
  rows.push_back(key("origin", "allow_link_local", host_patterns(), LARDER_MEMBER(url_policy.allow_link_local),
                     "Hosts, as URLs name them, that may be at link-local addresses (169.254.0.0/16, fe80::/10) or be "
                     "a cloud's metadata service; all others are refused there, and proxies too."));
  rows.push_back(key("origin", "private_hosts", host_patterns(), LARDER_MEMBER(url_policy.sharing.private_hosts),
                     "Hosts of which nothing is shared: each job fetches for itself alone, and nothing is kept."));
  rows.push_back(key("origin", "share_loopback", SwitchCodec{}, LARDER_MEMBER(url_policy.sharing.share_loopback),
                     "Offer neighbours what came from this machine or its link (127.0.0.0/8, ::1, 169.254.0.0/16, "
                     "fe80::/10), where each machine has something else: for tests."));
}

void add_peer_network(std::vector<ConfigRow<Config>>& rows) {
  rows.push_back(key("peer", "enabled", SwitchCodec{}, LARDER_MEMBER(peer_enabled),
                     "Take part in the group at all: without it no port is opened and nobody is asked."));
  rows.push_back(key("peer", "port", CountCodec<std::uint16_t>{0, 65535, "UDP and TCP port"}, LARDER_MEMBER(peer_port),
                     "Discovery (UDP) and catalogue (TCP); 0: any free one, for tests."));
  rows.push_back(key("peer", "swarm_port", CountCodec<std::uint16_t>{0, 65535, "TCP port"}, LARDER_MEMBER(swarm_port),
                     "Content from and to peers; 0: any free one, for tests."));
  rows.push_back(key("peer", "listen", listen_addresses(), LARDER_MEMBER(peer_listen),
                     "This machine's addresses to be found and to serve on; none: all but loopback."));
  rows.push_back(
      key("peer", "addresses", peer_addresses(), LARDER_MEMBER(peer_addresses),
          "Agents that multicast does not reach, such as in other subnets; one is enough, it knows others."));
  rows.push_back(key("peer", "srv", service_name(), LARDER_MEMBER(peer_srv),
                     "DNS name whose SRV records list such agents, \"_larder._udp.office.example\"; \"\": none."));
  rows.push_back(key("peer", "multicast", SwitchCodec{}, LARDER_MEMBER(peer_multicast),
                     "Find agents by multicast (239.255.76.82 and ff02::4c52)."));
  rows.push_back(key("peer", "encryption", OnOffCodec{}, LARDER_MEMBER(peer_encryption),
                     "Of content between peers; off is faster above 1 Gbit/s and shows the content to who can listen. "
                     "Integrity is the same; all of a group must agree."));
  rows.push_back(key("peer", "max_connections", CountCodec<unsigned>{2, 10'000, "connections"},
                     LARDER_MEMBER(peer_max_connections), "Connections from and to peers at the same time."));
}

void add_peer_policy(std::vector<ConfigRow<Config>>& rows) {
  rows.push_back(
      key("peer", "crowd", SwitchCodec{}, LARDER_MEMBER(peer_crowd),
          "Agents that want the same version at the same time divide it among them, so that the origin sends "
          "about one copy; off: each asks it until a neighbour has something to give."));
  rows.push_back(
      key("peer", "use", SwitchCodec{}, LARDER_MEMBER(peer_use), "Take content from peers; jobs may refuse too."));
  rows.push_back(key("peer", "serve", SwitchCodec{}, LARDER_MEMBER(peer_serve), "Give content to peers."));
  rows.push_back(key("peer", "upload_rate", RateCodec{}, LARDER_MEMBER(peer_upload_rate), "To all peers together."));
  rows.push_back(key("peer", "min_rate", RateCodec("off"), LARDER_MEMBER(peer_min_rate),
                     "A peer that delivers less is given up for another or the origin; off: none is."));
  rows.push_back(key("peer", "metered", MeteredCodec{}, LARDER_MEMBER(peer_metered),
                     "Is this machine's network paid by volume; auto: while its default route goes over a mobile modem "
                     "or a tethered phone."));
  rows.push_back(key("peer", "serve_metered", SwitchCodec{}, LARDER_MEMBER(peer_serve_metered),
                     "Give content to peers over a metered network too."));
  rows.push_back(key("peer", "min_battery", CountCodec<unsigned>{0, 100, "percent"}, LARDER_MEMBER(peer_min_battery),
                     "On battery, content is given to peers down to this charge only; 0: always."));
  rows.push_back(key("peer", "min_size", SizeCodec(0, ""), LARDER_MEMBER(peer_min_size),
                     "Smaller contents are not offered to peers."));
  rows.push_back(key("peer", "never_share", url_globs(), LARDER_MEMBER(peer_never_share),
                     "URLs whose content is neither offered to peers nor asked of them; \"*\" stands for any text."));
  rows.push_back(key("peer", "offline_ok", SwitchCodec{}, LARDER_MEMBER(peer_offline_ok),
                     "Jobs may ask for the newest edition around while the origin cannot be reached."));
  rows.push_back(key("trust", "min_attesters", CountCodec<unsigned>{1, 16, "agents"},
                     LARDER_MEMBER(trust_min_attesters),
                     "How many agents must say that a segment is what the origin sent before it is believed."));
}

template <class Target>
std::vector<ConfigRow<Target>> command_rows(const char* section, const char* name_meaning, const char* command_meaning,
                                            const char* timeout_meaning) {
  std::vector<ConfigRow<Target>> rows;
  rows.push_back(config_row<Target>(section, "name", identifier(), LARDER_MEMBER(name), name_meaning));
  rows.push_back(config_row<Target>(section, "command", program(), LARDER_MEMBER(command), command_meaning));
  rows.push_back(config_row<Target>(section, "timeout", TimeCodec(milliseconds(100), hours(24)), LARDER_MEMBER(timeout),
                                    timeout_meaning));
  for (std::size_t i = 0; i < 2; ++i) {
    rows[i].required = true;
    rows[i].key.default_text = "";
  }
  return rows;
}

#undef MEMBER

}  // namespace

const std::vector<ConfigRow<Config>>& config_rows() {
  static const std::vector<ConfigRow<Config>> rows = [] {
    std::vector<ConfigRow<Config>> made;
    add_agent_and_api(made);
    add_cache_and_jobs(made);
    add_origin(made);
    add_peer_network(made);
    add_peer_policy(made);
    return made;
  }();
  return rows;
}

const std::vector<ConfigRow<Hook>>& hook_rows() {
  static const auto rows = command_rows<Hook>("[hook]", "What jobs call the hook by; each name once.",
                                              "Program and arguments, run without a shell, given the content on a "
                                              "read-only descriptor; exit 0: valid, 1: not valid.",
                                              "A hook that runs longer is ended and asked again later.");
  return rows;
}

const std::vector<ConfigRow<NotifyCommand>>& notify_rows() {
  static const auto rows =
      command_rows<NotifyCommand>("[notify]", "What jobs call the command by; each name once.",
                                  "Program and arguments, run without a shell when a job is transferred or in error.",
                                  "A command that runs longer is ended.");
  return rows;
}

}  // namespace larder::agent
