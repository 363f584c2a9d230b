// A model of what clients know, against an inbox that crashes at any step: random operations of two clients, each of
// which may be the last before the disk dies; unsynced bytes, names and removals are lost by the throw of a coin; then
// the inbox starts again, and everything that was promised has to be there.
#include <algorithm>
#include <map>
#include <set>

#include "base/runtime/loop.h"
#include "tests/support/seeds.h"
#include "tests/unit/inbox/service/service_fixture.h"

namespace larder::inbox {
namespace {

// What the clients were told of the upload of one key.
struct Known {
  std::string id;
  std::string bytes;         // of the whole file
  std::uint64_t offset = 0;  // the largest that was announced
  bool accepted = false;     // somebody was told so
  bool cancelled = false;    // the client was told so
};

class CrashTest : public ServiceTest {
 protected:
  CrashTest() : ServiceTest(small()) {}

  static UploadSettings small() {
    UploadSettings settings;
    settings.sync_each = std::chrono::milliseconds(0);  // kept on the way after every piece: more steps to die at
    return settings;
  }

  void play(std::uint64_t seed, int rounds) {
    random_ = make_seeded_random(seed);
    for (int round = 0; round < rounds && !HasFatalFailure(); ++round) {
      SCOPED_TRACE("round " + std::to_string(round));
      // The disk fails once, or dies, or the process dies between two of its callbacks, or just ends.
      const auto end = random_->below(4);
      if (end == 0) files_.fail_nth(random_->below(40), ErrorCode::disk_error);
      if (end == 1) files_.die_nth(random_->below(40));
      const auto steps = 1 + random_->below(8);
      dead_ = false;
      for (std::uint64_t i = 0; i < steps && !dead_; ++i) {
        may_die_ = end == 2 && random_->below(3) == 0;
        step();
      }
      crash();
      check();
    }
  }

  // One operation, of which the answer may never come.
  void step() {
    const std::string key = prefix_ + std::to_string(random_->below(4));
    auto found = known_.find(key);
    if (found == known_.end() || found->second.cancelled) return make_upload(key);
    Known& known = found->second;
    switch (random_->below(8)) {
      case 0:
        return make_upload(key);  // repeated
      case 1:
        if (const auto status = finish(begin([&](auto done) { uploads_->look(anna_, known.id, std::move(done)); }))) {
          learn(known, *status);
        }
        return;
      case 2:
        if (random_->below(4) == 0) return cancel_upload(known);
        return;
      default:
        return append_some(known);
    }
  }

  void make_upload(const std::string& key) {
    Known fresh;
    const auto found = known_.find(key);
    const bool repeats = found != known_.end() && !found->second.cancelled;
    const std::string bytes = repeats ? found->second.bytes : text(random_->below(60));
    CreateUpload request = wanted(key, bytes.size());
    request.sha256 = sha256(as_bytes(bytes));
    const auto made = finish(begin([&](auto done) { uploads_->create(anna_, request, std::move(done)); }));
    if (!made) {
      // A creation of which no answer came may have made an upload all the same; its key names these bytes then.
      if (!repeats) known_[key] = {"", bytes};
      return;
    }
    Known& known = known_[key];
    if (repeats && !known.id.empty()) {
      ASSERT_EQ(made->id, known.id) << "one upload for a key";
    } else {
      known = {made->id, bytes};
    }
    learn(known, *made);
  }

  void append_some(Known& known) {
    if (known.id.empty()) return;
    const std::uint64_t from = known.offset;
    const std::uint64_t length = std::min<std::uint64_t>(random_->below(40), known.bytes.size() - from);
    const std::string part_bytes = known.bytes.substr(from, length);
    AppendPart part = part_at(known.id, from);
    if (random_->below(3) == 0) {
      const Digest digest = sha256(as_bytes(part_bytes));
      part.digest = PartDigest{PartDigest::Algorithm::sha256, {digest.begin(), digest.end()}};
    }
    ScriptedBody body(loop_);
    for (std::size_t at = 0; at < part_bytes.size(); at += 7) body.piece(part_bytes.substr(at, 7));
    random_->below(4) == 0 ? body.fail(ErrorCode::connection_lost) : body.end();
    const auto answer = finish(begin_append(std::move(part), body));
    if (answer) return learn(known, *answer);
    // wrong_offset is right where an answer was lost before; it tells the offset.
    if (answer.error().upload && answer.error().upload->state == UploadState::receiving) {
      learn(known, *answer.error().upload);
    }
  }

  void cancel_upload(Known& known) {
    if (known.id.empty()) return;
    const auto answer = finish(begin([&](auto done) { uploads_->cancel(anna_, known.id, std::move(done)); }));
    if (answer) {
      EXPECT_FALSE(known.accepted) << "what was accepted cannot be cancelled";
      known.cancelled = true;
    }
  }

  // The answer; none where the process dies before it.
  Outcome<UploadStatus> finish(const Answer& answer) {
    if (!may_die_) return wait(answer);
    std::uint64_t rounds = random_->below(8);
    EXPECT_TRUE(loop_.wait_for([&] { return answer->has_value() || rounds-- == 0; }));
    if (*answer) return **answer;
    dead_ = true;
    return tl::unexpected<Refused>(Refused{Problem::failed, "it died", std::nullopt, std::nullopt});
  }

  // What a client is told is never less than it was, and all bytes only with the acceptance.
  void learn(Known& known, const UploadStatus& status) {
    EXPECT_GE(status.offset, known.offset) << "offsets never decrease";
    known.offset = status.offset;
    if (was_accepted(status.state)) known.accepted = true;
    EXPECT_EQ(status.offset == status.size, was_accepted(status.state)) << "complete is a state";
  }

  // The process dies: no answer comes any more, what its threads do reaches no disk.
  void crash() {
    files_.die();
    stop();
    files_.crash(random_.get());
    start();
  }

  void check() {
    std::map<std::string, UploadRow> rows;
    ListQuery query;
    auto page = ask<Outcome<std::vector<UploadRow>>>([&](auto done) { ledger_->list(query, std::move(done)); });
    ASSERT_TRUE(page && *page);
    ASSERT_LT((*page)->size(), kMaxPage) << "all of them";
    for (UploadRow& row : **page) rows.emplace(row.id, std::move(row));
    for (auto& [key, known] : known_) check_promises(rows, key, known);
    check_files(rows);
    for (const std::string& id : accepted_) {
      ASSERT_TRUE(accepted_once_.insert(id).second) << "accepted twice";
      ASSERT_TRUE(rows.contains(id) && was_accepted(rows[id].state));
    }
    accepted_.clear();
  }

  void check_promises(const std::map<std::string, UploadRow>& rows, const std::string& key, Known& known) {
    if (known.id.empty()) return;
    const auto row = rows.find(known.id);
    ASSERT_NE(row, rows.end()) << key;
    EXPECT_GE(row->second.offset, known.offset) << "what was announced is there";
    EXPECT_TRUE(!known.accepted || was_accepted(row->second.state)) << key;
    EXPECT_TRUE(!known.cancelled || row->second.state == UploadState::cancelled) << key;
    // A cancellation whose answer was lost.
    if (row->second.state == UploadState::cancelled) known.cancelled = true;
    EXPECT_NE(row->second.state, UploadState::failed) << "right bytes never fail";
    EXPECT_FALSE(row->second.state == UploadState::receiving && row->second.offset == known.bytes.size())
        << "recovery settles what is whole";
    if (!was_accepted(row->second.state)) return;
    const std::string path = store_->content_path(known.id);
    ASSERT_TRUE(real_->stat(path)) << "an accepted upload has its file";
    EXPECT_EQ(test::read_file(path), known.bytes);
  }

  // No file without a row that speaks of it, and no row without its file.
  void check_files(const std::map<std::string, UploadRow>& rows) {
    std::set<std::string> keys;
    for (const auto& [id, row] : rows) {
      EXPECT_TRUE(frees_key(row.state) || keys.insert(row.key).second) << "two uploads of one key";
      if (row.state == UploadState::receiving && row.offset > 0) {
        const auto facts = real_->stat(directory_ / ("store/parts/" + part_name(id)));
        ASSERT_TRUE(facts) << "a row without its part";
        EXPECT_EQ(facts->size, row.offset);
      }
    }
    const auto spoken_of = [&](const std::optional<std::string>& id, bool whole) {
      const auto row = id ? rows.find(*id) : rows.end();
      if (row == rows.end()) return false;
      return whole ? was_accepted(row->second.state) : row->second.state == UploadState::receiving;
    };
    EXPECT_TRUE(real_->list(directory_ / "store/parts", [&](const std::string& name) {
      EXPECT_TRUE(spoken_of(id_of_part(name), false)) << "a part without a row";
      return true;
    }));
    EXPECT_TRUE(real_->list(directory_ / "store/content", [&](const std::string& name) {
      EXPECT_TRUE(spoken_of(name, true)) << "content without a row";
      return true;
    }));
  }

  std::string text(std::uint64_t size) {
    std::string made;
    for (std::uint64_t i = 0; i < size; ++i) made += static_cast<char>('a' + random_->below(26));
    return made;
  }

  std::unique_ptr<Random> random_;
  std::string prefix_;    // of this seed's keys
  bool may_die_ = false;  // before the answer of this step
  bool dead_ = false;
  std::map<std::string, Known> known_;  // by key
  std::set<std::string> accepted_once_;
};

TEST_F(CrashTest, WhatWasPromisedIsThere) {
  const test::Seeds seeds = test::seeds_to_run({1, 2});
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    SCOPED_TRACE("LARDER_SEED=" + std::to_string(seed));
    known_.clear();
    prefix_ = "key-" + std::to_string(seed) + "-";
    play(seed, 40);
    if (HasFailure()) return;
    EXPECT_FALSE(accepted_once_.empty()) << "it was no test of anything";
  }
}

}  // namespace
}  // namespace larder::inbox
