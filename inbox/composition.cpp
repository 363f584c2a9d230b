#include "inbox/composition.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/http/tls.h"
#include "base/io/file_system.h"
#include "base/io/log.h"
#include "base/io/read_file.h"
#include "base/io/tcp_socket.h"
#include "base/process/hook_runner.h"
#include "base/process/state_lock.h"
#include "base/runtime/worker_pool.h"
#include "base/text/host_port.h"
#include "database/database.h"
#include "inbox/admin/admin_server.h"
#include "inbox/deliver/deliverer.h"
#include "inbox/deliver/directory_hand_over.h"
#include "inbox/deliver/http_hand_over.h"
#include "inbox/deliver/program_hand_over.h"
#include "inbox/deliver/scanner.h"
#include "inbox/front/file_source.h"
#include "inbox/front/inbox_server.h"
#include "inbox/ledger/sqlite_ledger.h"
#include "inbox/service/uploads.h"
#include "inbox/store/store.h"

namespace larder::inbox {
namespace {

constexpr std::size_t kDiskThreads = 4;
constexpr std::size_t kDiskQueue = 4096;
constexpr std::size_t kMaxPem = 512 * kKiB;
constexpr std::chrono::seconds kHousekeeping{60};
constexpr std::size_t kInDirectory = 1000;  // files in ready/ at once

Result<std::shared_ptr<http::TlsContext>> read_certificate(const ServerConfig& config) {
  if (config.certificate.empty()) return std::shared_ptr<http::TlsContext>();
  auto certificate = read_small_file(config.certificate, kMaxPem, "read the certificate " + config.certificate);
  if (!certificate) return tl::unexpected<Error>(certificate.error());
  auto key = read_small_file(config.key, kMaxPem, "read the certificate's key " + config.key);
  if (!key) return tl::unexpected<Error>(key.error());
  if (config.client_authorities.empty()) return http::TlsContext::make(*certificate, *key);
  auto authorities =
      read_small_file(config.client_authorities, kMaxPem, "read the authorities " + config.client_authorities);
  if (!authorities) return tl::unexpected<Error>(authorities.error());
  if (authorities->empty())
    return fail(ErrorCode::certificate_rejected, "use the authorities " + config.client_authorities, "it is empty");
  return http::TlsContext::make(*certificate, *key, *authorities);
}

std::chrono::hours at_least_an_hour(Duration time) {
  return std::max(std::chrono::hours(1), std::chrono::duration_cast<std::chrono::hours>(time));
}

UploadSettings upload_settings(const ServerConfig& config) {
  UploadSettings settings;
  settings.keep_free = config.keep_free;
  settings.keep_delivered = config.keep_content;
  settings.tombstones = at_least_an_hour(config.remember);
  for (const InboxConfig& inbox : config.inboxes) {
    UploadLimits limits;
    limits.max_size = inbox.max_size;
    if (inbox.max_part > 0) limits.max_part = inbox.max_part;
    limits.max_open = inbox.max_open;
    limits.expiry = inbox.expiry;
    limits.wait_for_application = inbox.wait_for_application;
    settings.of_inbox.emplace(inbox.name, limits);
  }
  return settings;
}

Status prepare_directory(const InboxConfig& inbox) {
  const DirectoryFiles files(inbox.directory);
  if (inbox.hand_over == HandOverWay::directory) return files.prepare();
  const bool names = inbox.hand_over == HandOverWay::http && inbox.url_content == UrlContent::reference;
  return names ? files.prepare_to_name() : Status();
}

std::unique_ptr<HttpHandOver> make_http(const InboxConfig& inbox, HttpHandOver::ContentPath content_path,
                                        Runtime runtime) {
  HttpTarget target{inbox.url, inbox.url_authorities, inbox.url_timeout, static_cast<std::size_t>(inbox.max_reply)};
  const bool names = inbox.url_content == UrlContent::reference;
  return std::make_unique<HttpHandOver>(std::move(target), names ? std::optional(inbox.directory) : std::nullopt,
                                        std::move(content_path), runtime);
}

// How the files of one inbox come to its application.
struct Delivery {
  std::unique_ptr<HandOver> hand_over;
  std::unique_ptr<Deliverer> deliverer;  // after what it uses
};

}  // namespace

// In the order of their creation; destruction is in reverse order, but for the pool: see ~Parts().
struct InboxService::Parts {
  Parts(Loop& the_loop, std::shared_ptr<const ServerConfig> the_config, StateLock the_lock)
      : loop(the_loop), config(std::move(the_config)), lock(std::move(the_lock)) {}
  // No task of the pool outlives what it uses.
  ~Parts() { pool.reset(); }

  Status make();
  void add_delivery(const InboxConfig& inbox);
  void make_admin();
  [[nodiscard]] KeepReply keep_reply();
  [[nodiscard]] AdminFigures figures() const;
  void keep_house();

  Loop& loop;
  const std::shared_ptr<const ServerConfig> config;
  StateLock lock;
  std::unique_ptr<Random> random = make_system_random();
  Runtime runtime{loop, loop, loop, *random};
  std::unique_ptr<FileSystem> files = make_posix_file_system();
  std::unique_ptr<WorkerPool> pool;
  std::unique_ptr<cache::Database> database;
  std::unique_ptr<SqliteLedger> ledger;
  std::unique_ptr<Store> store;
  HookRunner programs{loop};
  Scanners scanners{runtime, programs};
  std::unique_ptr<Uploads> uploads;
  std::map<std::string, Delivery> deliveries;  // by the inbox's name
  const Access access{*config};
  std::uint64_t received = 0;  // bytes of clients' bodies
  std::unique_ptr<FrontParts> front;
  std::unique_ptr<InboxServer> server;
  std::unique_ptr<AdminHandlers> admin;
  std::unique_ptr<AdminServer> admin_server;
  std::vector<UniqueFd> sockets;
  std::shared_ptr<http::TlsContext> tls;
  TimerId house_timer = 0;
  std::size_t stopping = 0;  // parts that have not stopped yet
  Alive alive;
};

Status InboxService::Parts::make() {
  const std::string& directory = config->state_directory;
  auto opened = cache::Database::open(directory + "/inbox.db", SqliteLedger::schema(), loop);
  if (!opened) return tl::unexpected<Error>(opened.error());
  database = std::move(*opened);
  ledger = std::make_unique<SqliteLedger>(*database);
  pool = std::make_unique<WorkerPool>("disk", kDiskThreads, kDiskQueue);
  store = std::make_unique<Store>(*files, *pool, loop, directory + "/uploads");
  for (const InboxConfig& inbox : config->inboxes) {
    if (!inbox.scanner.empty()) scanners.add(inbox.name, {inbox.name, inbox.scanner, inbox.scanner_timeout, 0});
    if (auto prepared = prepare_directory(inbox); !prepared) return prepared;
  }
  uploads = std::make_unique<Uploads>(*ledger, *store, runtime, upload_settings(*config), &scanners);
  for (const InboxConfig& inbox : config->inboxes) add_delivery(inbox);
  uploads->on_accepted([this](const UploadRow& row) {
    const auto found = deliveries.find(row.inbox);
    if (found != deliveries.end()) found->second.deliverer->wake();
  });
  auto read = read_certificate(*config);
  if (!read) return tl::unexpected<Error>(read.error());
  tls = std::move(*read);
  front = std::make_unique<FrontParts>(FrontParts{
      *uploads, access, [this](const std::string& name) { return config->find_inbox(name); },
      [this](const InboxConfig* inbox, const http::RequestHead&) { return wire_settings(*config, inbox); }, &received,
      [this](std::shared_ptr<File> file, ByteRange bytes) {
        return make_file_source(std::move(file), bytes, runtime, *pool);
      }});
  server = std::make_unique<InboxServer>(loop, *front, front_settings(*config));
  // Another program's port is told before anything is recovered.
  for (const std::string& text : config->listen) {
    const auto at = parse_host_port(text);
    auto socket = listen_tcp(at->host, at->port);
    if (!socket) return tl::unexpected<Error>(socket.error());
    sockets.push_back(std::move(*socket));
  }
  make_admin();
  return admin_server->open(config->runtime_directory + "/inbox.sock");
}

KeepReply InboxService::Parts::keep_reply() {
  return [this](std::string id, std::string body, StatusDone done) {
    store->put_reply(std::move(id), std::move(body), std::move(done));
  };
}

void InboxService::Parts::make_admin() {
  admin = std::make_unique<AdminHandlers>(
      AdminParts{*ledger, *files, *pool, runtime, [this](const std::string& id) { return store->content_path(id); },
                 [this](const std::string& name) { return config->find_inbox(name); }, [this] { return figures(); },
                 RetryRules{}, keep_reply(), [this](const UploadRow& row) { uploads->note_settled(row); }});
  admin_server = std::make_unique<AdminServer>(loop, *admin, InboxAdmins::resolve(config->admins));
}

AdminFigures InboxService::Parts::figures() const {
  AdminFigures now{server->figures(), received, {}};
  for (const auto& [name, delivery] : deliveries) now.deliveries.emplace(name, delivery.deliverer->under_way());
  return now;
}

void InboxService::Parts::add_delivery(const InboxConfig& inbox) {
  const auto content_path = [this](const std::string& id) { return store->content_path(id); };
  DelivererSettings settings;
  settings.inbox = inbox.name;
  settings.holder = "deliver";
  settings.keep_reply = keep_reply();
  settings.on_settled = [this](const UploadRow& row) { uploads->note_settled(row); };
  Delivery made;
  switch (inbox.hand_over) {
    case HandOverWay::take:
      return;  // the application comes for them
    case HandOverWay::directory:
      settings.most_at_once = kInDirectory;
      made.hand_over = std::make_unique<DirectoryHandOver>(inbox.directory, content_path, runtime, *pool);
      break;
    case HandOverWay::program:
      settings.most_at_once = HookRunner::kMaxRunning;
      made.hand_over = std::make_unique<ProgramHandOver>(
          DeliveryProgram{inbox.name, inbox.program, inbox.program_timeout, static_cast<std::size_t>(inbox.max_reply)},
          content_path, runtime, programs, [this](const std::string& id) { return store->said_reply_path(id); },
          pool.get());
      break;
    case HandOverWay::http:
      settings.most_at_once = HttpHandOver::kCalls;
      made.hand_over = make_http(inbox, content_path, runtime);
      break;
  }
  made.deliverer = std::make_unique<Deliverer>(std::move(settings), *ledger, *made.hand_over, runtime);
  deliveries.emplace(inbox.name, std::move(made));
}

void InboxService::Parts::keep_house() {
  house_timer = 0;
  ledger->end_overdue(loop.wall(), RetryRules{}, alive.guard([](const Outcome<std::size_t>& ended) {
    if (!ended) log::warn("overdue deliveries are not ended: {}", ended.error().detail);
  }));
  uploads->expire(loop.wall(), alive.guard([this](const auto& kept) {
    if (!kept) log::warn("housekeeping is not done: {}", kept.error().text());
    house_timer = loop.after(kHousekeeping, [this] { keep_house(); });
  }));
}

InboxService::InboxService(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

InboxService::~InboxService() {
  parts_->alive.end_guards();
  parts_->loop.cancel(parts_->house_timer);
}

Result<std::unique_ptr<InboxService>> InboxService::make(Loop& loop, std::shared_ptr<const ServerConfig> config) {
  auto lock = StateLock::acquire(config->state_directory, "larder-inbox");
  if (!lock) return tl::unexpected<Error>(lock.error());
  auto parts = std::make_unique<Parts>(loop, std::move(config), std::move(*lock));
  if (auto made = parts->make(); !made) return tl::unexpected<Error>(made.error());
  return std::unique_ptr<InboxService>(new InboxService(std::move(parts)));
}

void InboxService::start(UniqueFunction<void(Status)> done) {
  Parts& parts = *parts_;
  parts.store->make_directories(parts.alive.guard([&parts, done = std::move(done)](Status made) mutable {
    if (!made) return done(std::move(made));
    parts.uploads->recover(parts.alive.guard([&parts, done = std::move(done)](auto recovered) mutable {
      if (!recovered) return done(tl::unexpected<Error>(recovered.error()));
      for (UniqueFd& socket : parts.sockets) parts.server->listen(std::move(socket), parts.tls);
      parts.admin_server->start();
      for (auto& [name, delivery] : parts.deliveries) delivery.deliverer->start();
      parts.keep_house();
      done({});
    }));
  }));
}

Status InboxService::reload_certificate() {
  auto read = read_certificate(*parts_->config);
  if (!read) return tl::unexpected<Error>(read.error());
  parts_->tls = std::move(*read);
  if (parts_->tls) parts_->server->use_certificate(parts_->tls);
  return {};
}

void InboxService::stop(Duration within, Task done) {
  Parts& parts = *parts_;
  parts.loop.cancel(std::exchange(parts.house_timer, 0));
  parts.uploads->drain();
  parts.stopping = 2 + parts.deliveries.size();
  const auto shared = std::make_shared<Task>(std::move(done));
  const auto one_stopped = [&parts, shared] {
    if (--parts.stopping == 0) (*shared)();
  };
  for (auto& [name, delivery] : parts.deliveries) delivery.deliverer->stop(parts.alive.guard(one_stopped));
  parts.server->stop(within, parts.alive.guard(one_stopped));
  parts.admin_server->stop(within, parts.alive.guard(one_stopped));
}

}  // namespace larder::inbox
