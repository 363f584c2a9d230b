#include <unistd.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <memory>

#include "agent/cli/command/commands.h"
#include "agent/cli/get/environment_trust.h"
#include "agent/cli/get/get_options.h"
#include "agent/cli/get/get_session.h"

namespace larder::agent {
namespace {

constexpr const char* kGetHelp =
    R"(Gets URLs into files. Safe to interrupt and to repeat: the same command goes on where the last one ended.

Examples:
  larder get https://example.org/x.iso                         into ./x.iso
  larder get https://example.org/x.iso -o /srv/x.iso --sha256 9f86d0…
  larder get https://a.example/1 https://a.example/2 -d parts/
  larder get --from list.txt -d /srv/mirror                    lines "URL [sha256] [name]"
  larder get https://example.org/x.tgz --check 'tar tzf "$LARDER_FILE" >/dev/null'
  larder get https://example.org/x.iso --minisign-key pub.key --minisign-sig x.iso.minisig
  larder get https://example.org/private --user-file ~/.secret --json
  larder get https://a.example/x.iso --mirror https://b.example/x.iso --sha256 9f86d0…
  larder get -J --netrc 'https://example.org/download?id=7'    the server's name, the password of ~/.netrc
)";

std::string working_directory() {  // empty: it was removed, or cannot be reached from the root
  std::string path(PATH_MAX, '\0');
  const bool known = ::getcwd(path.data(), path.size()) != nullptr && path.starts_with('/');
  return known ? std::string(path.c_str()) : std::string();
}

int run(GetOptions options, AgentAccess& agent) {
  options.request.home = agent.environment().home;
  auto plan = make_plan(options, read_text_file);
  if (!plan) return report(plan.error());
  if (auto writable = judge_destinations(plan->request.files); !writable) return report(writable.error());
  if (auto trusted = add_environment_authorities(plan->request, agent); !trusted) return report(trusted.error());
  if (auto sound = complete_plan(*plan); !sound) return report(sound.error());
  return GetSession(std::move(*plan), agent).get_files();
}

}  // namespace

void add_request_options(CLI::App& command, RequestOptions& options) {
  command.add_option("URL", options.urls, "What to get (http, https)");
  command.add_option("--from", options.list_file, "A list of files, - for standard input: URL [sha256] [name]")
      ->type_name("FILE");
  const char* judged = "How the content is judged";
  command.add_option("--sha256", options.sha256, "The SHA-256 that the content must have")
      ->type_name("HEX")
      ->group(judged);
  command.add_option("--minisign-key", options.minisign_key, "Public key, or the file with it")
      ->type_name("KEY")
      ->group(judged);
  command.add_option("--minisign-sig", options.minisign_signature_file, "The .minisig file")
      ->type_name("FILE")
      ->group(judged);
  command.add_option("--hook", options.hook, "A hook from the agent's configuration")->type_name("NAME")->group(judged);
  add_connection_options(command, options);
  const char* reached = kReached;
  command
      .add_option("--mirror", options.mirrors,
                  "Another URL of the same file, asked when the one before fails or stalls; needs --sha256, which "
                  "decides. May be given up to 16 times")
      ->type_name("URL")
      ->allow_extra_args(false)
      ->group(reached);
  command
      .add_option(
          "--range", options.ranges,
          "Only these bytes, one after the other: 0-99,500-; -100: the last 100, or all of a file that has fewer")
      ->type_name("A-B,…")
      ->group(reached);
  command.add_option("--parallel", options.parallel, "Ranges asked for at a time")
      ->check(CLI::Range(1, 16))
      ->group(reached);
  command.add_flag("--redirect-loopback", options.redirect_loopback, "Let a redirect lead to this machine")
      ->group(reached);
  const char* limits = "Limits and cache";
  add_pace_options(command, options, limits);
  command.add_option("--max-size", options.max_size, "Refuse larger files: \"2 GiB\"")
      ->type_name("SIZE")
      ->group(limits);
  command.add_flag("--no-cache", options.no_cache, "Do not answer from the cache")->group(limits);
  command.add_flag("--no-store", options.no_store, "Do not keep it in the cache")->group(limits);
  command.add_flag("--no-peers", options.no_peers, "Take nothing from neighbours")->group(limits);
  command.add_flag("--no-share", options.no_share, "Offer it to no neighbour")->group(limits);
  command
      .add_flag("--offline-ok", options.offline_ok,
                "Where the origin cannot be reached, the newest validated edition will do; says so, and how old it is")
      ->group(limits);
}

void add_get_command(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("get", kGetHelp);
  auto options = std::make_shared<GetOptions>();
  command
      ->add_option("-o,--output", options->output,
                   "The file to write; - for standard output. Links lead to their target, pipes and character devices "
                   "are written to")
      ->type_name("FILE");
  command->add_option("-d,--directory", options->directory, "The directory to write into")->type_name("DIR");
  command->add_flag("-J,--remote-name", options->remote_name,
                    "The name that the origin gives (Content-Disposition), else the URL's; replaces nothing");
  command->add_flag("--overwrite", options->overwrite, "With -J: also over a file of that name");
  add_request_options(*command, options->request);
  command
      ->add_option("--check", options->check_command,
                   "Your own judge, run by sh with the file as $1 and LARDER_FILE: exit 0 valid, 1 not valid")
      ->type_name("CMD")
      ->group("How the content is judged");
  command->add_flag("--json", options->json, "The outcome as JSON on standard output");
  command->add_flag("-q,--quiet", options->quiet, "No progress; errors only");
  command->callback([options, &program] {
    options->working_directory = working_directory();
    program.action = [options](AgentAccess& agent) { return run(*options, agent); };
  });
}

}  // namespace larder::agent
