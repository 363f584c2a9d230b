#include <CLI/CLI.hpp>
#include <memory>

#include "agent/cli/command/commands.h"
#include "agent/cli/get/environment_trust.h"
#include "agent/cli/put/put_options.h"
#include "agent/cli/put/put_session.h"

namespace larder::agent {
namespace {

constexpr const char* kPutHelp =
    R"(Puts files to an URL, and is told that they are safe there. Safe to interrupt and to repeat: the same command goes on
where the last one ended, and the receiver gets each file once. A file that is written to meanwhile is an error, never a
mixture of two versions.

Examples:
  larder put report.pdf https://example.org/in/builds/          to a place that takes uploads (tus)
  larder put report.pdf https://example.org/dav/report.pdf      PUT
  larder put a.deb b.deb https://example.org/in/builds/
  larder put nightly.tar https://example.org/in/builds/ --transaction nightly-2026-11-30
  tar c src | larder put - https://example.org/in/builds/ --name src.tar
  larder put big.iso https://example.org/in/builds/ --header-file ~/.token --spool --json
)";

int run(const PutOptions& options, AgentAccess& agent) {
  auto asked = options;
  asked.request.home = agent.environment().home;
  auto plan = make_put_plan(asked, read_text_file);
  if (!plan) return report(plan.error());
  if (auto trusted = add_environment_authorities(plan->request.job, agent); !trusted) return report(trusted.error());
  return PutSession(std::move(*plan), agent).put_files();
}

}  // namespace

void add_put_command(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("put", kPutHelp);
  auto options = std::make_shared<PutOptions>();
  command->add_option("FILE", options->words, "The files, or - for standard input; then the URL (http, https)")
      ->option_text("... URL");
  auto* transaction =
      command
          ->add_option("--transaction", options->transaction,
                       "Your own id of this upload: whenever it is put again, the receiver gets it once")
          ->type_name("ID");
  command->add_option("--name", options->sent_as, "What the receiver calls it; default: the file's name")
      ->type_name("NAME");
  command->add_option("--sha256", options->request.sha256, "The SHA-256 that the file must have")->type_name("HEX");
  command->add_option("--protocol", options->protocol, "auto: as the server says; BITS must be asked for")
      ->check(CLI::IsMember({"auto", "tus", "bits", "put"}));
  command->add_option("--reply", options->reply_file, "Where the receiver's reply is written (BITS); follows no link")
      ->type_name("FILE");
  command->add_flag("--spool", options->spool,
                    "The agent takes a copy first: the file may change or go, and the agent may be started anew");
  command->add_flag("--overwrite", options->overwrite, "PUT: also over a file that is there");
  add_connection_options(*command, options->request);
  add_pace_options(*command, options->request, "Limits");
  command->add_flag("--json", options->json, "The outcome as JSON on standard output");
  command->add_flag("-q,--quiet", options->quiet, "No progress; errors only");
  command->callback([options, transaction, &program] {
    options->transaction_given = transaction->count() > 0;
    program.action = [options](AgentAccess& agent) { return run(*options, agent); };
  });
}

}  // namespace larder::agent
