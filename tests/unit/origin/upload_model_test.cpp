// Whole uploads against model servers, on which things go wrong by seed: the server gets each byte once and in order,
// success is told only where it took the file, and nothing is delivered twice.
#include <gtest/gtest.h>

#include "base/runtime/loop.h"
#include "origin/upload/dialect_steps.h"
#include "upload_model.h"

namespace larder::origin {
namespace {

using test::Faults;
using test::UploadRun;
using Kind = UploadStep::Kind;

constexpr std::uint64_t kSeeds = 200;

Faults line_faults() {
  Faults faults;
  faults.request_lost = 120;
  faults.answer_lost = 120;
  faults.unavailable = 60;
  faults.agent_dies = 60;
  return faults;
}

std::string text_of(const UploadStep& step) {
  return step.error ? step.error->text() : "no error";
}

// What holds for each run, however it ends.
void expect_sound(const UploadRun& run, const test::ModelServer& server, std::string_view source, std::uint64_t seed) {
  const std::string what = "seed " + std::to_string(seed) + ", " + text_of(run.end);
  ASSERT_EQ(run.trouble, "") << what;
  ASSERT_LT(run.steps, 1000U) << what << ": never ends";
  ASSERT_LE(server.accepted.size(), 1U) << what << ": taken twice";
  if (run.end.kind == Kind::done) {
    ASSERT_EQ(server.accepted.size(), 1U) << what << ": told as done, and never taken";
    ASSERT_TRUE(server.accepted[0].bytes == source) << what << ": other bytes than the source's";
    ASSERT_LE(run.progress.sent, source.size() * (1 + run.forgot) + (run.faults + 1) * run.largest) << what;
  }
  ASSERT_TRUE(run.end.kind == Kind::done || run.end.kind == Kind::failed) << what;
}

struct Case {
  std::string source;
  UploadProgress progress;
};

Case case_of(std::uint64_t seed, std::uint64_t most, std::uint64_t least_part) {
  const auto random = make_seeded_random(seed * 7 + 1);
  Case made;
  const std::uint64_t sizes[] = {1, 100, least_part, least_part + 1, most};
  made.source = test::random_bytes(seed % 6 == 5 ? random->below(most) + 1 : sizes[seed % 6], *random);
  made.progress.part_limit = least_part * (1 + random->below(4));
  made.progress.part_size = made.progress.part_limit;
  return made;
}

TEST(upload_model, tus_to_a_server_with_a_ledger_always_ends_well) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Case made = case_of(seed, 400'000, 65'536);
    if (seed % 10 == 9) made.source.clear();
    test::TusManner manner;
    manner.part_limit = seed % 3 == 0 ? 100'000 : UINT64_MAX;
    test::TusServer server(manner);
    UploadPlan plan = test::plan_for(UploadDialect::tus, made.source.size());
    plan.tus.keyed = true;
    if (seed % 2 == 0) plan.tus.checksum = PartAlgorithm::sha256;
    Faults faults = line_faults();
    faults.failed_after = 60;
    if (seed % 2 == 0) faults.damaged = 60;
    const UploadRun run = test::run_upload(plan, made.progress, made.source, server, faults, seed);
    ASSERT_NO_FATAL_FAILURE(expect_sound(run, server, made.source, seed));
    if (run.end.kind == Kind::done) {
      EXPECT_TRUE(run.end.result.confirmed) << seed;
    } else {
      // Three damaged copies of one part in a row.
      EXPECT_EQ(run.end.error->code, ErrorCode::digest_mismatch) << seed << text_of(run.end);
    }
  }
}

TEST(upload_model, tus_to_a_server_that_loses_uploads_begins_anew_or_says_so) {
  unsigned done = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Case made = case_of(seed, 400'000, 65'536);
    test::TusManner manner;
    manner.keyed = seed % 2 == 0;
    manner.keeps_done = seed % 4 < 2;
    test::TusServer server(manner);
    UploadPlan plan = test::plan_for(UploadDialect::tus, made.source.size());
    plan.tus.keyed = manner.keyed && manner.keeps_done;
    Faults faults = line_faults();
    faults.failed_after = 40;
    faults.server_forgets = 60;
    const UploadRun run = test::run_upload(plan, made.progress, made.source, server, faults, seed);
    ASSERT_NO_FATAL_FAILURE(expect_sound(run, server, made.source, seed));
    if (run.end.kind == Kind::done) {
      ++done;
    } else {
      EXPECT_TRUE(run.end.error->code == ErrorCode::outcome_unknown || run.end.error->code == ErrorCode::http_fatal ||
                  run.end.error->code == ErrorCode::bad_response)
          << seed << text_of(run.end);
    }
  }
  EXPECT_GT(done, kSeeds / 2);
}

test::BitsManner bits_manner(std::uint64_t seed) {
  test::BitsManner manner;
  manner.commits_at_close = seed % 2 == 0;
  manner.keeps_closed = seed % 4 < 2;
  manner.braces = seed % 3 != 0;
  manner.part_limit = seed % 5 == 0 ? 9'000 : UINT64_MAX;
  return manner;
}

TEST(upload_model, bits_delivers_once_or_says_that_it_does_not_know) {
  unsigned done = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Case made = case_of(seed, 100'000, 5'120);
    test::BitsServer server(bits_manner(seed));
    const UploadPlan plan = test::plan_for(UploadDialect::bits, made.source.size());
    Faults faults = line_faults();
    if (seed % 2 == 1) faults.server_forgets = 60;
    const UploadRun run = test::run_upload(plan, made.progress, made.source, server, faults, seed);
    ASSERT_NO_FATAL_FAILURE(expect_sound(run, server, made.source, seed));
    if (run.end.kind == Kind::done) {
      ++done;
    } else {
      EXPECT_TRUE(run.end.error->code == ErrorCode::outcome_unknown || run.end.error->code == ErrorCode::http_fatal)
          << seed << text_of(run.end);
    }
  }
  EXPECT_GT(done, kSeeds / 2);
}

// A server that keeps what is closed loses nothing, so no answer that is lost leaves a doubt.
TEST(upload_model, bits_to_a_server_with_a_ledger_always_ends_well) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Case made = case_of(seed, 100'000, 5'120);
    test::BitsManner manner = bits_manner(seed);
    manner.keeps_closed = true;
    test::BitsServer server(manner);
    const UploadPlan plan = test::plan_for(UploadDialect::bits, made.source.size());
    Faults faults = line_faults();
    faults.failed_after = 60;
    const UploadRun run = test::run_upload(plan, made.progress, made.source, server, faults, seed);
    ASSERT_NO_FATAL_FAILURE(expect_sound(run, server, made.source, seed));
    EXPECT_EQ(run.end.kind, Kind::done) << seed << text_of(run.end);
  }
}

// The URL is the transaction's own and the server takes it once: even lost sessions are settled.
TEST(upload_model, bits_with_the_key_in_its_url_is_settled_by_a_second_session) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Case made = case_of(seed, 100'000, 5'120);
    test::BitsManner manner = bits_manner(seed);
    manner.once = true;
    test::BitsServer server(manner);
    UploadPlan plan = test::plan_for(UploadDialect::bits, made.source.size());
    plan.key_in_url = true;
    Faults faults = line_faults();
    faults.server_forgets = 40;
    const UploadRun run = test::run_upload(plan, made.progress, made.source, server, faults, seed);
    ASSERT_NO_FATAL_FAILURE(expect_sound(run, server, made.source, seed));
    if (run.end.kind == Kind::failed) {
      EXPECT_EQ(run.end.error->code, ErrorCode::http_fatal) << seed << text_of(run.end);
    }
  }
}

TEST(upload_model, put_is_sent_again_and_settled_by_digest) {
  unsigned done = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Case made = case_of(seed, 100'000, 5'120);
    if (seed % 10 == 9) made.source.clear();
    const bool tells_digest = seed % 2 == 0;
    const bool keeps_torn = seed % 5 == 0;
    test::PutServer server(tells_digest, keeps_torn);
    const UploadPlan plan = test::plan_for(UploadDialect::put, made.source.size());
    Faults faults = line_faults();
    faults.failed_after = 60;
    const UploadRun run = test::run_upload(plan, {}, made.source, server, faults, seed);
    ASSERT_NO_FATAL_FAILURE(expect_sound(run, server, made.source, seed));
    if (run.end.kind == Kind::done) {
      ++done;
      continue;
    }
    // Sent too often; or a repetition was refused, and the file that is there is a torn one or has no digest.
    const ErrorCode code = run.end.error->code;
    EXPECT_TRUE(code == ErrorCode::connection_lost || code == ErrorCode::connect_failed ||
                code == ErrorCode::http_transient || code == ErrorCode::outcome_unknown ||
                (code == ErrorCode::already_exists && keeps_torn))
        << seed << text_of(run.end);
  }
  EXPECT_GT(done, kSeeds / 2);
}

// -- the seeds' farm: two nodes behind one name
// ------------------------------------------------------------------------
UploadRun run_farm(test::BitsServer& server, const std::string& source, const UploadProgress& progress) {
  const UploadPlan plan = test::plan_for(UploadDialect::bits, source.size());
  return test::run_upload(plan, progress, source, server, {}, 1);
}

TEST(upload_model, bits_falls_back_from_a_host_that_stays_away_and_begins_at_zero_elsewhere) {
  for (const bool other_node : {true, false}) {
    test::BitsManner manner;
    manner.host_id = "127.0.0.9";
    manner.fall_back_s = 60;
    test::BitsServer server(manner);
    const auto random = make_seeded_random(3);
    const std::string source = test::random_bytes(40'000, *random);
    UploadProgress progress;
    progress.part_size = progress.part_limit = 10'000;
    // The first parts go to the host; then it is gone.
    UploadPlan plan = test::plan_for(UploadDialect::bits, source.size());
    UploadTurn turn{plan, progress, WallTime{std::chrono::hours(1)}, *random};
    UploadStep step = start_upload(turn);
    for (int i = 0; i < 4; ++i) {
      const auto& request = step.request;
      UploadAnswer answer = server.handle(request, {}, source.substr(request.offset, request.length), true);
      answer.sent = request.length;
      step = after_answer(turn, answer);
    }
    ASSERT_EQ(progress.offset, 20'000U);
    ASSERT_EQ(step.request.url.host, "127.0.0.9");
    server.host_away = true;
    server.other_node = other_node;
    const UploadRun run = run_farm(server, source, progress);
    EXPECT_EQ(server.accepted.size(), 1U);
    EXPECT_EQ(run.end.kind, Kind::done) << text_of(run.end);
    EXPECT_EQ(run.progress.restarts, other_node ? 1U : 0U) << "a node that knows the session resumes";
    // A Ping tells nothing of sessions, so it costs a part to learn that the other node knows none.
    EXPECT_EQ(run.progress.sent, other_node ? 70'000U : 40'000U);
    EXPECT_EQ(run.progress.host, "");
  }
}

}  // namespace
}  // namespace larder::origin
