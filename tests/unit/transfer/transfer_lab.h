// What the tests of transfers share: fakes, a manager over them, and recorders of what each start() was told.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "agent/transfer/manager.h"
#include "base/io/log.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/transfer/fake_cache.h"
#include "tests/unit/transfer/fake_neighbours.h"
#include "tests/unit/transfer/fake_origin.h"

namespace larder::test {

inline const std::string kUrl = "http://origin.test/file.iso";

// Checks on each event what must always hold.
class Recorder final : public agent::TransferEvents {
 public:
  unsigned connected = 0;
  std::vector<agent::TransferProgress> progress;
  std::vector<SteadyTime> times;
  std::optional<Result<agent::TransferResult>> result;
  bool stopped = false;
  Clock* clock = nullptr;

  void on_connected() override {
    EXPECT_FALSE(stopped || result);
    ++connected;
  }
  void on_progress(const agent::TransferProgress& now) override {
    EXPECT_FALSE(stopped || result);
    EXPECT_EQ(now.figures.origin + now.figures.peers + now.figures.cache, now.bytes);
    EXPECT_LE(now.contiguous, now.bytes);
    EXPECT_LE(now.bytes, now.size.value_or(UINT64_MAX));
    progress.push_back(now);
    if (clock != nullptr) times.push_back(clock->now());
  }
  void on_done(Result<agent::TransferResult> done) override {
    EXPECT_FALSE(stopped || result) << "once, last";
    result = std::move(done);
  }
  [[nodiscard]] bool ok() const { return result && result->has_value(); }
  [[nodiscard]] const agent::TransferResult& value() const { return **result; }
  [[nodiscard]] const Error& error() const { return result->error(); }
  [[nodiscard]] ErrorCode code() const { return result->error().code; }
};

class TransferLab {
 public:
  explicit TransferLab(std::uint64_t seed = 1, bool alone = true)
      : loop(seed), cache(loop.runtime()), origin(loop.runtime()), neighbours(loop.runtime()), alone_(alone) {
    log::set_level(log::Level::off);
    restart();
  }

  // As after a crash of the agent: what is committed is there, nothing else.
  void restart() {
    transfers.reset();
    loop.run_ready();
    const auto blocking = [this](Task task) {
      loop.post(std::move(task));
      return true;
    };
    transfers =
        std::make_unique<agent::Manager>(cache, origin, loop.runtime(), blocking, alone_ ? nullptr : &neighbours);
  }

  [[nodiscard]] static agent::TransferRequest request(const std::string& file_id, const std::string& url = kUrl) {
    agent::TransferRequest request;
    request.file_id = file_id;
    auto parsed = origin::parse_url(url);
    EXPECT_TRUE(parsed);
    request.target.url = *parsed;
    return request;
  }

  agent::TransferId start(agent::TransferRequest request, const std::shared_ptr<Recorder>& recorder) {
    recorder->clock = &loop;
    return transfers->start(std::move(request), recorder);
  }

  // Starts and runs it to its end.
  std::shared_ptr<Recorder> fetch(agent::TransferRequest request) {
    auto recorder = std::make_shared<Recorder>();
    start(std::move(request), recorder);
    EXPECT_TRUE(loop.run_until([&] { return recorder->result.has_value(); })) << "it never ended";
    loop.run_ready();
    return recorder;
  }

  // The same, again and again while the link breaks, as agent/jobs does.
  std::shared_ptr<Recorder> fetch_patiently(const agent::TransferRequest& request) {
    std::shared_ptr<Recorder> recorder = fetch(request);
    for (int i = 0; i < 20 && !recorder->ok() && recorder->code() == ErrorCode::connection_lost; ++i) {
      recorder = fetch(request);
    }
    return recorder;
  }

  void expect_whole(const Recorder& recorder, const std::vector<std::byte>& bytes) {
    ASSERT_TRUE(recorder.result.has_value());
    ASSERT_TRUE(recorder.ok()) << recorder.error().text();
    const agent::TransferResult& result = recorder.value();
    const auto found = cache.records.find(result.content.id);
    ASSERT_NE(found, cache.records.end());
    EXPECT_EQ(found->second.info.state, cache::ContentState::complete);
    EXPECT_TRUE(found->second.bytes == bytes) << "the content is not the edition";
    const agent::SourceFigures& figures = result.figures;
    EXPECT_EQ(figures.origin + figures.peers + figures.cache, bytes.size());
  }

  VirtualLoop loop;
  FakeCache cache;
  FakeOrigin origin;
  FakeNeighbours neighbours;
  std::unique_ptr<agent::Manager> transfers;

 private:
  bool alone_;
};

}  // namespace larder::test
