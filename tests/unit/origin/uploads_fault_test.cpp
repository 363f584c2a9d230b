// Whole uploads through Uploads against model servers, while the line, the servers and the agent itself break by seed,
// and while the source changes: success is told only where the server took the whole file, and nothing is taken twice.
#include "base/runtime/loop.h"
#include "tests/support/seeds.h"
#include "uploads_fixture.h"

namespace larder::origin {
namespace {

const larder::test::Seeds kRuns = larder::test::seeds_to_run({0, 200});

// Chances in a thousand, for each request.
struct Dangers {
  unsigned request_lost = 120;
  unsigned answer_lost = 120;
  unsigned unavailable = 60;
  unsigned failed_after = 0;
  unsigned damaged = 0;
  unsigned server_forgets = 0;
  unsigned agent_dies = 60;
  unsigned most = 12;  // then all goes well, so that a run ends
};

class Misfortune {
 public:
  Misfortune(const Dangers& dangers, test::ModelServer& server, std::uint64_t seed)
      : dangers_(dangers), server_(server), random_(make_seeded_random(seed)) {}

  Fate next(const HttpRequest& request) {
    largest = std::max(largest, request.body_length);
    Fate fate;
    if (happens(dangers_.server_forgets)) {
      ++forgot;
      server_.lose_state();
    }
    if (happens(dangers_.agent_dies)) {
      fate.dies = true;
      fate.unreached = random_->below(2) == 0;
    } else if (happens(dangers_.unavailable)) {
      fate.instead = test::answer_of(503, {{"Retry-After", "2"}});
      fate.arrives = random_->below(request.body_length + 1);
    } else if (happens(dangers_.request_lost)) {
      if (request.body_length == 0) fate.unreached = true;
      if (request.body_length > 0) fate.arrives = random_->below(request.body_length);
    } else if (happens(dangers_.damaged)) {
      fate.damaged = random_->below(1U << 30);
    } else if (happens(dangers_.failed_after)) {
      fate.status_after = 500;
    } else if (happens(dangers_.answer_lost)) {
      fate.answer_lost = true;
    }
    return fate;
  }

  std::uint64_t faults = 0;
  std::uint64_t forgot = 0;
  std::uint64_t largest = 0;

 private:
  bool happens(unsigned chance) {
    if (faults >= dangers_.most || random_->below(1000) >= chance) return false;
    ++faults;
    return true;
  }

  Dangers dangers_;
  test::ModelServer& server_;
  std::unique_ptr<Random> random_;
};

class UploadsFaultTest : public UploadsFixture {
 protected:
  // Sizes at the borders of parts and pieces, and by chance.
  static std::string text_for(std::uint64_t seed, std::uint64_t least_part, std::uint64_t most) {
    const auto random = make_seeded_random(seed * 7 + 1);
    const std::uint64_t sizes[] = {1, 100, least_part, least_part + 1, most, random->below(most) + 1};
    return test::random_bytes(seed % 10 == 9 ? 0 : sizes[seed % 6], *random);
  }

  std::shared_ptr<UploadHeard> run_with(const UploadJob& job, test::ModelServer& server, const Dangers& dangers,
                                        std::uint64_t seed) {
    misfortune.emplace(dangers, server, seed);
    http->fate = [this](const HttpRequest& request) { return misfortune->next(request); };
    return run(job, 200);
  }

  // What holds for each run, however it ends.
  void expect_sound(const UploadHeard& heard, const test::ModelServer& server, std::uint64_t seed) {
    const std::string what = "seed " + std::to_string(seed) + ", " + heard.why();
    ASSERT_LT(attempts, 200U) << what << ": never ends";
    ASSERT_TRUE(heard.result) << what;
    ASSERT_LE(server.accepted.size(), 1U) << what << ": taken twice";
    ASSERT_EQ(http->open(), 0U) << what << ": a request goes on";
    if (!heard.ok()) return;
    ASSERT_EQ(server.accepted.size(), 1U) << what << ": told as done, and never taken";
    ASSERT_TRUE(server.accepted[0].bytes == source->bytes) << what << ": other bytes than the source's";
    ASSERT_EQ(heard.figures.acknowledged, source->bytes.size()) << what;
    ASSERT_LE(http->sent,
              source->bytes.size() * (1 + misfortune->forgot) + (misfortune->faults + 1) * misfortune->largest)
        << what << ": more waste than faults";
  }

  std::optional<Misfortune> misfortune;
};

TEST_F(UploadsFaultTest, tus_to_a_server_with_a_ledger_ends_well) {
  for (std::uint64_t seed = kRuns.first; seed < kRuns.first + kRuns.count; ++seed) {
    test::TusManner manner;
    manner.part_limit = seed % 3 == 0 ? 100'000 : UINT64_MAX;
    test::TusServer server(manner);
    use(server);
    const bool sums = seed % 2 == 0;
    http->other = [sums](const HttpRequest& request) -> std::optional<UploadAnswer> {
      if (request.method != "OPTIONS") return std::nullopt;
      return answer_of_tus_options(sums ? "creation,larder-key,checksum" : "creation,larder-key");
    };
    UploadJob made = job(text_for(seed, 65'536, 400'000), ProtocolWish::any);
    made.progress.part_limit = made.progress.part_size = 65'536 * (1 + seed % 4);
    Dangers dangers;
    dangers.failed_after = 60;
    if (sums) dangers.damaged = 60;
    const auto heard = run_with(made, server, dangers, seed);
    ASSERT_NO_FATAL_FAILURE(expect_sound(*heard, server, seed));
    if (heard->ok()) {
      EXPECT_TRUE((*heard->result)->confirmed) << seed;
    } else {  // several damaged copies of one part in a row
      EXPECT_EQ(heard->code(), ErrorCode::digest_mismatch) << seed << heard->why();
    }
  }
}

TEST_F(UploadsFaultTest, tus_to_a_server_that_loses_uploads_begins_anew_or_says_so) {
  unsigned done = 0;
  for (std::uint64_t seed = kRuns.first; seed < kRuns.first + kRuns.count; ++seed) {
    test::TusManner manner;
    manner.keyed = seed % 2 == 0;
    test::TusServer server(manner);
    use(server);
    http->other = [keyed = manner.keyed](const HttpRequest& request) -> std::optional<UploadAnswer> {
      if (request.method != "OPTIONS") return std::nullopt;
      return answer_of_tus_options(keyed ? "creation,larder-key" : "creation");
    };
    UploadJob made = job(text_for(seed, 65'536, 400'000), ProtocolWish::any);
    made.progress.part_limit = made.progress.part_size = 65'536;
    Dangers dangers;
    dangers.server_forgets = 60;
    const auto heard = run_with(made, server, dangers, seed);
    ASSERT_NO_FATAL_FAILURE(expect_sound(*heard, server, seed));
    if (heard->ok()) ++done;
    if (!heard->ok()) {
      EXPECT_TRUE(heard->code() == ErrorCode::outcome_unknown || heard->code() == ErrorCode::http_fatal)
          << seed << heard->why();
    }
  }
  EXPECT_GE(done, kRuns.count / 2);
}

TEST_F(UploadsFaultTest, bits_delivers_once_or_says_that_it_does_not_know) {
  unsigned done = 0;
  for (std::uint64_t seed = kRuns.first; seed < kRuns.first + kRuns.count; ++seed) {
    test::BitsManner manner;
    manner.commits_at_close = seed % 2 == 0;
    manner.keeps_closed = seed % 4 < 2;
    manner.part_limit = seed % 5 == 0 ? 9'000 : UINT64_MAX;
    test::BitsServer server(manner);
    use(server);
    std::string text = text_for(seed, 5'120, 100'000);
    if (text.empty()) text = "x";  // BITS cannot express an empty file
    UploadJob made = job(std::move(text), ProtocolWish::bits);
    made.progress.part_limit = made.progress.part_size = 5'120 * (1 + seed % 4);
    Dangers dangers;
    if (seed % 2 == 1) dangers.server_forgets = 60;
    const auto heard = run_with(made, server, dangers, seed);
    ASSERT_NO_FATAL_FAILURE(expect_sound(*heard, server, seed));
    if (heard->ok()) ++done;
    if (!heard->ok()) {
      EXPECT_TRUE(heard->code() == ErrorCode::outcome_unknown || heard->code() == ErrorCode::http_fatal)
          << seed << heard->why();
    }
  }
  EXPECT_GE(done, kRuns.count / 2);
}

TEST_F(UploadsFaultTest, put_is_sent_again_and_settled_by_digest) {
  unsigned done = 0;
  for (std::uint64_t seed = kRuns.first; seed < kRuns.first + kRuns.count; ++seed) {
    const bool keeps_torn = seed % 5 == 0;
    test::PutServer server(seed % 2 == 0, keeps_torn);
    use(server);
    const UploadJob made = job(text_for(seed, 5'120, 600'000), ProtocolWish::put);
    Dangers dangers;
    dangers.failed_after = 60;
    const auto heard = run_with(made, server, dangers, seed);
    ASSERT_NO_FATAL_FAILURE(expect_sound(*heard, server, seed));
    if (heard->ok()) ++done;
    if (!heard->ok()) {  // sent too often; or a torn file is in its place, or one without a digest
      EXPECT_TRUE(heard->code() == ErrorCode::http_fatal || heard->code() == ErrorCode::outcome_unknown ||
                  (heard->code() == ErrorCode::already_exists && keeps_torn))
          << seed << heard->why();
    }
  }
  EXPECT_GE(done, kRuns.count / 2);
}

// -- the source changes ---------------------------------------------------------------------------------------------
struct Served {
  test::TusServer tus{{}};
  test::BitsServer bits{{}};
  test::PutServer put{true, false};
  test::ModelServer& of(ProtocolWish wish) {
    if (wish == ProtocolWish::tus) return tus;
    return wish == ProtocolWish::bits ? static_cast<test::ModelServer&>(bits) : put;
  }
};

TEST_F(UploadsFaultTest, a_source_that_changes_at_any_read_is_told_and_never_mixed) {
  using Change = void (*)(const MemorySource&);
  const std::map<std::string, Change> changes = {
      {"truncated", [](const MemorySource& file) { file.bytes.resize(file.bytes.size() / 2); }},
      {"emptied", [](const MemorySource& file) { file.bytes.clear(); }},
      {"appended",
       [](const MemorySource& file) {
         file.bytes += "more";
         file.times.modified_ns = 5;
       }},
      {"overwritten in place",
       [](const MemorySource& file) {
         file.bytes[file.bytes.size() - 1] ^= 1;
         file.times.modified_ns = 5;
       }},
      {"touched", [](const MemorySource& file) { file.times.changed_ns = 5; }},
      {"replaced by another", [](const MemorySource& file) { file.times.inode = 5; }},
  };
  const auto random = make_seeded_random(11);
  const std::string text = test::random_bytes(600'000, *random);
  for (const auto& [name, change] : changes) {
    for (const ProtocolWish wish : {ProtocolWish::tus, ProtocolWish::bits, ProtocolWish::put}) {
      for (unsigned at = 1;; ++at) {
        Served served;
        use(served.of(wish));
        http->other = options_of_larder;
        UploadJob made = job(text, wish);
        made.progress.part_limit = made.progress.part_size = 200'000;
        source->at_read = [at, change = change, this](unsigned read) {
          if (read == at) change(*source);
        };
        const auto heard = run(made);
        if (source->reads < at) {
          EXPECT_TRUE(heard->ok()) << heard->why();
          EXPECT_GT(at, 3U) << "the source is read";
          break;
        }
        const std::string what =
            name + " at read " + std::to_string(at) + ", protocol " + std::to_string(static_cast<int>(wish));
        EXPECT_EQ(heard->code(), ErrorCode::source_changed) << what << ": " << heard->why();
        EXPECT_TRUE(served.of(wish).accepted.empty()) << what;
        EXPECT_EQ(http->open(), 0U) << what << ": the request goes on";
      }
    }
  }
}

// A writer through a mapping: the bytes change, and no time does. What is told as done is what was hashed.
TEST_F(UploadsFaultTest, bytes_that_change_unseen_are_what_was_hashed_or_refused) {
  const auto random = make_seeded_random(12);
  const std::string text = test::random_bytes(700'000, *random);
  unsigned refused = 0;
  for (const ProtocolWish wish : {ProtocolWish::tus, ProtocolWish::put}) {
    for (unsigned at = 1;; ++at) {
      Served served;
      use(served.of(wish));
      http->other = options_of_larder;
      UploadJob made = job(text, wish);
      made.progress.part_limit = made.progress.part_size = 300'000;
      source->at_read = [&](unsigned read) {
        if (read == at) source->bytes[random->below(source->bytes.size())] ^= 1;
      };
      const auto heard = run(made);
      if (source->reads < at) break;
      if (!heard->ok()) {
        ++refused;
        EXPECT_TRUE(served.of(wish).accepted.empty()) << at << heard->why();
        continue;
      }
      ASSERT_EQ(served.of(wish).accepted.size(), 1U);
      const Digest got = sha256(as_bytes(served.of(wish).accepted[0].bytes));
      EXPECT_TRUE((*heard->result)->confirmed) << at;
      EXPECT_EQ((*heard->result)->sha256, got) << at;
    }
  }
  EXPECT_GT(refused, 0U) << "a change between two reads of one part is refused";
}

TEST_F(UploadsFaultTest, a_source_that_cannot_be_read_ends_the_attempt) {
  for (const ProtocolWish wish : {ProtocolWish::tus, ProtocolWish::bits, ProtocolWish::put}) {
    Served served;
    use(served.of(wish));
    http->other = options_of_larder;
    const UploadJob made = job(std::string(1'000'000, 'x'), wish);
    source->at_read = [this](unsigned read) { source->broken = read >= 3; };
    const auto heard = run(made, 1);
    EXPECT_EQ(heard->code(), ErrorCode::disk_error) << heard->why();
    EXPECT_TRUE(served.of(wish).accepted.empty());
    EXPECT_EQ(http->open(), 0U);
  }
}

}  // namespace
}  // namespace larder::origin
