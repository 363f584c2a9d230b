#include "inbox/service/uploads.h"

#include <latch>

#include "tests/unit/inbox/service/service_fixture.h"

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using test::DiskCall;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

PartDigest digest_of(std::string_view text) {
  const Digest digest = sha256(as_bytes(text));
  return {PartDigest::Algorithm::sha256, {digest.begin(), digest.end()}};
}

class UploadsTest : public ServiceTest {};

TEST_F(UploadsTest, OnePartIsAWholeUpload) {
  const auto made = create(wanted("key", 5));
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->created);
  EXPECT_EQ(made->offset, 0U);
  EXPECT_TRUE(made->expires_at);
  const auto done = append(made->id, 0, "hello");
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(done->state, UploadState::accepted);
  EXPECT_EQ(done->offset, 5U);
  EXPECT_EQ(done->sha256, sha256(as_bytes("hello")));
  EXPECT_EQ(done->answer->status, 204);
  EXPECT_EQ(content(made->id), "hello");
  EXPECT_THAT(accepted_, ElementsAre(made->id));
  EXPECT_EQ(files_in("parts"), 0U);
}

TEST_F(UploadsTest, NothingIsAWholeUploadToo) {
  const auto made = create(wanted("key", 0));
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_TRUE(made->created);
  EXPECT_EQ(made->state, UploadState::accepted);
  EXPECT_EQ(content(made->id), "");
  const auto again = create(wanted("key", 0));
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->id, made->id);
  EXPECT_THAT(accepted_, SizeIs(1));
}

TEST_F(UploadsTest, ItGoesOnAfterARestart) {
  const std::string id = make(10, "key");
  ASSERT_EQ(append(id, 0, "01234")->offset, 5U);
  restart();
  EXPECT_EQ(create(wanted("key", 10))->id, id);
  EXPECT_EQ(look(id)->offset, 5U);
  ASSERT_EQ(append(id, 5, "567")->offset, 8U);
  const auto done = append(id, 8, "89");
  ASSERT_TRUE(done);
  EXPECT_EQ(done->sha256, sha256(as_bytes("0123456789")));
  EXPECT_EQ(content(id), "0123456789");
  restart();
  EXPECT_EQ(look(id)->state, UploadState::accepted);
  EXPECT_EQ(content(id), "0123456789");
  EXPECT_THAT(accepted_, SizeIs(1));
}

TEST_F(UploadsTest, APartBeginsWhereTheLedgerEnds) {
  const std::string id = make(10);
  ASSERT_TRUE(append(id, 0, "01234"));
  const auto gap = append(id, 6, "6");
  EXPECT_EQ(problem_of(gap), Problem::wrong_offset);
  EXPECT_EQ(gap.error().upload->offset, 5U);
  EXPECT_EQ(problem_of(append(id, 0, "01234")), Problem::wrong_offset);
  EXPECT_EQ(problem_of(append(id, 5, "567890")), Problem::wrong_size);
  EXPECT_EQ(look(id)->offset, 5U);
}

TEST_F(UploadsTest, WhatIsKnownIsSkippedWhereTheDialectWantsIt) {
  const std::string id = make(10);
  ASSERT_TRUE(append(id, 0, "01234"));
  AppendPart part = part_at(id, 2);
  part.skips_known = true;
  part.length = 2;
  EXPECT_EQ(append(part, "xx")->offset, 5U) << "wholly known";
  part.length = 5;
  EXPECT_EQ(append(part, "xxx56")->offset, 7U);
  part = part_at(id, 8);
  part.skips_known = true;
  EXPECT_EQ(problem_of(append(part, "89")), Problem::wrong_offset) << "a gap";
  part = part_at(id, 4);
  part.skips_known = true;
  ScriptedBody body(loop_);
  body.piece("x").piece("x").piece("x789").end();
  ASSERT_TRUE(wait(begin_append(part, body)));
  EXPECT_EQ(content(id), "0123456789");
}

TEST_F(UploadsTest, APartWithoutItsDigestIsNotAppended) {
  const std::string id = make(10);
  ASSERT_TRUE(append(id, 0, "01"));
  AppendPart part = part_at(id, 2);
  part.digest = digest_of("234");
  const auto wrong = append(part, "23x");
  EXPECT_EQ(problem_of(wrong), Problem::part_digest);
  EXPECT_EQ(wrong.error().upload->offset, 2U);
  EXPECT_EQ(append(part, "234")->offset, 5U);
  part = part_at(id, 5);
  part.digest = digest_of("56789");
  EXPECT_EQ(problem_of(append(part, "5678x")), Problem::part_digest) << "also of the last part";
  EXPECT_EQ(look(id)->offset, 5U);
  EXPECT_EQ(append(part, "56789")->sha256, sha256(as_bytes("0123456789")));
}

TEST_F(UploadsTest, AWholeWithoutItsDigestFailsForGood) {
  CreateUpload request = wanted("key", 4);
  request.sha256 = sha256(as_bytes("good"));
  const std::string id = create(request)->id;
  const auto wrong = append(id, 0, "evil");
  EXPECT_EQ(problem_of(wrong), Problem::content_digest);
  EXPECT_EQ(wrong.error().upload->state, UploadState::failed);
  EXPECT_THAT(accepted_, IsEmpty());
  EXPECT_EQ(files_in("parts") + files_in("content"), 0U);
  EXPECT_EQ(problem_of(create(request)), Problem::content_digest);
  EXPECT_EQ(problem_of(look(id)), Problem::content_digest);
  EXPECT_EQ(problem_of(append(id, 0, "good")), Problem::content_digest);
}

TEST_F(UploadsTest, TheDigestMayComeWithTheLastPart) {
  const std::string id = make(4);
  AppendPart part = part_at(id, 0);
  part.sha256 = sha256(as_bytes("good"));
  EXPECT_EQ(problem_of(append(part, "evil")), Problem::content_digest);
  part.id = make(4);
  EXPECT_EQ(append(part, "good")->state, UploadState::accepted);
}

TEST_F(UploadsTest, WhatCameOfABrokenBodyIsKept) {
  const std::string id = make(10);
  for (const bool dropped : {false, true}) {
    ScriptedBody body(loop_);
    const auto answer = begin_append(part_at(id, dropped ? 3 : 0), body);
    body.piece(dropped ? "34" : "012");
    ASSERT_TRUE(loop_.wait_for([&] { return body.left() == 0 && body.is_read(); }));
    dropped ? body.drop() : static_cast<void>(body.fail(ErrorCode::timed_out));
    const auto broken = wait(answer);
    EXPECT_EQ(problem_of(broken), dropped ? Problem::body_broken : Problem::too_slow);
    EXPECT_EQ(broken.error().upload->offset, dropped ? 5U : 3U);
  }
  AppendPart part = part_at(id, 5);
  part.digest = digest_of("56");
  ScriptedBody body(loop_);
  body.piece("5").fail(ErrorCode::connection_lost);
  EXPECT_EQ(problem_of(wait(begin_append(part, body))), Problem::body_broken);
  EXPECT_EQ(look(id)->offset, 5U) << "its digest was never checked";
  part = part_at(id, 5);
  part.length = 3;
  EXPECT_EQ(problem_of(append(part, "56")), Problem::body_broken) << "shorter than it says";
  EXPECT_EQ(look(id)->offset, 7U);
}

TEST_F(UploadsTest, ABodyThatIsTooLongIsNotAppended) {
  const std::string id = make(10);
  EXPECT_EQ(problem_of(append(part_at(id, 0), "0123456789x")), Problem::wrong_size);
  AppendPart part = part_at(id, 0);
  part.length = 3;
  EXPECT_EQ(problem_of(append(part, "0123")), Problem::bad_request);
  EXPECT_EQ(look(id)->offset, 0U);
}

TEST_F(UploadsTest, TheNewestRequestEndsTheOlder) {
  const std::string id = make(10);
  ScriptedBody body(loop_);
  const auto older = begin_append(part_at(id, 0), body);
  body.piece("0123");
  ASSERT_TRUE(loop_.wait_for([&] { return body.left() == 0 && body.is_read(); }));
  EXPECT_EQ(look(id)->offset, 4U);
  EXPECT_EQ(problem_of(wait(older)), Problem::superseded);
  body.piece("late");
  EXPECT_EQ(append(id, 4, "456789")->state, UploadState::accepted);
  EXPECT_TRUE(body.is_gone());
  EXPECT_EQ(content(id), "0123456789");
}

TEST_F(UploadsTest, OfManyAppendsTheLastOneWrites) {
  const std::string id = make(4);
  std::vector<ScriptedBody> bodies;
  std::vector<Answer> answers;
  for (int i = 0; i < 5; ++i) {
    bodies.emplace_back(loop_);
    answers.push_back(begin_append(part_at(id, 0), bodies.back()));
  }
  for (int i = 0; i < 4; ++i) EXPECT_EQ(problem_of(wait(answers[static_cast<std::size_t>(i)])), Problem::superseded);
  bodies.back().piece("last").end();
  EXPECT_EQ(wait(answers.back())->state, UploadState::accepted);
  EXPECT_EQ(content(id), "last");
}

TEST_F(UploadsTest, AStrangerEndsNothingAndLearnsNothing) {
  const std::string id = make(10);
  ScriptedBody body(loop_);
  const auto own = begin_append(part_at(id, 0), body);
  const auto strange = [&](auto call) {
    const auto answer = wait(begin(call));
    EXPECT_EQ(problem_of(answer), Problem::unknown_upload);
    EXPECT_FALSE(answer.error().upload);
  };
  ScriptedBody other(loop_);
  strange([&](auto done) { uploads_->look(bert_, id, std::move(done)); });
  strange([&](auto done) { uploads_->watch(bert_, id, std::move(done)); });
  strange([&](auto done) { uploads_->complete(bert_, id, std::move(done)); });
  strange([&](auto done) { uploads_->cancel(bert_, id, std::move(done)); });
  strange([&](auto done) { uploads_->append(bert_, part_at(id, 0), other.reader(), std::move(done)); });
  EXPECT_FALSE(*own);
  EXPECT_FALSE(other.is_read());
  body.piece("0123456789").end();
  EXPECT_EQ(wait(own)->state, UploadState::accepted);
}

TEST_F(UploadsTest, WatchingEndsNothing) {
  const std::string id = make(10);
  ScriptedBody body(loop_);
  const auto own = begin_append(part_at(id, 0), body);
  EXPECT_EQ(watch(id)->offset, 0U);
  body.piece("0123456789").end();
  EXPECT_TRUE(wait(own));
}

TEST_F(UploadsTest, TheSizeMayBeSaidLater) {
  const std::string id = make(std::nullopt);
  EXPECT_EQ(append(id, 0, "0123")->offset, 4U);
  AppendPart part = part_at(id, 4);
  part.total = 3;
  EXPECT_EQ(problem_of(append(part, "")), Problem::wrong_size);
  part.total = 6;
  EXPECT_EQ(append(part, "4")->offset, 5U);
  part.offset = 5;
  part.total = 7;
  EXPECT_EQ(problem_of(append(part, "56")), Problem::wrong_size);
  part.total = 6;
  EXPECT_EQ(append(part, "5")->state, UploadState::accepted);
}

TEST_F(UploadsTest, CompleteMeansThatThisIsAll) {
  const std::string id = make(std::nullopt);
  ASSERT_TRUE(append(id, 0, "0123"));
  const auto done = complete(id);
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(done->size, 4U);
  EXPECT_EQ(done->state, UploadState::accepted);
  EXPECT_TRUE(complete(id)) << "any number of times";
  const std::string sized = make(5);
  ASSERT_TRUE(append(sized, 0, "0123"));
  EXPECT_EQ(problem_of(complete(sized)), Problem::wrong_size);
  EXPECT_EQ(look(sized)->offset, 4U);
}

TEST_F(UploadsTest, ARepeatedPartGetsTheAnswerAgain) {
  const std::string id = make(4);
  ASSERT_TRUE(append(id, 0, "0123"));
  EXPECT_EQ(append(id, 4, "")->state, UploadState::accepted);
  EXPECT_EQ(problem_of(append(id, 0, "0123")), Problem::already_settled);
  AppendPart part = part_at(id, 2);
  part.length = 2;
  part.skips_known = true;
  const auto again = append(part, "23");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->answer->status, 204);
  EXPECT_EQ(look(id)->offset, 4U);
  EXPECT_THAT(accepted_, SizeIs(1));
}

TEST_F(UploadsTest, CancellingRemovesAndFreesTheKey) {
  const std::string id = make(10, "key");
  ASSERT_TRUE(append(id, 0, "0123"));
  EXPECT_EQ(cancel(id)->state, UploadState::cancelled);
  EXPECT_EQ(files_in("parts"), 0U);
  EXPECT_TRUE(cancel(id)) << "the answer may have been lost";
  EXPECT_EQ(problem_of(look(id)), Problem::gone);
  EXPECT_EQ(problem_of(append(id, 4, "4")), Problem::gone);
  EXPECT_NE(make(10, "key"), id);
  const std::string whole = make(1);
  ASSERT_TRUE(append(whole, 0, "x"));
  EXPECT_EQ(problem_of(cancel(whole)), Problem::already_settled);
  EXPECT_EQ(content(whole), "x");
}

TEST_F(UploadsTest, TheLimitsHold) {
  EXPECT_EQ(problem_of(create(wanted("", 1025 * kGiB))), Problem::too_large);
  EXPECT_EQ(problem_of(create(wanted(std::string(kMaxKey + 1, 'k'), 1))), Problem::bad_request);
  files_.set_space(DiskSpace{1000 * kMiB, settings_.keep_free + 100});
  loop_.advance(2s);
  EXPECT_EQ(problem_of(create(wanted("", 101))), Problem::no_space);
  ASSERT_TRUE(create(wanted("", 60)));
  EXPECT_EQ(problem_of(create(wanted("", 41))), Problem::no_space);
  for (unsigned i = 1; i < settings_.max_open; ++i) ASSERT_TRUE(create(wanted("", std::nullopt)));
  EXPECT_EQ(problem_of(create(wanted("", std::nullopt))), Problem::quota);
}

TEST_F(UploadsTest, ALongPartIsKeptOnTheWay) {
  const std::string id = make(100);
  ScriptedBody body(loop_);
  const auto answer = begin_append(part_at(id, 0), body);
  body.piece("0123");
  ASSERT_TRUE(loop_.wait_for([&] { return body.left() == 0 && body.is_read(); }));
  EXPECT_EQ(watch(id)->offset, 0U);
  loop_.advance(2s);
  body.piece("4567");
  ASSERT_TRUE(loop_.wait_for([&] { return watch(id)->offset >= 4; }));
  EXPECT_FALSE(*answer);
  stop();  // as a crash would: nothing is synced any more
  start();
  EXPECT_GE(look(id)->offset, 4U);
}

TEST_F(UploadsTest, ReadsAheadWithinBoundsWhileTheDiskIsBusy) {
  const std::string id = make(100 * kMiB);
  ScriptedBody body(loop_);
  for (int i = 0; i < 200; ++i) body.piece(std::string(16 * kKiB, 'x'));
  std::latch hold(2);
  // Both workers are busy once the part is open.
  const auto answer = begin_append(part_at(id, 0), body);
  ASSERT_TRUE(loop_.wait_for([&] { return body.left() < 200; }));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(pool_->submit([&] { hold.arrive_and_wait(); }));
  loop_.run_ready();
  hold.wait();
  body.end();
  ASSERT_TRUE(wait(answer));
  EXPECT_EQ(look(id)->offset, 200 * 16 * kKiB);
}

TEST_F(UploadsTest, DrainingKeepsWhatCame) {
  const std::string id = make(10);
  ScriptedBody body(loop_);
  const auto answer = begin_append(part_at(id, 0), body);
  body.piece("0123");
  ASSERT_TRUE(loop_.wait_for([&] { return body.left() == 0 && body.is_read(); }));
  uploads_->drain();
  const auto stopped = wait(answer);
  EXPECT_EQ(problem_of(stopped), Problem::busy);
  EXPECT_TRUE(stopped.error().retry_after);
  EXPECT_TRUE(uploads_->is_idle());
  EXPECT_EQ(problem_of(create(wanted("", 1))), Problem::busy);
  EXPECT_EQ(problem_of(append(id, 4, "4")), Problem::busy);
  restart();
  EXPECT_EQ(look(id)->offset, 4U);
}

TEST_F(UploadsTest, WithoutProgressItExpires) {
  const std::string slow = make(10), idle = make(10, "key");
  loop_.advance(settings_.expiry - 1h);
  ASSERT_TRUE(append(slow, 0, "0"));
  loop_.advance(1h);
  EXPECT_EQ(tidy(loop_.wall()).expired, 1U);
  EXPECT_EQ(problem_of(look(idle)), Problem::gone);
  EXPECT_EQ(look(slow)->offset, 1U);
  EXPECT_NE(make(10, "key"), idle);
  const auto later = tidy(loop_.wall() + settings_.tombstones + 1h);
  EXPECT_EQ(later.forgotten, 1U);
  EXPECT_EQ(problem_of(look(idle)), Problem::unknown_upload);
}

TEST_F(UploadsTest, ContentIsKeptForAWhileAfterItsHandOver) {
  const std::string id = make(1);
  ASSERT_TRUE(append(id, 0, "x"));
  EXPECT_EQ(problem_of(wait(begin([&](auto done) {
              uploads_->reply(anna_, id, [done = std::move(done)](Outcome<Uploads::Reply> reply) mutable {
                reply ? done(reply->upload) : done(tl::unexpected<Refused>(reply.error()));
              });
            }))),
            Problem::pending);
  ASSERT_TRUE(*ask<Outcome<std::optional<UploadRow>>>([&](auto done) {
    ledger_->claim({"in", "test", loop_.wall(), 30s}, std::move(done));
  }));
  ASSERT_TRUE(*ask<Outcome<UploadRow>>(
      [&](auto done) { ledger_->acknowledge(id, "ok", std::string(kReplyInStore), loop_.wall(), std::move(done)); }));
  const auto reply = [&] {
    return *ask<Outcome<Uploads::Reply>>([&](auto done) { uploads_->reply(anna_, id, std::move(done)); });
  };
  EXPECT_EQ(reply().error().problem, Problem::failed) << "the disk has lost it";
  ASSERT_TRUE(*ask<Status>([&](auto done) { store_->put_reply(id, "a reply", std::move(done)); }));
  EXPECT_EQ(reply()->body.size, 7U);
  EXPECT_EQ(tidy(loop_.wall() + settings_.keep_delivered).removed, 0U);
  EXPECT_EQ(content(id), "x");
  EXPECT_EQ(tidy(loop_.wall() + settings_.keep_delivered + 1s).removed, 1U);
  EXPECT_EQ(files_in("content") + files_in("replies"), 0U);
  EXPECT_EQ(look(id)->state, UploadState::delivered);
  EXPECT_EQ(reply().error().problem, Problem::gone);
}

}  // namespace
}  // namespace larder::inbox
