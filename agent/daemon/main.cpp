// larderd: the agent. Command line, signals and loop; composition.cpp makes its parts.
#include <CLI/CLI.hpp>
#include <sstream>

#include "agent/daemon/composition.h"
#include "base/io/log.h"
#include "base/io/standard_streams.h"
#include "base/process/command_description.h"
#include "base/process/process_setup.h"
#include "base/process/program_output.h"
#include "base/process/signals.h"
#include "base/process/stop_guard.h"
#include "base/process/systemd.h"
#include "base/text/units.h"
#include "base/version.h"

namespace {

using namespace larder;
using agent::Agent;
using agent::CommandLine;

constexpr int kUsage = 2;
// The stop must end before a service manager loses patience; committed segments are safe in any case.
constexpr std::chrono::milliseconds kStopWithin{4500};
// The process ends by then in any case; the unit's TimeoutStopSec is 15 s.
constexpr std::chrono::seconds kEndWithin{10};

int print(const std::string& text) {
  return print_output("larderd", text);
}

int failed(const Error& error) {
  return report_failure("larderd", error);
}

class Program {
 public:
  explicit Program(CommandLine command_line) : command_line_(std::move(command_line)) {}

  int run() {
    auto config = agent::configuration(command_line_);
    if (!config) return failed(config.error());
    config_ = std::move(*config);
    log::set_level(config_->log_level);
    command_line_.socket = manager_.take_socket();
    auto made = Agent::make(loop_, command_line_, config_, [this] { stop("idle"); });
    if (!made) return failed(made.error());
    agent_ = std::move(*made);
    Signals signals(
        loop_, [this] { stop("signal"); }, [this] { reload(); });
    loop_.post([this] { agent_->start([this](Status started) { on_started(started); }); });
    loop_.run();
    return status_;
  }

 private:
  void on_started(const Status& started) {
    if (!started) {
      status_ = failed(started.error());
      loop_.stop();
      return;
    }
    log::info("ready version={} state={} socket={}/api.sock", agent::kVersion, config_->state_directory,
              config_->runtime_directory);
    manager_.ready("ready");
    agent_->watch_threads(manager_.watchdog_interval());
    if (manager_.watchdog_interval()) watch();
  }

  void watch() {
    if (agent_->healthy()) manager_.alive();  // otherwise the service manager restarts the agent
    loop_.after(*manager_.watchdog_interval(), [this] { watch(); });
  }

  void reload() {
    manager_.reloading();
    // A refusal is logged; the old configuration stays.
    agent_->reload([this](const Status&) { manager_.ready("ready"); });
  }

  void stop(const char* why) {
    if (stopping_) return;
    stopping_ = true;
    StopGuard::begin();
    log::info("stopping reason={}", why);
    manager_.stopping();
    loop_.after(kStopWithin, [this] {
      log::warn("stopping took too long; what was under way is done again at the next start");
      loop_.stop();
    });
    agent_->stop([this] { loop_.stop(); });
  }

  StopGuard guard_{kEndWithin};  // first: it is destroyed last
  CommandLine command_line_;
  std::shared_ptr<const agent::Config> config_;  // of the start
  ServiceManager manager_;
  Loop loop_;
  std::unique_ptr<Agent> agent_;
  bool stopping_ = false;
  int status_ = 0;
};

int check(const CommandLine& command_line) {
  const auto config = agent::configuration(command_line);
  if (!config) return failed(config.error());
  return print(command_line.config_file + " is valid\n");
}

}  // namespace

int main(int argc, char** argv) {
  set_up_process();
  CLI::App app(R"(The Larder agent: fetches, judges and keeps files for the programs and people of this machine.

Examples:
  larderd                                       with /etc/larder/larder.toml, or the defaults
  larderd --config /etc/larder/larder.toml --check
  larderd --state-directory ~/.local/state/larder --runtime-directory "$XDG_RUNTIME_DIR/larder" --idle-exit 10m
)",
               "larderd");
  CommandLine command_line;
  std::string idle_exit;
  bool only_check = false, optional_config = false, describe = false;
  app.set_version_flag("--version", std::string("larderd ") + agent::kVersion);
  auto* config = app.add_option("--config", command_line.config_file, "The configuration; SIGHUP reads it again")
                     ->type_name("FILE");
  app.add_flag("--config-optional", optional_config, "A missing configuration means the defaults");
  app.add_option("--state-directory", command_line.state_directory, "Overrides agent.state_directory")
      ->type_name("DIR");
  app.add_option("--runtime-directory", command_line.runtime_directory, "Overrides agent.runtime_directory")
      ->type_name("DIR");
  app.add_option("--idle-exit", idle_exit, "End after so long without jobs and clients: 10m; 0s: never")
      ->type_name("TIME");
  app.add_flag("--trust-environment", command_line.trust_environment,
               "A user's own agent: trusts what SSL_CERT_FILE, SSL_CERT_DIR or CURL_CA_BUNDLE names, unless "
               "origin.ca_file does");
  app.add_flag("--check", only_check, "Check the configuration and end");
  app.add_flag("--describe", describe)->group("");  // for manual pages
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    std::ostringstream text;
    const int status = app.exit(e, text, text);
    const int printed = print(text.str());
    return printed != 0 ? printed : status;
  } catch (const CLI::ParseError& e) {
    std::ostringstream text;
    (void)app.exit(e, text, text);
    say(text.str());
    return kUsage;
  }
  if (describe) return print(describe_commands(app));
  command_line.config_required = config->count() > 0 && !optional_config;
  if (!idle_exit.empty()) {
    const auto limit = parse_duration(idle_exit);
    if (!limit) return failed(limit.error());
    command_line.idle_exit = *limit;
  }
  if (only_check) return check(command_line);
  return Program(std::move(command_line)).run();
}
