#include "peer/names/srv_lookup.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "base/text/host_port.h"
#include "peer/names/dns_channel.h"

namespace larder::peer {
namespace {

constexpr std::size_t kMaxTrouble = 500;  // bytes, and one more entry
constexpr const char* kSilent = "there was no answer in time";

// What was asked of a host, until it is answered.
struct AskedHost {
  std::vector<Endpoint> found;
  bool heard = false;   // found, or certainly not there
  std::string trouble;  // empty: found
};
using AskedHosts = std::map<std::string, AskedHost>;

void add_trouble(std::string& all, const std::string& what, const std::string& why) {
  if (all.size() <= kMaxTrouble) all += (all.empty() ? "" : "; ") + what + ": " + why;
}

void add_endpoint(std::vector<Endpoint>& all, const Endpoint& endpoint) {
  if (all.size() >= SrvLookup::kMaxEndpoints) return;
  if (std::find(all.begin(), all.end(), endpoint) == all.end()) all.push_back(endpoint);
}

void take_answer(AskedHost& host, Result<std::vector<Endpoint>> answer) {
  host.heard = answer || answer.error().code == ErrorCode::not_found;
  host.trouble = answer ? "" : answer.error().detail;
  if (answer) host.found = std::move(*answer);
}

// Gives the hosts of which nothing was heard what they had before.
void keep_known(AskedHosts& hosts, const std::map<std::string, std::vector<Endpoint>>& known) {
  for (auto& [name, host] : hosts) {
    if (const auto before = known.find(name); !host.heard && before != known.end()) host.found = before->second;
  }
}

std::map<std::string, std::vector<Endpoint>> found_of(const AskedHosts& hosts) {
  std::map<std::string, std::vector<Endpoint>> found;
  for (const auto& [name, host] : hosts) {
    if (!host.found.empty()) found.emplace(name, host.found);
  }
  return found;
}

std::optional<Endpoint> in_numbers(const HostPort& place) {
  if (!is_numeric_address(place.host)) return std::nullopt;
  const bool v6 = place.host.find(':') != std::string::npos;
  return parse_endpoint((v6 ? "[" + place.host + "]:" : place.host + ":") + std::to_string(place.port));
}

}  // namespace

struct SrvLookup::Run {
  std::vector<HostPort> places;  // configured
  AskedHosts hosts;              // of the places that are not in numbers
  std::string srv;
  bool srv_heard = true;
  std::string srv_trouble;
  std::vector<SrvRecord> records;
  std::optional<std::chrono::seconds> ttl;
  AskedHosts targets;  // of the records
  std::deque<std::string> targets_to_ask;
  std::size_t open = 0, open_targets = 0;  // questions
  UniqueFunction<void(ResolvedNames)> done;

  [[nodiscard]] std::string troubles() const {
    std::string all;
    for (const auto& [name, host] : hosts) {
      if (!host.trouble.empty()) add_trouble(all, name, host.trouble);
    }
    if (!srv_trouble.empty()) add_trouble(all, srv, srv_trouble);
    for (const auto& [name, host] : targets) {
      if (!host.trouble.empty()) add_trouble(all, name, host.trouble);
    }
    return all;
  }
  [[nodiscard]] std::vector<Endpoint> endpoints() const {
    std::vector<Endpoint> all;
    const auto add = [&all](const AskedHost& host, std::uint16_t port) {
      for (const Endpoint& each : host.found) add_endpoint(all, each.with_port(port));
    };
    for (const HostPort& place : places) {
      if (const auto endpoint = in_numbers(place)) {
        add_endpoint(all, *endpoint);
      } else {
        add(hosts.at(place.host), place.port);
      }
    }
    for (const SrvRecord& record : records) add(targets.at(record.target), record.port);
    return all;
  }
};

SrvLookup::SrvLookup(Loop& loop, SrvLookupSettings settings)
    : loop_(loop), settings_(std::move(settings)), system_(loop, settings_.resolver) {}

SrvLookup::~SrvLookup() {
  give_up();
}

void SrvLookup::give_up() {
  if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
  system_.give_up();
  channel_.reset();
  run_.reset();
}

void SrvLookup::start(const std::vector<std::string>& addresses, const std::string& srv,
                      UniqueFunction<void(ResolvedNames)> done) {
  give_up();
  run_ = std::make_unique<Run>();
  run_->done = std::move(done);
  for (const std::string& address : addresses) {
    if (const auto place = parse_host_port(address)) run_->places.push_back(*place);
  }
  ask_hosts();
  if (!srv.empty()) ask_srv(srv);
  timer_ = loop_.after(run_->open == 0 ? Duration{} : settings_.patience, [this] {
    timer_ = 0;
    finish();
  });
}

// The first question is another one in each look-up: names whose resolver is silent for longer than a look-up lasts do
// not keep the others in the queue for good.
void SrvLookup::ask_hosts() {
  std::vector<std::string> names;
  for (const HostPort& place : run_->places) {
    if (!in_numbers(place) && run_->hosts.try_emplace(place.host, AskedHost{{}, false, kSilent}).second) {
      names.push_back(place.host);
    }
  }
  if (names.empty()) return;
  const std::size_t first = look_ups_++ * SystemNames::kAtOnce % names.size();
  std::rotate(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(first), names.end());
  run_->open += names.size();
  for (const std::string& name : names) {
    system_.ask(name, [this, name](Result<std::vector<Endpoint>> answer) {
      take_answer(run_->hosts.at(name), std::move(answer));
      end_question();
    });
  }
}

void SrvLookup::ask_srv(const std::string& name) {
  run_->srv = name;
  run_->srv_heard = false;
  run_->srv_trouble = kSilent;
  auto channel = DnsChannel::open(loop_, settings_.servers);
  if (!channel) {
    run_->srv_trouble = channel.error().detail;
    return;
  }
  channel_ = std::move(*channel);
  ++run_->open;
  channel_->ask_srv(name, [this](Result<SrvAnswer> answer) { on_srv(std::move(answer)); });
}

void SrvLookup::on_srv(Result<SrvAnswer> answer) {
  run_->srv_heard = answer || answer.error().code == ErrorCode::not_found;
  run_->srv_trouble = !answer ? answer.error().detail : answer->records.empty() ? "it has no SRV records" : "";
  if (answer) {
    run_->ttl = answer->ttl;
    run_->records = std::move(answer->records);
  }
  for (const SrvRecord& record : run_->records) {
    if (run_->targets.try_emplace(record.target, AskedHost{{}, false, kSilent}).second) {
      run_->targets_to_ask.push_back(record.target);
    }
  }
  run_->open += run_->targets_to_ask.size();
  ask_targets();
  end_question();
}

void SrvLookup::ask_targets() {
  while (!run_->targets_to_ask.empty() && run_->open_targets < kTargetsAtOnce) {
    const std::string name = std::move(run_->targets_to_ask.front());
    run_->targets_to_ask.pop_front();
    ++run_->open_targets;
    channel_->ask_addresses(name, [this, name](Result<std::vector<Endpoint>> answer) {
      take_answer(run_->targets.at(name), std::move(answer));
      --run_->open_targets;
      ask_targets();
      end_question();
    });
  }
}

void SrvLookup::end_question() {
  if (--run_->open == 0) finish();
}

void SrvLookup::finish() {
  const auto run = std::exchange(run_, nullptr);
  give_up();
  ResolvedNames names;
  names.trouble = run->troubles();
  names.valid = !names.trouble.empty() ? kLeastValid
                : run->ttl             ? std::clamp<Duration>(*run->ttl, kLeastValid, kMostValid)
                                       : kNamesValid;
  if (!run->srv_heard) {
    run->records = known_records_;
    for (const SrvRecord& record : run->records) run->targets.try_emplace(record.target);
  }
  keep_known(run->hosts, known_hosts_);
  keep_known(run->targets, known_targets_);
  names.endpoints = run->endpoints();
  known_hosts_ = found_of(run->hosts);
  known_targets_ = found_of(run->targets);
  known_records_ = std::move(run->records);
  run->done(std::move(names));  // may destroy this object
}

std::vector<Endpoint> endpoints_in_numbers(const std::vector<std::string>& addresses) {
  std::vector<Endpoint> endpoints;
  for (const std::string& address : addresses) {
    const auto place = parse_host_port(address);
    if (const auto endpoint = place ? in_numbers(*place) : std::nullopt) add_endpoint(endpoints, *endpoint);
  }
  return endpoints;
}

}  // namespace larder::peer
