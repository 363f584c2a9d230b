// The parts of the simulated office (crowd_world.h).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "base/runtime/loop.h"
#include "cache/record/segments.h"
#include "peer/crowd/crowd.h"
#include "peer/crowd/crowd_memory.h"
#include "peer/crowd/crowd_pace.h"
#include "tests/sim/crowd_world.h"
#include "tests/sim/wan.h"

namespace larder::sim {

inline constexpr std::uint32_t kNobody = UINT32_MAX;
inline constexpr std::size_t kReferrals = 16;

enum class Happens : std::uint8_t {
  join,      // host
  begin,     // task: the version is known
  wake,      // task: Crowd::step
  speak,     // host: CrowdPace
  datagram,  // id
  wan,       // generation
  held,      // task, segment
  ask,       // task, segment, take
  came,      // task, segment, take
  failed,    // task, segment, take
  kill,      // host
  sleep,     // host
  rise,      // host
  attack,    // host
  credit,    // task: bytes that came from peers so far
};

struct Event {
  std::int64_t at = 0;
  std::uint64_t order = 0;
  Happens what{};
  std::uint32_t who = 0;
  std::uint64_t detail = 0;
  std::uint64_t id = 0;
  friend bool operator>(const Event& left, const Event& right) {
    return left.at != right.at ? left.at > right.at : left.order > right.order;
  }
};

// Who took a segment of a holder, the latest.
struct Named {
  std::array<std::uint32_t, kReferrals> who{};
  std::uint32_t count = 0;  // ever
  [[nodiscard]] std::size_t size() const { return std::min<std::size_t>(count, kReferrals); }
  [[nodiscard]] bool has(std::uint32_t host) const {
    return std::find(who.begin(), who.begin() + static_cast<std::ptrdiff_t>(size()), host) !=
           who.begin() + static_cast<std::ptrdiff_t>(size());
  }
  void add(std::uint32_t host) { who[count++ % kReferrals] = host; }
};

struct Take {
  std::uint64_t id = 0;
  std::uint64_t segment = 0;
  std::uint32_t from = kNobody;  // host; nobody yet: asking
  std::uint32_t asked = kNobody;
  bool broken = false;  // who gives it has it no more
  SteadyTime began{};
  SteadyTime ends{};
  double credited = 0;
  unsigned tries = 0;
  std::vector<std::uint32_t> others;  // named by those asked
};

struct Task {  // one file at one host
  std::uint32_t host = 0;
  std::uint32_t file = 0;
  std::unique_ptr<peer::Crowd> crowd;
  peer::SegmentBits has;
  std::vector<Take> takes;
  std::vector<std::uint64_t> fetch;
  std::optional<std::uint64_t> fetching;
  std::uint64_t last_fetched = UINT64_MAX - 1;
  std::int64_t wake_at = 0;
  std::int64_t wake_queued = 0;          // 0: none
  std::vector<std::int64_t> rest_until;  // by segment: nobody could give it
  std::vector<std::uint8_t> rests;
  bool done = false;
  bool claims = false;
  std::int64_t speak_until = 0;  // of one that is done
};

struct Host {
  peer::AgentId id{};
  std::unique_ptr<Random> random;
  peer::ClaimRecord record;
  peer::CrowdMemory memory;
  std::unique_ptr<peer::CrowdPace> pace;
  std::vector<std::uint32_t> tasks;  // by file; kNobody: none
  std::size_t next_file = 0;
  std::size_t files_done = 0;
  std::size_t giving = 0;
  std::size_t taking = 0;
  std::uint64_t sequence = 0;
  std::int64_t speak_queued = 0;
  bool alive = true;
  bool asleep = false;
  bool origin = true;
  bool reachable = true;
  bool attacker = false;
  double limit = 1e12;
  HostReport report;
};

struct Said {
  std::uint32_t from = 0;
  peer::CrowdStamp stamp;
  std::vector<peer::CrowdEntry> entries;
};

class World {
 public:
  explicit World(const WorldOptions& options);
  WorldReport run();

 private:
  // crowd_world.cpp
  void at(SteadyTime time, Happens what, std::uint32_t who, std::uint64_t detail = 0, std::uint64_t id = 0);
  void handle(const Event& event);
  [[nodiscard]] std::size_t file_of(const Digest& key) const;
  void make_hosts();
  void make_trouble();
  void join(std::uint32_t host);
  void start_files(std::uint32_t host);
  void begin(std::uint32_t task);
  void step(std::uint32_t task);
  void wake(std::uint32_t task, std::int64_t queued);
  void queue_wake(Task& task, std::uint32_t index, SteadyTime when);
  void follow_fetch(std::uint32_t task);
  void stop_fetch(std::uint32_t task);
  void tell_progress(Task& task, std::uint32_t index);
  void wan_changed();
  void line_moved();
  void held(std::uint32_t task, std::uint64_t segment, bool first_hand);
  void finish(Task& task);
  [[nodiscard]] bool over() const;
  WorldReport report();
  // crowd_talk.cpp
  void speak(std::uint32_t host, std::int64_t queued);
  void queue_speak(std::uint32_t host);
  void send(std::uint32_t host, std::vector<peer::CrowdEntry> entries);
  void deliver(std::uint64_t id);
  void hear(Host& host, std::uint32_t index, const Said& said);
  void attack(std::uint32_t host);
  [[nodiscard]] bool apart(std::uint32_t left, std::uint32_t right) const;
  void kill(std::uint32_t host);
  void sleep(std::uint32_t host);
  void rise(std::uint32_t host);
  // crowd_lan.cpp
  void take_more(std::uint32_t task);
  void ask(std::uint32_t task, std::uint64_t take);
  void ask_next(std::uint32_t task, Take& take);
  void came(std::uint32_t task, std::uint64_t take);
  void failed(std::uint32_t task, std::uint64_t take);
  void end_take(Task& task, std::uint64_t take);
  void rest(std::uint32_t index, Take& take);
  [[nodiscard]] const Take* taking(const Host& host, std::uint32_t file, std::uint64_t segment) const;
  void credit(Task& task);
  void lost_host(std::uint32_t host);
  [[nodiscard]] Take* find_take(Task& task, std::uint64_t id);
  [[nodiscard]] Named& named(std::uint32_t host, std::uint32_t file, std::uint64_t segment);
  [[nodiscard]] double chunk(std::uint64_t segment) const;

  WorldOptions options_;
  cache::SegmentLayout layout_;
  std::unique_ptr<Random> random_;
  SteadyTime now_{};
  std::uint64_t order_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<Host> hosts_;
  std::vector<peer::AgentId> ids_;
  std::vector<Digest> keys_;  // of the files' versions
  std::vector<Task> tasks_;
  Wan wan_;
  std::uint64_t wan_generation_ = 0;
  std::vector<std::optional<Said>> air_;  // datagrams under way
  std::vector<std::size_t> air_free_;
  std::vector<std::vector<Named>> named_;  // by host: by file and segment
  std::vector<double> fetched_;            // by file and segment
  std::uint64_t next_take_ = 1;
  std::size_t streams_ = 0;
  std::int64_t second_ = -1;
  std::uint64_t in_second_ = 0;
  bool look_ = false;  // whether all is over
  WorldReport report_;
};

}  // namespace larder::sim
