// An origin that does as it is told: files with editions, and a script of how each answer behaves. It keeps the
// promises of origin/origin.h: no byte of another edition than expected is delivered, at most a window beyond what was
// consumed.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "origin/origin.h"

namespace larder::test {

// Bytes that differ between editions at every block.
[[nodiscard]] std::vector<std::byte> edition_bytes(std::uint64_t seed, std::size_t size);

struct FakeFile {
  origin::Edition edition;
  std::vector<std::byte> bytes;
};

// An edition with an ETag made of `seed`; size known, ranges, shareable.
[[nodiscard]] FakeFile make_file(const std::string& url, std::uint64_t seed, std::size_t size);

// How one answer to a fetch goes wrong.
struct Behaviour {
  std::optional<Error> refuse;               // no edition, at once
  std::optional<std::uint64_t> break_after;  // bytes of data
  ErrorCode break_code = ErrorCode::connection_lost;
  bool whole = false;                        // answers a range with everything
  bool silent_end = false;                   // break_after ends the answer as if it were well
  std::optional<std::uint64_t> stall_after;  // bytes of data; then nothing comes any more
};

class FakeOrigin final : public origin::Origin {
 public:
  explicit FakeOrigin(Runtime runtime) : runtime_(runtime) {}

  // Knobs.
  Duration latency = std::chrono::milliseconds(20);
  Duration gap = std::chrono::milliseconds(5);  // between chunks
  std::size_t chunk = 64 * 1024;
  std::map<std::string, FakeFile> files;                  // by canonical URL
  std::map<std::string, FakeFile> heads;                  // what a probe says instead, where it lies
  std::map<std::string, FakeFile> by_proxy;               // what whoever asks over this proxy gets, whatever the URL
  std::map<std::string, FakeFile> by_header;              // what whoever sends this header gets
  std::deque<Behaviour> script;                           // of the next fetches
  std::function<Behaviour(const origin::Fetch&)> behave;  // when the script is empty
  std::optional<Error> unreachable;                       // of every probe and fetch
  // Replaces the file; answers under way break, as when it is replaced on disk.
  void publish(const std::string& url, FakeFile file);

  // What happened.
  unsigned probes = 0;
  std::vector<origin::Fetch> fetches;
  std::uint64_t delivered = 0;
  std::size_t most_outstanding = 0;
  std::map<origin::FetchId, std::uint64_t> rates;
  [[nodiscard]] std::size_t running() const { return runs_.size(); }

  origin::FetchId probe(const origin::Target& target, UniqueFunction<void(Result<origin::Edition>)> done) override;
  origin::FetchId fetch(const origin::Fetch& fetch, std::shared_ptr<origin::FetchEvents> events) override;
  void cancel(origin::FetchId id) override;
  void consumed(origin::FetchId id, std::size_t bytes) override;
  void set_rate(origin::FetchId id, std::uint64_t bytes_per_second) override;

 private:
  struct Run {
    origin::Fetch fetch;
    std::shared_ptr<origin::FetchEvents> events;
    UniqueFunction<void(Result<origin::Edition>)> probe_done;
    Behaviour behaviour;
    std::optional<FakeFile> file;  // as it was when the answer began
    std::uint64_t position = 0;
    std::uint64_t end = 0;
    std::uint64_t sent = 0;
    std::size_t outstanding = 0;
    bool stuck = false;  // waits for consumption
  };
  [[nodiscard]] const FakeFile* file_for(const origin::Target& target, bool head) const;
  void after(Duration delay, origin::FetchId id, void (FakeOrigin::*next)(origin::FetchId));
  void answer(origin::FetchId id);
  void step(origin::FetchId id);
  void finish(origin::FetchId id, Status status);

  Runtime runtime_;
  std::map<origin::FetchId, std::shared_ptr<Run>> runs_;
  origin::FetchId next_ = 1;
  Alive alive_;
};

}  // namespace larder::test
