#include "tests/unit/transfer/crowd_office.h"

#include <algorithm>

#include "cache/record/segments.h"

namespace larder::test {
namespace {

constexpr std::uint64_t kChunk = 64 * kKiB;
constexpr Duration kNoticeEvery = std::chrono::milliseconds(5);  // committed, then offered

}  // namespace

struct CrowdOffice::Host {
  Host(CrowdOffice& office, std::size_t index);

  FakeCache cache;
  std::unique_ptr<peer::CrowdHost> crowds;
  std::unique_ptr<HostNeighbours> neighbours;
  std::unique_ptr<agent::Manager> transfers;
  std::shared_ptr<Recorder> recorder;
  std::set<std::uint64_t> told;  // held, and said so
  std::uint64_t sequence = 0;
  bool dead = false;
};

class CrowdOffice::HostNeighbours final : public peer::Neighbours {
 public:
  HostNeighbours(CrowdOffice& office, std::size_t host) : office_(office), host_(host) {}
  [[nodiscard]] bool anyone() const override { return office_.hosts_.size() > 1; }
  void find_supply(peer::NeighbourQuery query, UniqueFunction<void(std::shared_ptr<peer::Supply>)> done) override {
    EXPECT_TRUE(query.gives);
    auto supply = std::make_shared<OfficeSupply>(office_, host_);
    peer::CrowdHost::Joining joining;
    joining.version_key = office_.key;
    joining.layout = cache::SegmentLayout(office_.file.bytes.size());
    joining.patience = std::min<Duration>(query.patience, std::chrono::milliseconds(1500));
    joining.min_rate = query.min_rate;
    supply->seat = office_.hosts_[host_]->crowds->join_crowd(joining, supply);
    ASSERT_TRUE(supply->seat);
    office_.loop.after(std::chrono::milliseconds(3), [supply, done = std::move(done)]() mutable { done(supply); });
  }
  void judged_bad(const cache::Version&, const std::vector<cache::SegmentInfo>&) override {}
  void fetched(const cache::Version&, const std::vector<cache::SegmentInfo>&) override {}

 private:
  CrowdOffice& office_;
  std::size_t host_;
};

CrowdOffice::Host::Host(CrowdOffice& office, std::size_t index) : cache(office.loop.runtime()) {
  cache.latency = std::chrono::milliseconds(2);
  peer::CrowdHost::Parts parts{
      office.loop.runtime(),
      agent(index),
      [&office, index](const std::vector<peer::CrowdEntry>& entries) { office.say(index, entries); },
      [&office, index] {
        std::vector<peer::AgentId> around;
        for (std::size_t i = 0; i < office.hosts_.size(); ++i) {
          if (i != index) around.push_back(agent(i));
        }
        return around;
      },
      {}};
  crowds = std::make_unique<peer::CrowdHost>(std::move(parts));
  neighbours = std::make_unique<HostNeighbours>(office, index);
  const auto blocking = [&office](Task task) {
    office.loop.post(std::move(task));
    return true;
  };
  transfers = std::make_unique<agent::Manager>(cache, office.origin, office.loop.runtime(), blocking, neighbours.get());
}

CrowdOffice::CrowdOffice(std::size_t hosts, std::size_t size, std::uint64_t seed)
    : loop(seed), origin(loop.runtime()), file(make_file(kUrl, seed, size)) {
  log::set_level(log::Level::off);
  key.fill(std::byte(seed));
  origin.publish(kUrl, file);
  for (std::size_t i = 0; i < hosts; ++i) hosts_.push_back(std::make_unique<Host>(*this, i));
}

CrowdOffice::~CrowdOffice() {
  for (const auto& host : hosts_) host->transfers.reset();
  loop.run_ready();
}

peer::AgentId CrowdOffice::agent(std::size_t host) {
  peer::AgentId id{};
  id.fill(std::byte(host + 1));
  return id;
}

std::optional<std::size_t> CrowdOffice::index_of(const peer::AgentId& id) const {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (agent(i) == id) return i;
  }
  return std::nullopt;
}

std::shared_ptr<Recorder> CrowdOffice::start(std::size_t host) {
  Host& one = *hosts_[host];
  one.recorder = std::make_shared<Recorder>();
  one.recorder->clock = &loop;
  one.transfers->start(TransferLab::request("host" + std::to_string(host)), one.recorder);
  notice_held(host);
  return one.recorder;
}

// Runs as long as the host lives: what is committed is offered a moment later, and said to be held.
void CrowdOffice::notice_held(std::size_t host) {
  Host& one = *hosts_[host];
  if (one.dead) return;
  for (const auto& [id, record] : one.cache.records) {
    for (const cache::SegmentInfo& segment : record.segments) {
      if (!one.told.insert(segment.index).second) continue;
      one.crowds->on_segment_offered(key, segment.index,
                                     segment.source == cache::Source::origin && segment.peer_bytes == 0);
    }
  }
  loop.after(kNoticeEvery, [this, host] { notice_held(host); });
}

std::vector<std::uint64_t> CrowdOffice::held_by(std::size_t host) const {
  const Host& one = *hosts_[host];
  if (one.dead) return {};
  return {one.told.begin(), one.told.end()};
}

void CrowdOffice::say(std::size_t host, const std::vector<peer::CrowdEntry>& entries) {
  if (hosts_[host]->dead) return;
  ++datagrams;
  const peer::CrowdStamp stamp{1, ++hosts_[host]->sequence};
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (i == host || loop.random().unit() < loss) continue;
    loop.after(datagram, [this, host, i, stamp, entries] {
      if (!hosts_[i]->dead) hosts_[i]->crowds->on_datagram(agent(host), stamp, entries);
    });
  }
}

void CrowdOffice::kill(std::size_t host) {
  Host& one = *hosts_[host];
  one.dead = true;
  one.recorder->stopped = true;
  one.transfers.reset();
}

bool CrowdOffice::all_done() const {
  return std::all_of(hosts_.begin(), hosts_.end(), [](const auto& host) {
    return host->dead || !host->recorder || host->recorder->result.has_value();
  });
}

void CrowdOffice::check() {
  std::uint64_t fetched = 0;
  bool anybody_died = false;
  for (const auto& host : hosts_) {
    anybody_died = anybody_died || host->dead;
    if (host->dead || !host->recorder) continue;
    ASSERT_TRUE(host->recorder->result);
    ASSERT_TRUE(host->recorder->ok()) << host->recorder->error().text();
    const agent::SourceFigures& figures = host->recorder->value().figures;
    EXPECT_EQ(figures.origin + figures.peers + figures.cache, file.bytes.size());
    fetched += figures.origin;
    const auto found = host->cache.records.find(host->recorder->value().content.id);
    ASSERT_NE(found, host->cache.records.end());
    EXPECT_TRUE(found->second.bytes == file.bytes);
  }
  EXPECT_LE(fetched, origin.delivered);
  if (!anybody_died) {
    EXPECT_GE(fetched, file.bytes.size());
  }
}

// -- what neighbours give ---------------------------------------------------------------------------------------------

std::uint64_t OfficeSupply::size() const {
  return office_.file.bytes.size();
}

void OfficeSupply::tell_changed() {
  if (std::exchange(telling_, true)) return;
  office_.loop.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->telling_ = false;
    const auto changed = self->on_changed;
    if (changed) changed();
  });
}

void OfficeSupply::on_crowd_entry(const peer::AgentId& agent, const peer::CrowdEntry& entry) {
  std::set<std::uint64_t>& mine = known[agent];
  const std::size_t before = mine.size();
  for (std::uint64_t i = 0; entry.complete && i < entry.segments; ++i) mine.insert(i);
  for (std::size_t i = 0; i < entry.held.size() * 8; ++i) {
    if ((entry.held[i / 8] & (std::byte{1} << (i % 8))) != std::byte{}) mine.insert(entry.first + i);
  }
  if (mine.size() == before) return;
  news_ += mine.size() - before;
  tell_changed();
}

std::optional<std::size_t> OfficeSupply::holder_of(std::uint64_t segment) const {
  for (const peer::AgentId& agent : seat->holders(SegmentIndex(segment), 16)) {
    const auto index = office_.index_of(agent);
    if (!index) continue;
    const auto held = office_.held_by(*index);
    if (std::binary_search(held.begin(), held.end(), segment)) return index;
    seat->on_segment_not_given(agent, segment);  // it is gone
  }
  return std::nullopt;
}

std::vector<std::uint64_t> OfficeSupply::segments() const {
  std::set<std::uint64_t> all;
  for (const auto& [agent, segments] : known) all.insert(segments.begin(), segments.end());
  return {all.begin(), all.end()};
}

peer::DeliveryId OfficeSupply::deliver(ByteRange window, std::shared_ptr<peer::DeliveryEvents> events) {
  deliveries_[next_] = {window, std::move(events), 0};
  // The torrent is opened.
  office_.loop.after(std::chrono::milliseconds(15), alive_.guard([this, id = next_] { step(id); }));
  return next_++;
}

void OfficeSupply::step(peer::DeliveryId id) {
  const auto found = deliveries_.find(id);
  if (found == deliveries_.end()) return;
  Delivery& one = found->second;
  const auto events = one.events;
  const auto alive = alive_.watch();
  const std::uint64_t segment = cache::SegmentLayout(size()).index_at(one.window.offset);
  const auto holder = holder_of(segment);
  if (!holder) {
    deliveries_.erase(found);
    return events->on_done(fail(ErrorCode::no_progress, "fetch from peers", "nobody has it any more"));
  }
  const std::uint64_t length = std::min(kChunk, one.window.length - one.done);
  const std::uint64_t offset = one.window.offset + one.done;
  Buffer buffer = copy_of(Bytes(office_.file.bytes).subspan(offset, length));
  std::vector<Digest> leaves(block_count(length));
  hash_blocks(buffer.bytes(), leaves);
  one.done += length;
  const bool last = one.done == one.window.length;
  seat->on_bytes_from_peers(length);
  seat->on_delivering(segment);
  if (last) {
    deliveries_.erase(found);
  } else {
    // All deliveries share the host's line.
    office_.loop.after(office_.chunk_every * static_cast<int>(deliveries_.size()),
                       alive_.guard([this, id] { step(id); }));
  }
  events->on_blocks(offset, std::move(buffer), std::move(leaves));
  if (!alive.expired() && last) events->on_done({});
}

}  // namespace larder::test
