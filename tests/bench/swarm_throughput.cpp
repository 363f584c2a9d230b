// The swarm against a bare pair of libtorrent sessions with the same encryption, in turns in one run over loopback:
//   larder_swarm_throughput [MIB [ROUNDS]]        256 MiB, 3 rounds
// Ours checks every block, writes what comes to a file and reads what goes from one; the bare pair is libtorrent with
// its own disk and the same network settings. Prints MiB/s of each, the ratio, and how long a fetch of 16 MiB takes
// from the call to the last byte.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/session_params.hpp>
#include <string>
#include <vector>

#include "base/hash/merkle.h"
#include "base/runtime/loop.h"
#include "peer/group/certificate.h"
#include "peer/swarm/swarm.h"
#include "peer/swarm/swarm_settings.h"
#include "peer/swarm/torrent_form.h"
#include "tests/support/temp_directory.h"

namespace larder::peer {
namespace {

namespace lt = libtorrent;
using Time = std::chrono::steady_clock;

double seconds_since(Time::time_point begin) {
  return std::chrono::duration<double>(Time::now() - begin).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto sum = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return sum(usage.ru_utime) + sum(usage.ru_stime);
}

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "larder_swarm_throughput: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) die(result.error().text());
  return std::move(*result);
}

struct Sample {
  std::vector<std::byte> bytes;
  std::vector<Digest> leaves;
  TorrentId window;

  explicit Sample(std::uint64_t size) : bytes(size), leaves(block_count(size)) {
    const auto random = make_seeded_random(size);
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      const std::uint64_t word = random->next();
      std::memcpy(&bytes[i], &word, 8);
    }
    hash_blocks(bytes, leaves);
    window = {content_root(leaves), size};
  }
};

class FileLease final : public cache::ContentLease {
 public:
  FileLease(FileSystem& files, const std::string& path, const std::vector<std::byte>& bytes)
      : file_(must(files.open(path, OpenMode::create))) {
    if (!bytes.empty() && !file_->write_at(0, bytes)) die("cannot write " + path);
  }
  [[nodiscard]] int descriptor() const override { return file_->descriptor(); }
  [[nodiscard]] File& file() override { return *file_; }

 private:
  std::unique_ptr<File> file_;
};

struct Figures {
  double seconds = 0;
  double cpu = 0;
};

class Bench {
 public:
  explicit Bench(bool encryption) : encryption_(encryption) {
    const WallTime now = std::chrono::system_clock::now();
    const AgentKey authority = AgentKey::generate();
    const std::string pem = must(make_authority(authority, "bench", now, std::chrono::hours(24)));
    for (AgentKey* key : {&giver_, &taker_}) {
      credentials_.push_back(
          {pem, must(issue_leaf(authority, pem, key->id(), now, std::chrono::hours(24))), must(private_key_pem(*key))});
    }
  }

  Figures ours(const Sample& sample);
  Figures bare(const Sample& sample);

 private:
  [[nodiscard]] SwarmSettings settings(const char* host) const {
    SwarmSettings settings;
    settings.listen = {host};
    settings.port = 0;
    settings.encryption = encryption_;
    return settings;
  }
  lt::torrent_handle add(lt::session& session, const Sample& sample, const std::string& path,
                         const SwarmCredentials& credentials, const lt::tcp::endpoint* from);

  bool encryption_;
  AgentKey giver_ = AgentKey::generate();
  AgentKey taker_ = AgentKey::generate();
  std::vector<SwarmCredentials> credentials_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
};

class Writer final : public SwarmEvents {
 public:
  Writer(Loop& loop, Swarm& swarm, File& file, std::uint64_t length)
      : loop_(loop), swarm_(swarm), file_(file), missing_(length) {}
  void on_blocks(std::uint64_t offset, Buffer bytes, const AgentId& /*from*/) override {
    if (!file_.write_at(offset, bytes.bytes())) die("cannot write");
    swarm_.consumed(id, {offset, bytes.size()});
    missing_ -= bytes.size();
    if (missing_ == 0) loop_.stop();
  }
  void on_bad_block(const AgentId& /*from*/) override { die("a bad block"); }
  void on_peer_lost(const AgentId& /*peer*/) override { die("the peer was lost"); }
  void on_failed(const Error& error) override { die(error.text()); }
  SwarmFetchId id = 0;

 private:
  Loop& loop_;
  Swarm& swarm_;
  File& file_;
  std::uint64_t missing_;
};

Figures Bench::ours(const Sample& sample) {
  const test::TempDirectory directory;
  Loop loop;
  const auto random = make_system_random();
  const Runtime runtime{loop, loop, loop, *random};
  const auto giver = must(make_swarm(settings("127.0.0.2"), credentials_[0], runtime));
  const auto taker = must(make_swarm(settings("127.0.0.3"), credentials_[1], runtime));
  const auto source = std::make_shared<FileLease>(*files_, directory / "source", sample.bytes);
  const auto target = std::make_shared<FileLease>(*files_, directory / "target", std::vector<std::byte>{});
  const auto writer = std::make_shared<Writer>(loop, *taker, target->file(), sample.window.length);
  Figures figures;
  Time::time_point begin;
  giver->serve({sample.window, sample.leaves, source, 0}, [&](Status status) {
    if (!status) die(status.error().text());
    const Endpoint endpoint = *parse_endpoint("127.0.0.2:" + std::to_string(giver->port()));
    SwarmFetch what{sample.window, sample.leaves, {{giver_.id(), endpoint}}, {}, target, 0};
    figures.cpu = cpu_seconds();
    begin = Time::now();
    writer->id = must(taker->fetch(std::move(what), writer));
    taker->want(writer->id, {{0, sample.window.length}});
  });
  loop.run();
  figures.seconds = seconds_since(begin);
  figures.cpu = cpu_seconds() - figures.cpu;
  return figures;
}

lt::torrent_handle Bench::add(lt::session& session, const Sample& sample, const std::string& path,
                              const SwarmCredentials& credentials, const lt::tcp::endpoint* from) {
  auto params = must(form_torrent(sample.window, sample.leaves, encryption_ ? credentials.authority_pem : ""));
  params.save_path = path;
  params.flags &= ~lt::torrent_flags::sequential_download;
  if (from == nullptr) {
    params.have_pieces.resize(params.ti->num_pieces(), true);
  } else {
    params.peers.push_back(*from);
  }
  lt::torrent_handle handle = session.add_torrent(std::move(params));
  if (encryption_) {
    handle.set_ssl_certificate_buffer(credentials.certificate_pem, credentials.private_key_pem, "");
  }
  handle.resume();
  return handle;
}

Figures Bench::bare(const Sample& sample) {
  const test::TempDirectory directory;
  const FileLease source(*files_, directory / to_hex(sample.window.root), sample.bytes);
  const auto make = [this](const char* host) {
    lt::settings_pack pack = swarm_settings_pack(settings(host));
    pack.set_int(lt::settings_pack::max_peer_recv_buffer_size, 5 * 1024 * 1024);
    return lt::session(lt::session_params(std::move(pack), std::vector<std::shared_ptr<lt::plugin>>{}));
  };
  lt::session giver = make("127.0.0.4");
  lt::session taker = make("127.0.0.5");
  const std::uint16_t port = encryption_ ? giver.ssl_listen_port() : giver.listen_port();
  (void)add(giver, sample, directory.path(), credentials_[0], nullptr).status();
  const lt::tcp::endpoint from(lt::make_address("127.0.0.4"), port);
  Figures figures;
  figures.cpu = cpu_seconds();
  const auto begin = Time::now();
  (void)add(taker, sample, directory / "target", credentials_[1], &from);
  for (bool done = false; !done;) {
    if (taker.wait_for_alert(std::chrono::seconds(60)) == nullptr) die("libtorrent alone came to a halt");
    std::vector<lt::alert*> alerts;
    taker.pop_alerts(&alerts);
    for (const lt::alert* alert : alerts) done |= lt::alert_cast<lt::torrent_finished_alert>(alert) != nullptr;
  }
  figures.seconds = seconds_since(begin);
  figures.cpu = cpu_seconds() - figures.cpu;
  return figures;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(bool encryption, const Sample& large, const Sample& small, int rounds) {
  Bench bench(encryption);
  std::vector<double> ours;
  std::vector<double> bare;
  std::vector<double> start;
  Figures last_ours;
  Figures last_bare;
  for (int round = 0; round < rounds; ++round) {
    last_ours = bench.ours(large);
    last_bare = bench.bare(large);
    ours.push_back(last_ours.seconds);
    bare.push_back(last_bare.seconds);
    start.push_back(bench.ours(small).seconds);
  }
  const double mib = static_cast<double>(large.bytes.size()) / static_cast<double>(kMiB);
  std::printf("%-9s  %8.0f MiB/s  %8.0f MiB/s   %5.2f   %6.2f / %.2f CPU-s   16 MiB in %5.0f ms\n",
              encryption ? "TLS" : "plain TCP", mib / median(ours), mib / median(bare), median(bare) / median(ours),
              last_ours.cpu, last_bare.cpu, 1000 * median(start));
}

int run(int argc, char** argv) {
  const std::uint64_t mib = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 256;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 3;
  if (mib == 0 || mib > 4096 || rounds < 1) die("usage: larder_swarm_throughput [MIB [ROUNDS]]");
  if (!initialise_crypto()) die("libsodium does not start");
  const Sample large(mib * kMiB);
  const Sample small(16 * kMiB);
  std::printf("%llu MiB over loopback, both ends in one process, median of %d\n", static_cast<unsigned long long>(mib),
              rounds);
  std::printf("            larder          libtorrent      ratio   larder / libtorrent\n");
  for (const bool encryption : {true, false}) compare(encryption, large, small, rounds);
  return 0;
}

}  // namespace
}  // namespace larder::peer

int main(int argc, char** argv) {
  return larder::peer::run(argc, argv);
}
