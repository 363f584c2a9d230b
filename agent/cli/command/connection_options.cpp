// Options that get, put and job create share: how the server is asked, and how long and how fast.
#include <CLI/CLI.hpp>

#include "agent/cli/command/commands.h"
#include "agent/cli/get/get_options.h"

namespace larder::agent {

void add_connection_options(CLI::App& command, RequestOptions& options) {
  const char* reached = kReached;
  command.add_option("--header", options.headers, "A header to send; secrets belong into --header-file")
      ->type_name("'N: V'")
      ->allow_extra_args(false)
      ->group(reached);
  command.add_option("--header-file", options.header_file, "Headers, one a line; - for standard input")
      ->type_name("FILE")
      ->group(reached);
  command.add_option("--user-file", options.user_file, "user:password on the first line; - for standard input")
      ->type_name("FILE")
      ->group(reached);
  command
      .add_flag("--netrc", options.netrc,
                "User and password for the host from ~/.netrc; never for another host that a redirect leads to")
      ->group(reached);
  command.add_option("--netrc-file", options.netrc_file, "The same from this file; - for standard input")
      ->type_name("FILE")
      ->group(reached);
  command.add_option("--proxy", options.proxy, "Proxy, or none; default: the agent's")
      ->type_name("URL")
      ->group(reached);
  command.add_option("--proxy-user-file", options.proxy_user_file, "user:password for the proxy")
      ->type_name("FILE")
      ->group(reached);
  command
      .add_option("--ca-file", options.ca_file,
                  "Certificate authorities in place of the system's (PEM; read here, sent as text)")
      ->type_name("FILE")
      ->group(reached);
  command.add_option("--cert", options.certificate_file, "Client certificate (PEM)")->type_name("FILE")->group(reached);
  command.add_option("--key", options.key_file, "Its key (PEM)")->type_name("FILE")->group(reached);
  command.add_option("--key-password-file", options.key_password_file, "The key's password")
      ->type_name("FILE")
      ->group(reached);
  command.add_option("--http", options.http, "HTTP version")
      ->check(CLI::IsMember({"any", "1.0", "1.1", "2"}))
      ->group(reached);
}

void add_pace_options(CLI::App& command, RequestOptions& options, const char* group) {
  command.add_option("--priority", options.priority, "foreground, high, normal or low")
      ->check(CLI::IsMember({"foreground", "high", "normal", "low"}))
      ->group(group);
  command.add_option("--rate", options.rate, "At most so fast: \"10 MiB/s\", \"200 Mbit/s\"")
      ->type_name("RATE")
      ->group(group);
  command
      .add_option("--retry-for", options.retry_for,
                  "Give up after so long without progress (get, put: 10m, and at once where the name or the port does "
                  "not exist; a job: 14d); 0: do not retry")
      ->type_name("TIME")
      ->group(group);
  command.add_option("--retry-delay", options.retry_delay, "The first pause before a retry")
      ->type_name("TIME")
      ->group(group);
  command.add_option("--max-time", options.maximum_time, "Give up after so long in all")
      ->type_name("TIME")
      ->group(group);
  command.add_option("--notify", options.notify, "A notify command from the agent's configuration")
      ->type_name("NAME")
      ->group(group);
}

}  // namespace larder::agent
