#include "inbox/service/settlement.h"

#include "tests/unit/inbox/service/service_fixture.h"

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class SettlementTest : public ServiceTest {
 protected:
  SettlementTest() {
    hook_ = &hook;
    restart();
  }
  ~SettlementTest() override { stop(); }

  // An upload that the hook is asked about, and the answer that its client waits for.
  Answer ask_about(std::string& id) {
    id = make(4, "key");
    body_ = std::make_unique<ScriptedBody>(loop_);
    body_->piece("0123").end();
    const auto answer = begin_append(part_at(id, 0), *body_);
    EXPECT_TRUE(loop_.wait_for([&] { return !hook.asked.empty(); }));
    return answer;
  }
  void say(Verdict verdict) {
    auto asked = std::move(hook.asked.front());
    hook.asked.pop_front();
    asked.done(std::move(verdict));
  }

  ScriptedHook hook;
  std::unique_ptr<ScriptedBody> body_;
};

TEST_F(SettlementTest, NothingIsSaidBeforeTheVerdict) {
  std::string id;
  const auto answer = ask_about(id);
  EXPECT_EQ(hook.asked.front().upload.id, id);
  EXPECT_EQ(test::read_file(hook.asked.front().path), "0123");
  const auto looked = look(id);
  EXPECT_EQ(problem_of(looked), Problem::pending);
  EXPECT_TRUE(looked.error().retry_after);
  EXPECT_EQ(problem_of(append(id, 4, "")), Problem::pending);
  EXPECT_EQ(problem_of(create(wanted("key", 4))), Problem::pending);
  EXPECT_FALSE(*answer);
  say({});
  EXPECT_EQ(wait(answer)->state, UploadState::accepted);
  EXPECT_THAT(accepted_, ElementsAre(id));
  EXPECT_EQ(look(id)->offset, 4U);
}

TEST_F(SettlementTest, ARefusalIsForGood) {
  std::string id;
  const auto answer = ask_about(id);
  say({Verdict::Kind::refused, "a virus"});
  const auto refused = wait(answer);
  EXPECT_EQ(problem_of(refused), Problem::rejected);
  EXPECT_EQ(refused.error().upload->answer->text, "a virus");
  EXPECT_EQ(problem_of(look(id)), Problem::rejected);
  EXPECT_EQ(problem_of(create(wanted("key", 4))), Problem::rejected);
  EXPECT_EQ(problem_of(append(id, 4, "")), Problem::rejected);
  EXPECT_THAT(accepted_, IsEmpty());
}

TEST_F(SettlementTest, ASilentHookLeavesItPendingAndIsAskedAgain) {
  std::string id;
  const auto answer = ask_about(id);
  loop_.advance(settings_.answer_within);
  EXPECT_EQ(problem_of(wait(answer)), Problem::pending);
  EXPECT_EQ(tidy(loop_.wall()).removed, 0U);
  EXPECT_THAT(hook.asked, SizeIs(1)) << "it is asked already";
  say({Verdict::Kind::unavailable, "away"});
  static_cast<void>(tidy(loop_.wall()));
  ASSERT_THAT(hook.asked, SizeIs(1));
  const auto repeated = begin([&](auto done) { uploads_->complete(anna_, id, std::move(done)); });
  ASSERT_EQ(watch(id)->state, UploadState::sealed);
  loop_.run_ready();
  say({});
  EXPECT_EQ(wait(repeated)->state, UploadState::accepted);
}

TEST_F(SettlementTest, ACancellationMayComeBeforeTheVerdict) {
  std::string id;
  const auto answer = ask_about(id);
  EXPECT_EQ(cancel(id)->state, UploadState::cancelled);
  say({});
  EXPECT_EQ(problem_of(wait(answer)), Problem::gone);
  EXPECT_THAT(accepted_, IsEmpty());
  EXPECT_EQ(files_in("content"), 0U);
}

TEST_F(SettlementTest, ARestartAsksAgain) {
  std::string id;
  static_cast<void>(ask_about(id));
  hook.asked.clear();
  restart();
  ASSERT_THAT(hook.asked, SizeIs(1));
  EXPECT_EQ(problem_of(look(id)), Problem::pending);
  say({});
  ASSERT_TRUE(loop_.wait_for([&] { return !accepted_.empty(); }));
  EXPECT_EQ(look(id)->state, UploadState::accepted);
}

}  // namespace
}  // namespace larder::inbox
