// larder_crowd_sim: offices of any size in virtual time (crowd_world.h). One line for each run.
//
//   larder_crowd_sim --hosts 500 --size-mib 2048 --wan-mbit 1000 --seed 7
//   larder_crowd_sim --scenario churn --seeds 20
//   larder_crowd_sim --table        N against copies from the origin and times, in Markdown
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/sim/crowd_scenarios.h"

namespace larder::sim {
namespace {

constexpr const char* kRandom = "random";
constexpr const char* kColumns = "scenario,hosts,seed,copies,last,p50,p99,p99/p50,sent/host/s,heard/s,fetchers,done";

void print_row(const std::string& name, const WorldOptions& options, const WorldReport& report, const char* between) {
  const double line = static_cast<double>(options.size * options.files) / options.wan;
  const std::vector<std::string> cells = {
      name,
      std::to_string(options.hosts),
      std::to_string(options.seed),
      fmt::format("{:.3f}", report.copies(options)),
      fmt::format("{:.3f}", report.ended / line),
      fmt::format("{:.3f}", report.quantile(0.5) / line),
      fmt::format("{:.3f}", report.quantile(0.99) / line),
      fmt::format("{:.3f}", report.quantile(0.99) / report.quantile(0.5)),
      fmt::format("{:.3f}", report.datagrams_per_host_second()),
      fmt::format("{:.1f}", static_cast<double>(report.datagrams) / std::max(0.001, report.ended)),
      std::to_string(report.most_fetchers),
      report.all_done ? "yes" : "NO",
  };
  std::string line_out;
  for (const std::string& cell : cells) line_out += (line_out.empty() ? "" : between) + cell;
  fmt::print("{}\n", line_out);
  std::fflush(stdout);
}

double processor_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

int table(std::uint64_t seed) {
  fmt::print(
      "| hosts | copies from the origin | p50 ÷ line | p99 ÷ p50 | last ÷ line | datagrams heard per host and second | "
      "streams at once | processor time |\n|---|---|---|---|---|---|---|---|\n");
  bool all_done = true;
  for (const std::size_t hosts : {1U, 12U, 50U, 100U, 500U, 1000U, 2000U, 5000U}) {
    WorldOptions options = large_crowd(hosts);
    options.seed = seed;
    const double began = processor_seconds();
    const WorldReport report = run_world(options);
    const double line = static_cast<double>(options.size) / options.wan;
    const double p50 = report.quantile(0.5);
    fmt::print("| {} | {:.3f} | {:.3f} | {:.3f} | {:.3f} | {:.1f} | {} | {:.1f} s |{}\n", hosts, report.copies(options),
               p50 / line, report.quantile(0.99) / p50, report.ended / line,
               static_cast<double>(report.datagrams) / std::max(0.001, report.ended), report.most_fetchers,
               processor_seconds() - began, report.all_done ? "" : " NOT all done |");
    std::fflush(stdout);
    all_done = all_done && report.all_done;
  }
  return all_done ? 0 : 1;
}

int usage(const char* why) {
  fmt::print(stderr,
             "{}\noptions: --scenario NAME --hosts N --size-mib N --files N --wan-mbit N --lan-mbit N --seed N "
             "--seeds N --loss P --jitter-ms N --late-ms N --attackers N --verbose --table\nscenarios:",
             why);
  for (const auto& [name, options] : scenarios()) fmt::print(stderr, " {}", name);
  fmt::print(stderr, " {}\n", kRandom);
  return 2;
}

void print_hosts(const WorldReport& report) {
  for (std::size_t i = 0; i < report.hosts.size(); ++i) {
    const HostReport& host = report.hosts[i];
    fmt::print("  host {}: begun {:.2f} done {:.2f} origin {:.1f} MiB peers {:.1f} MiB sent {} missing {}{}\n", i,
               host.begun, host.done, host.origin_bytes / (1 << 20), host.peer_bytes / (1 << 20), host.datagrams,
               host.missing, host.alive ? "" : " dead");
  }
  fmt::print("  requests {} bytes of datagrams {} most in a second {} steps {} most copies of a segment {:.2f}\n",
             report.requests, report.datagram_bytes, report.most_in_a_second, report.steps, report.most_copies);
}

int run(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--table" || name == "--verbose") {
      given[name] = "1";
    } else if (i + 1 < argc && name.starts_with("--")) {
      given[name] = argv[++i];
    } else {
      return usage("cannot read the options");
    }
  }
  const auto number = [&given](const char* name, double otherwise) {
    return given.contains(name) ? std::atof(given[name].c_str()) : otherwise;
  };
  const auto seed = static_cast<std::uint64_t>(number("--seed", 1));
  if (given.contains("--table")) return table(seed);
  const std::string name = given.contains("--scenario") ? given["--scenario"] : "plain";
  const auto all = scenarios();
  const bool random = name == kRandom;  // an office drawn by the seed, as the property test draws them
  if (!random && !all.contains(name)) return usage("cannot find that scenario");
  WorldOptions options = random ? random_world(seed) : all.at(name);
  options.hosts = static_cast<std::size_t>(number("--hosts", static_cast<double>(options.hosts)));
  if (given.contains("--size-mib")) options.size = static_cast<std::uint64_t>(number("--size-mib", 1)) << 20;
  options.files = static_cast<std::size_t>(number("--files", static_cast<double>(options.files)));
  options.attackers = static_cast<std::size_t>(number("--attackers", static_cast<double>(options.attackers)));
  options.wan = number("--wan-mbit", options.wan * 8 / 1e6) * 1e6 / 8;
  options.lan = number("--lan-mbit", options.lan * 8 / 1e6) * 1e6 / 8;
  options.loss = number("--loss", options.loss);
  if (given.contains("--jitter-ms")) options.jitter = milliseconds(static_cast<int>(number("--jitter-ms", 0)));
  if (given.contains("--late-ms")) options.late = milliseconds(static_cast<int>(number("--late-ms", 0)));
  fmt::print("{}\n", kColumns);
  bool all_done = true;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(number("--seeds", 1)); ++i) {
    if (random) options = random_world(seed + i);
    options.seed = seed + i;
    const WorldReport report = run_world(options);
    print_row(name, options, report, ",");
    if (given.contains("--verbose")) print_hosts(report);
    all_done = all_done && report.all_done;
  }
  return all_done ? 0 : 1;
}

}  // namespace
}  // namespace larder::sim

int main(int argc, char** argv) {
  if (!larder::peer::initialise_crypto()) return 2;
  return larder::sim::run(argc, argv);
}
