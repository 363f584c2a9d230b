#include "agent/daemon/composition.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "agent/api/handlers/admins.h"
#include "agent/api/handlers/api.h"
#include "agent/daemon/idle.h"
#include "agent/daemon/network_watch.h"
#include "agent/daemon/thread_watch.h"
#include "agent/jobs/job_manager.h"
#include "agent/jobs/store/job_store.h"
#include "agent/lan/lan_composition.h"
#include "agent/notify/notify_runner.h"
#include "agent/transfer/transfer.h"
#include "agent/uploads/source_shelf.h"
#include "agent/verdict/verdict.h"
#include "base/io/file_system.h"
#include "base/process/process_setup.h"
#include "base/process/state_lock.h"
#include "base/runtime/worker_pool.h"
#include "base/version.h"
#include "cache/cache.h"
#include "cache/index/schema.h"
#include "database/database.h"
#include "origin/curl/curl_client.h"
#include "origin/origin.h"
#include "origin/upload/uploads.h"
#include "peer/group/member_store.h"
#include "peer/trust/trust_store.h"

namespace larder::agent {
namespace {

constexpr std::size_t kDiskThreads = 2;
constexpr std::size_t kDiskQueue = 1024;
constexpr std::chrono::seconds kHousekeeping{5};

// Bounds of the watchdog: longer than the longest legitimate piece of work of each thread.
constexpr std::chrono::seconds kNeverBlocks{30};    // of libcurl: it resolves no names and opens no files
constexpr std::chrono::minutes kComputes{2};        // of libtorrent: it opens torrents with the hashes of 512 MiB
constexpr std::chrono::minutes kSyncs{10};          // of the index: many syncs in a row on a busy disk
constexpr std::chrono::minutes kReadsAndSyncs{30};  // of the disk workers, if all are silent: digests of whole files
constexpr std::chrono::seconds kLongestWatchInterval{10};

cache::CacheSettings cache_settings(const Config& config) {
  return {config.state_directory, config.cache_max_size, config.cache_keep_free, config.cache_max_age};
}

std::vector<cache::SchemaStep> schema() {
  std::vector<cache::SchemaStep> steps;
  for (const auto part : {cache::cache_schema(), job_schema(), peer::trust_schema(), peer::member_schema()})
    steps.insert(steps.end(), part.begin(), part.end());
  return steps;
}

// Other users must reach the socket in it. Usually the service manager or the command line has created it.
Status make_runtime_directory(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  std::filesystem::create_directories(path, error);
  if (!error && ::chmod(path.c_str(), 0755) == 0) return {};
  return fail(ErrorCode::permission_denied, "make the runtime directory " + path,
              error ? error.message() : std::strerror(errno));
}

}  // namespace

Result<std::shared_ptr<const Config>> configuration(const CommandLine& command_line) {
  auto read = command_line.config_required ? load_config(command_line.config_file)
                                           : load_config_or_defaults(command_line.config_file);
  if (!read) return read;
  Config config = **read;
  if (!command_line.state_directory.empty()) config.state_directory = command_line.state_directory;
  if (!command_line.runtime_directory.empty()) config.runtime_directory = command_line.runtime_directory;
  if (command_line.idle_exit) config.idle_exit = *command_line.idle_exit;
  if (auto known = read_authorities(config, command_line.trust_environment); !known)
    return tl::unexpected(known.error());
  return std::make_shared<const Config>(std::move(config));
}

// In the order of their creation; destruction is in reverse order.
struct Agent::Parts {
  Parts(Loop& l, CommandLine c, std::shared_ptr<const Config> f, StateLock held, std::function<void()> e)
      : loop(l), command_line(std::move(c)), config(std::move(f)), lock(std::move(held)), ended(std::move(e)) {}

  Status make();
  struct NewConfig {
    Result<std::shared_ptr<const Config>> config;
    Admins admins;
  };
  void apply(const NewConfig& next);
  struct Reload {
    UniqueFunction<void(Status)> done;
    std::uint64_t turn;
  };
  void reloaded(Reload& reload, NewConfig next);
  void keep_house();
  [[nodiscard]] Activity activity() const;
  [[nodiscard]] JobSettings settings_of_jobs() const;
  [[nodiscard]] std::vector<std::pair<std::string, bool>> thread_states() const;

  Loop& loop;
  CommandLine command_line;
  std::shared_ptr<const Config> config;
  StateLock lock;
  std::function<void()> ended;
  Admins admins;
  std::unique_ptr<Random> random = make_system_random();
  Runtime runtime{loop, loop, loop, *random};
  std::unique_ptr<FileSystem> files = make_posix_file_system();
  std::unique_ptr<WorkerPool> disk;
  std::unique_ptr<cache::Database> database;
  std::unique_ptr<cache::Cache> cache;
  std::unique_ptr<origin::HttpClient> http;
  std::unique_ptr<origin::Origin> origin;
  std::unique_ptr<LanComposition> lan;
  std::unique_ptr<Transfers> transfers;
  std::unique_ptr<Judge> judge;
  std::unique_ptr<NotifyRunner> notifier;
  std::unique_ptr<WorkerPool> sources;  // reads callers' files, which may be of a file system that does not answer
  std::unique_ptr<origin::Uploads> uploads;
  std::unique_ptr<SourceShelf> shelf;
  std::unique_ptr<JobManager> jobs;
  std::unique_ptr<Api> api;
  std::unique_ptr<NetworkWatch> network;
  std::unique_ptr<ThreadWatch> watch;
  IdleWatch idle;
  TimerId housekeeping = 0;
  bool busy_before = false;
  std::uint64_t reload_turn = 0, reload_applied = 0;
};

Status Agent::Parts::make() {
  if (auto made = make_runtime_directory(config->runtime_directory); !made) return made;
  const auto steps = schema();
  auto opened = cache::Database::open(config->state_directory + "/larder.db", steps, loop);
  if (!opened) return tl::unexpected(opened.error());
  database = std::move(*opened);
  disk = std::make_unique<WorkerPool>("disk", kDiskThreads, kDiskQueue);
  auto made = cache::make_cache(cache_settings(*config), runtime, *files, *disk, *database);
  if (!made) return tl::unexpected(made.error());
  cache = std::move(*made);
  origin::CurlSettings curl;
  curl.user_agent = fmt::format("larder/{}", kVersion);
  curl.max_connections_per_host = config->max_connections_per_host;
  curl.least_rate = config->least_rate;
  auto client = origin::make_curl_client(curl, loop);
  if (!client) return tl::unexpected(client.error());
  http = std::move(*client);
  http->set_total_rate(config->max_rate);
  origin = origin::make_origin(*http, runtime);
  if (auto ready = peer::initialise_crypto(); !ready) return ready;
  lan = std::make_unique<LanComposition>(LanParts{loop, runtime, *files, *disk, *database, *cache}, config);
  transfers = make_transfers(*cache, *origin, runtime, *disk, &lan->neighbours());
  judge = make_judge(runtime, *disk);
  judge->set_hooks(config->hooks);
  notifier = make_notify_runner(config->notify_commands, runtime);
  admins = Admins::resolve(config->admins);
  sources = std::make_unique<WorkerPool>("sources", kDiskThreads, kDiskQueue);
  uploads = origin::make_uploads(*http, runtime, *sources, *files);
  shelf = std::make_unique<SourceShelf>(config->state_directory + "/uploads", runtime, *sources);
  jobs = std::make_unique<JobManager>(settings_of_jobs(), *transfers, *judge, *cache, *database, *origin, *notifier,
                                      JobManager::UploadParts{*uploads, *shelf}, runtime);
  idle = IdleWatch(config->idle_exit);
  return {};
}

JobSettings Agent::Parts::settings_of_jobs() const {
  JobSettings settings = job_settings(*config);
  settings.accounts = admins.accounts();
  settings.has_disk_share = [known = admins](uid_t user) { return !known.caller(user).admin; };
  return settings;
}

Activity Agent::Parts::activity() const {
  Activity now;
  const Totals totals = jobs->totals();
  for (const auto& [state, count] : totals.jobs) {
    const bool waits_for_somebody = state == JobState::suspended || has_ended(state);
    if (!waits_for_somebody) now.jobs += count;
  }
  now.transfers = totals.active_transfers;
  const ApiActivity of_api = api->activity();
  now.connections = of_api.connections;
  now.last_request = of_api.last_request;
  return now;
}

std::vector<std::pair<std::string, bool>> Agent::Parts::thread_states() const {
  std::vector<std::pair<std::string, bool>> states;
  if (!watch) return states;
  for (const Watchdog::State& state : watch->watchdog().states()) states.emplace_back(state.name, state.stands);
  return states;
}

void Agent::Parts::keep_house() {
  const Activity now = activity();
  if (busy_before && now.transfers == 0) trim_memory();
  busy_before = now.transfers > 0;
  if (idle.is_over(now, loop.now())) {
    log::info("idle, ending");
    ended();
    return;
  }
  housekeeping = loop.after(idle.check_interval(kHousekeeping), [this] { keep_house(); });
}

void Agent::Parts::apply(const NewConfig& read) {
  const std::shared_ptr<const Config>& next = *read.config;
  const bool needs_restart =
      next->state_directory != config->state_directory || next->runtime_directory != config->runtime_directory ||
      next->http_port != config->http_port || next->socket_mode != config->socket_mode ||
      next->max_connections_per_host != config->max_connections_per_host || next->least_rate != config->least_rate;
  if (needs_restart) log::warn("reloaded; directories, socket and connection limits change with the next start");
  config = next;
  log::set_level(config->log_level);
  admins = read.admins;
  cache->apply(cache_settings(*config));
  http->set_total_rate(config->max_rate);
  judge->set_hooks(config->hooks);
  notifier->set_commands(config->notify_commands);
  jobs->apply(settings_of_jobs());
  idle.set_limit(config->idle_exit);
  lan->apply(config);
}

void Agent::Parts::reloaded(Reload& reload, NewConfig next) {
  if (!next.config) {
    log::error("configuration refused, the last one stays error=\"{}\"", next.config.error().text());
    return reload.done(tl::unexpected(next.config.error()));
  }
  // Two workers may read at once: an older configuration must not replace one that was requested later.
  if (reload.turn > reload_applied) {
    reload_applied = reload.turn;
    apply(next);
    log::info("configuration reloaded file={}", command_line.config_file);
  }
  reload.done({});
}

Agent::Agent(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::make(Loop& loop, const CommandLine& command_line,
                                           std::shared_ptr<const Config> config, std::function<void()> ended) {
  auto lock = StateLock::acquire(config->state_directory, "larderd");
  if (!lock) return tl::unexpected(lock.error());
  auto parts = std::make_unique<Parts>(loop, command_line, std::move(config), std::move(*lock), std::move(ended));
  if (auto made = parts->make(); !made) return tl::unexpected(made.error());
  // Not before the state is known to be this program's. If the record cannot be written, the agent is still found at
  // the socket's usual places.
  if (auto told = parts->lock.record_socket(parts->config->runtime_directory + "/api.sock"); !told)
    log::warn("{}", told.error().text());
  return std::unique_ptr<Agent>(new Agent(std::move(parts)));
}

void Agent::start(UniqueFunction<void(Status)> done) {
  Parts* parts = parts_.get();
  parts->jobs->load([this, parts, done = std::move(done)](Status loaded) mutable {
    if (!loaded) return done(loaded);
    ApiServices services{*parts->jobs,
                         *parts->cache,
                         *parts->disk,
                         [parts](uid_t user) { return parts->admins.caller(user); },
                         [parts] { return parts->config; },
                         [this](UniqueFunction<void(Status)> reloaded) { reload(std::move(reloaded)); },
                         kVersion,
                         &parts->lan->group(),
                         parts->lan.get(),
                         [parts] { return parts->thread_states(); }};
    ServerSettings server = server_settings(*parts->config);
    server.passed_socket = std::exchange(parts->command_line.socket, std::nullopt);
    parts->api = std::make_unique<Api>(parts->loop, std::move(server), std::move(services));
    if (auto opened = parts->api->start(); !opened) return done(opened);
    parts->network = std::make_unique<NetworkWatch>(
        parts->loop,
        [parts] {
          parts->http->network_changed();
          parts->lan->network_changed();
        },
        [parts] { parts->jobs->network_returned(); });
    parts->lan->start();
    parts->cache->start_maintenance();
    parts->keep_house();
    done({});
  });
}

void Agent::stop(UniqueFunction<void()> done) {
  parts_->network.reset();
  parts_->loop.cancel(parts_->housekeeping);
  if (parts_->api) parts_->api->stop();
  parts_->lan->stop();
  parts_->jobs->stop([done = std::move(done)](Status stopped) mutable {
    if (!stopped) log::error("jobs not written at the end error=\"{}\"", stopped.error().text());
    done();
  });
}

void Agent::watch_threads(std::optional<Duration> patience) {
  using Answer = UniqueFunction<void()>;
  Parts& of = *parts_;
  const Duration quick = patience.value_or(kNeverBlocks);
  of.watch = std::make_unique<ThreadWatch>(of.runtime, std::min<Duration>(quick / 2, kLongestWatchInterval));
  const auto always = [](auto ask) {  // for threads that take any number of questions
    return [ask = std::move(ask)](Answer answer) {
      ask(std::move(answer));
      return true;
    };
  };
  const auto ask_index = [&of](Answer answer) {
    of.database->peek<bool>(
        "answer the watchdog", [](SQLite::Database&) -> Result<bool> { return true; },
        [answer = std::move(answer)](const Result<bool>&) mutable { answer(); });
  };
  const Duration computes = std::max<Duration>(quick, kComputes), syncs = std::max<Duration>(quick, kSyncs),
                 reads = std::max<Duration>(quick, kReadsAndSyncs);
  of.watch->add("http", quick, always([&of](Answer answer) { of.http->ask_thread(std::move(answer)); }));
  of.watch->add("catalogue", computes, always([&of](Answer answer) { of.lan->ask_catalogue(std::move(answer)); }));
  of.watch->add("swarm", computes, always([&of](Answer answer) { of.lan->ask_swarm(std::move(answer)); }));
  of.watch->add("index", syncs, always(ask_index));
  of.watch->add("sync", reads, [&of](Answer answer) { return of.cache->ask_sync(std::move(answer)); });
  // Any worker may answer.
  of.watch->add("disk", reads, [&of](Answer answer) { return of.disk->submit(std::move(answer)); });
  of.watch->start();
}

bool Agent::healthy() const {
  return !parts_->watch || parts_->watch->watchdog().healthy();
}

void Agent::reload(UniqueFunction<void(Status)> done) {
  Parts* parts = parts_.get();
  auto pending = std::make_shared<Parts::Reload>(Parts::Reload{std::move(done), ++parts->reload_turn});
  // On a worker: the disk with the configuration may be slow, and so may the user database.
  const bool queued = parts->disk->submit([parts, pending] {
    auto next = std::make_shared<Parts::NewConfig>(Parts::NewConfig{configuration(parts->command_line), {}});
    if (next->config) next->admins = Admins::resolve((*next->config)->admins);
    parts->loop.post([parts, pending, next] { parts->reloaded(*pending, std::move(*next)); });
  });
  if (!queued) pending->done(fail(ErrorCode::busy, "read the configuration again", "the disk has too much to do"));
}

}  // namespace larder::agent
