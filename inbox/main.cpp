// larder-inbox: the upload server. Command line, signals and loop; composition.cpp makes its parts.
#include <CLI/CLI.hpp>
#include <sstream>

#include "base/hash/digest.h"
#include "base/io/log.h"
#include "base/io/standard_streams.h"
#include "base/process/command_description.h"
#include "base/process/process_setup.h"
#include "base/process/program_output.h"
#include "base/process/signals.h"
#include "base/process/stop_guard.h"
#include "base/process/systemd.h"
#include "inbox/access/access.h"
#include "inbox/composition.h"

namespace {

using namespace larder;
using inbox::InboxService;
using inbox::ServerConfig;

constexpr int kUsage = 2;
// Requests and programs under way get so long; what clients had sent is kept in any case.
constexpr std::chrono::seconds kStopWithin{20};
// The process ends by then in any case; the unit's TimeoutStopSec is longer.
constexpr std::chrono::seconds kEndWithin{30};

int print(const std::string& text) {
  return print_output("larder-inbox", text);
}

int failed(const Error& error) {
  return report_failure("larder-inbox", error);
}

class Program {
 public:
  explicit Program(std::shared_ptr<const ServerConfig> config) : config_(std::move(config)) {}

  int run() {
    log::set_level(config_->log_level);
    auto made = InboxService::make(loop_, config_);
    if (!made) return failed(made.error());
    service_ = std::move(*made);
    Signals signals(
        loop_, [this] { stop("signal"); }, [this] { reload(); });
    loop_.post([this] { service_->start([this](Status started) { on_started(started); }); });
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
    for (const std::string& address : config_->listen)
      log::info("listening address={} tls={}", address, !config_->certificate.empty());
    log::info("ready state={}", config_->state_directory);
    manager_.ready("ready");
    if (manager_.watchdog_interval()) watch();
  }

  void watch() {
    manager_.alive();
    loop_.after(*manager_.watchdog_interval(), [this] { watch(); });
  }

  void reload() {
    manager_.reloading();
    if (auto read = service_->reload_certificate(); !read)
      log::error("the certificate stays as it was: {}", read.error().text());
    manager_.ready("ready");
  }

  void stop(const char* why) {
    if (stopping_) return;
    stopping_ = true;
    StopGuard::begin();
    log::info("stopping reason={}", why);
    manager_.stopping();
    loop_.after(kStopWithin, [this] {
      log::warn("stopping took too long; programs under way are run again at the next start");
      loop_.stop();
    });
    service_->stop(kStopWithin, [this] { loop_.stop(); });
  }

  StopGuard guard_{kEndWithin};  // first: it is destroyed last
  std::shared_ptr<const ServerConfig> config_;
  ServiceManager manager_;
  Loop loop_;
  std::unique_ptr<InboxService> service_;
  bool stopping_ = false;
  int status_ = 0;
};

int print_token() {
  const std::string token = inbox::new_token();
  return print("token: " + token + "\ntoken_sha256: " + to_hex(sha256(as_bytes(token))) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  set_up_process();
  CLI::App app(R"(The Larder upload server: takes files by tus, BITS and PUT, and hands each to its application once.

Examples:
  larder-inbox --config /etc/larder/inbox.toml --check
  larder-inbox --config inbox.toml
  larder-inbox --new-token
)",
               "larder-inbox");
  std::string config_file(inbox::kDefaultConfig);
  bool only_check = false, token = false, keys = false, describe = false;
  app.set_version_flag("--version", std::string("larder-inbox ") + LARDER_VERSION);
  app.add_option("--config", config_file, "The configuration; SIGHUP reads the certificate again")->type_name("FILE");
  app.add_flag("--check", only_check, "Check the configuration and end");
  app.add_flag("--new-token", token, "Print a new token and its digest for the configuration, and end");
  app.add_flag("--keys", keys, "Print all keys of the configuration as a table, and end");
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
  if (token) return print_token();
  if (keys) return print(inbox::server_config_as_markdown());
  auto config = inbox::load_server_config(config_file);
  if (!config) return failed(config.error());
  if (only_check) return print(config_file + " is valid\n");
  return Program(std::move(*config)).run();
}
