// A member of the group that lies. It takes over the identity of a larderd that joined and was stopped, announces
// itself by the real discovery, answers by the real catalogue link and serves by the real swarm; only what it says and
// the bytes that it reads are not right. For the scenarios of tests/office/poison.py and crowd.py.
//
//   evil_peer --state DIR --file FILE --url URL --etag E --last-modified L --lie NAME [--seed N] [--listen ADDRESS]
//             [--address HOST:PORT]... [--no-multicast] [--crowd NAME] [--segments FIRST-LAST] [--https]
//
// With --crowd it tells the crowd lies (evil_crowd.h), and has nothing at all to give but as a loud_holder. With
// --segments it offers only these.
//
// Prints "ready", then a line for each request; ends on SIGTERM or when its standard input does.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/io/file_system.h"
#include "base/runtime/loop.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/discovery/discovery_socket.h"
#include "peer/group/certificate.h"
#include "peer/group/identity_store.h"
#include "peer/messages/catalogue_paths.h"
#include "peer/messages/catalogue_wire.h"
#include "peer/swarm/swarm.h"
#include "peer/swarm/windows.h"
#include "tests/office/evil_content.h"
#include "tests/office/evil_crowd.h"

namespace larder::test {
namespace {

using namespace larder::peer;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "evil_peer: %s\n", why.c_str());
  std::_Exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) die(result.error().text());
  return std::move(*result);
}

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

struct Options {
  std::string state, file, lie = "none";
  cache::Version version;
  std::uint64_t seed = 1;
  std::vector<std::string> listen, addresses;
  bool multicast = true, https = false;
  std::optional<CrowdLie> crowd;
  std::uint64_t first = 0, last = UINT64_MAX;  // segments that it offers
};

void parse_segments(const std::string& value, Options& options) {
  char* end = nullptr;
  options.first = std::strtoull(value.c_str(), &end, 10);
  if (*end != '-') die("--segments is FIRST-LAST");
  options.last = std::strtoull(end + 1, nullptr, 10);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--no-multicast") {
      options.multicast = false;
      continue;
    }
    if (name == "--https") {  // what it attests as the transport
      options.https = true;
      continue;
    }
    if (i + 1 >= argc) die(name + " needs a value");
    const std::string value = argv[++i];
    if (name == "--state") {
      options.state = value;
    } else if (name == "--file") {
      options.file = value;
    } else if (name == "--url") {
      options.version.url = value;
    } else if (name == "--etag") {
      options.version.etag = value;
    } else if (name == "--last-modified") {
      options.version.last_modified = value;
    } else if (name == "--lie") {
      options.lie = value;
    } else if (name == "--seed") {
      options.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--listen") {
      options.listen.push_back(value);
    } else if (name == "--address") {
      options.addresses.push_back(value);
    } else if (name == "--crowd") {
      options.crowd = parse_crowd_lie(value);
      if (!options.crowd) die("no such lie: " + value);
    } else if (name == "--segments") {
      parse_segments(value, options);
    } else {
      die("unknown option " + name);
    }
  }
  return options;
}

class EvilPeer {
 public:
  EvilPeer(Loop& loop, Options options)
      : loop_(loop),
        options_(std::move(options)),
        files_(make_posix_file_system()),
        random_(make_system_random()),
        runtime_{loop, loop, loop, *random_},
        lie_(parse_lie(options_.lie).value_or(Lie::none)),
        content_(options_.file, lie_, options_.seed) {
    if (!parse_lie(options_.lie)) die("no such lie: " + options_.lie);
    options_.version.size = content_.size();
  }

  void start() {
    IdentityStore store(*files_, options_.state);
    Stored stored = must(store.load());
    if (!stored.identity) die("no identity in " + options_.state);
    identity_.emplace(std::move(*stored.identity));
    const std::string key_pem = must(private_key_pem(identity_->key));
    const Group& group = identity_->group;
    version_key_ = group.key.version_key(options_.version);
    url_key_ = group.key.url_key(options_.version.url);

    SwarmSettings swarm;
    swarm.listen = options_.listen;
    swarm.verify_reads = lie_ == Lie::none;  // an honest one would notice, and send nothing
    swarm_ = must(make_swarm(swarm, {group.authority_pem, group.certificate_pem, key_pem}, runtime_));
    LinkSettings link;
    link.listen = options_.listen;
    link_ = must(make_catalogue_link(link, {group.authority_pem, group.certificate_pem, key_pem}, runtime_));
    link_->set_refused([](const AgentId&) { return false; });
    link_->set_handler([this](CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> done) {
      answer(request, std::move(done));
    });
    start_discovery(must(store.next_start_epoch(loop_.wall())));
    say("ready");
  }

 private:
  void start_discovery(std::uint64_t start_epoch) {
    const Group& group = identity_->group;
    DiscoverySettings settings;
    settings.listen = options_.listen;
    settings.multicast = options_.multicast;
    settings.addresses = options_.addresses;
    DiscoveryIdentity who{.key = identity_->key,
                          .start_epoch = start_epoch,
                          .authority_pem = group.authority_pem,
                          .certificate_pem = group.certificate_pem,
                          .group_tag = group.tag(),
                          .current = group.key,
                          .old = {}};
    DiscoverySelf self;
    self.id = identity_->id();
    self.catalogue_port = link_->port();
    self.swarm_port = swarm_->port();
    self.group_version = group.state.version;
    self.key_epoch = group.state.key_epoch;
    self.name = "evil";
    self.certificate = must(certificate_der(group.certificate_pem));
    DiscoveryEvents events;
    events.holdings = [this](const Ask& ask) { return holdings(ask); };
    discovery_ =
        must(make_discovery_socket(settings, std::move(who), std::move(self), std::move(events), loop_, *random_));
    discovery_->start();
    if (options_.crowd) tell_crowd(0);
  }

  void tell_crowd(std::uint64_t number) {
    discovery_->say_crowd({evil_entry(*options_.crowd, version_key_, content_.layout().count(),
                                      content_.layout().segment_size(), number)});
    if (number < 8) say("told the crowd");
    loop_.after(std::chrono::milliseconds(kEvilCrowdEveryMs), [this, number] { tell_crowd(number + 1); });
  }

  // -- what it has
  [[nodiscard]] bool gives() const { return options_.crowd.value_or(CrowdLie::loud_holder) == CrowdLie::loud_holder; }
  [[nodiscard]] bool offered(std::uint64_t segment) const {
    return gives() && segment >= options_.first && segment <= options_.last;
  }
  [[nodiscard]] bool complete() const { return offered(0) && offered(content_.layout().count() - 1); }

  [[nodiscard]] std::vector<std::byte> bitmap() const {
    std::vector<std::byte> bits((content_.layout().count() + 7) / 8);
    for (std::uint64_t i = 0; i < content_.layout().count(); ++i) {
      if (offered(i)) bits[i / 8] |= static_cast<std::byte>(1U << (i % 8));
    }
    return bits;
  }

  [[nodiscard]] std::vector<HaveItem> holdings(const Ask& ask) const {
    std::vector<HaveItem> items;
    if (!gives()) return items;
    for (std::size_t i = 0; i < ask.keys.size(); ++i) {
      const Digest& wanted = ask.keys[i].kind == KeyKind::url ? url_key_ : version_key_;
      if (ask.keys[i].key != wanted) continue;
      items.push_back({static_cast<std::uint8_t>(i), complete(), content_.size(), version_key_,
                       complete() ? std::vector<std::byte>{} : bitmap()});
    }
    return items;
  }

  void answer(const CatalogueRequest& request, UniqueFunction<void(CatalogueResponse)> done) {
    say("asked " + request.path + "?" + request.query);
    if (const auto manifest = parse_manifest_query(request.path, request.query)) {
      done(known(manifest->key) ? CatalogueResponse{200, encode(manifest_of(manifest->with_bytes))}
                                : CatalogueResponse{404, {}});
    } else if (const auto leaves = parse_leaves_query(request.path, request.query)) {
      answer_leaves(*leaves, std::move(done));
    } else if (request.path == kPeersPath) {
      done({200, encode(std::vector<CataloguePeer>{})});
    } else {
      done({404, {}});
    }
  }

  [[nodiscard]] bool known(const Digest& key) const { return gives() && (key == version_key_ || key == url_key_); }

  [[nodiscard]] Manifest manifest_of(bool with_bytes) const {
    Manifest manifest;
    manifest.size = content_.size();
    manifest.etag = options_.version.etag;
    manifest.last_modified = options_.version.last_modified;
    manifest.complete = complete();
    if (complete()) manifest.root = content_.root();
    for (std::uint64_t i = 0; i < content_.layout().count(); ++i) {
      if (!offered(i)) continue;
      manifest.segments.push_back({i, content_.segment_root(i), encode_attestations({attestation(i)})});
    }
    if (with_bytes && complete() && content_.size() <= kMaxInline) manifest.bytes = content_.told_bytes();
    return manifest;
  }

  [[nodiscard]] Attestation attestation(std::uint64_t segment) const {
    Attestation made;
    made.version = version_digest(options_.version);
    made.size = content_.size();
    made.segment = segment;
    made.root = content_.segment_root(segment);
    made.transport = options_.https ? Transport::https : Transport::http;
    made.at_s = static_cast<std::uint64_t>(to_unix_ns(loop_.wall()) / 1'000'000'000);
    sign(made, identity_->key, group_digest(identity_->group.authority_pem));
    return made;
  }

  void answer_leaves(const LeavesQuery& query, UniqueFunction<void(CatalogueResponse)> done) {
    if (query.key != version_key_ || query.first >= content_.layout().count()) return done({404, {}});
    const std::uint64_t count =
        std::min(query.count.value_or(content_.layout().count()), content_.layout().count() - query.first);
    if (!offered(query.first) || !offered(query.first + count - 1)) return done({404, {}});
    std::vector<std::byte> body;
    if (query.leaves) body = encode_leaves(content_.told_leaves(query.first, count));
    if (!query.open) return done({200, std::move(body)});
    const bool whole = query.first == 0 && !query.count;
    auto waiting = std::make_shared<Opening>();
    waiting->done = std::move(done);
    waiting->body = std::move(body);
    waiting->left = whole ? 1 : count;
    const std::uint64_t each = whole ? count : 1;
    for (std::uint64_t first = query.first; first < query.first + count; first += each) open(first, each, waiting);
  }

  struct Opening {
    UniqueFunction<void(CatalogueResponse)> done;
    std::vector<std::byte> body;
    std::uint64_t left = 0;
  };

  void open(std::uint64_t first, std::uint64_t count, const std::shared_ptr<Opening>& waiting) {
    Swarm::Serve serve;
    serve.leaves = content_.leaves_of(first, count);
    serve.offset = content_.layout().range(first).offset;
    serve.torrent = torrent_id(serve.leaves, content_.layout().range(first + count - 1).end() - serve.offset);
    serve.content = content_.lease();
    swarm_->serve(std::move(serve), [waiting](Status served) {
      if (!served) say("cannot serve: " + served.error().text());
      if (--waiting->left == 0) waiting->done({200, std::move(waiting->body)});
    });
  }

  Loop& loop_;
  Options options_;
  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<Random> random_;
  Runtime runtime_;
  Lie lie_;
  EvilContent content_;
  std::optional<Identity> identity_;
  Digest version_key_{}, url_key_{};
  std::unique_ptr<Swarm> swarm_;
  std::unique_ptr<CatalogueLink> link_;
  std::unique_ptr<DiscoverySocket> discovery_;
};

}  // namespace
}  // namespace larder::test

int main(int argc, char** argv) {
  using namespace larder;
  ::signal(SIGPIPE, SIG_IGN);
  if (const Status ready = peer::initialise_crypto(); !ready) test::die(ready.error().text());
  Loop loop;
  try {
    test::EvilPeer peer(loop, test::parse(argc, argv));
    loop.post([&] { peer.start(); });
    // Whoever started it holds the other end: with that gone, it goes.
    std::thread([] {
      char byte = 0;
      while (::read(STDIN_FILENO, &byte, 1) > 0) {
      }
      std::_Exit(0);
    }).detach();
    loop.run();
  } catch (const std::exception& error) {
    test::die(error.what());
  }
  return 0;
}
