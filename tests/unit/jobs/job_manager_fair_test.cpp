// What several users share: slots, judges, turns at the origin, the disk; and which ids are one user's.
#include "agent/jobs/job_engine.h"
#include "tests/unit/jobs/manager_fixture.h"

namespace larder::agent {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr Caller kSubordinate{100'007, false};

std::vector<FileSpec> urls(unsigned count, const std::string& host = "h") {
  std::vector<FileSpec> files(count);
  for (unsigned i = 0; i < count; ++i) files[i].url = "http://" + host + "/" + std::to_string(i);
  return files;
}

std::size_t asked_of(const FakeJudge& judge, const std::string& job_id) {
  std::size_t count = 0;
  for (const auto& asked : judge.asked) count += asked.facts.job_id == job_id ? 1U : 0U;
  return count;
}

TEST_F(ManagerTest, high_jobs_of_one_user_do_not_keep_another_waiting) {
  settings_.max_active_jobs = 2;
  manager_->apply(settings_);
  JobOptions high;
  high.priority = Priority::high;
  std::vector<std::string> bobs;
  for (int i = 0; i < 4; ++i) bobs.push_back(must(create(kBob, high, urls(1))).id);
  settle();
  const std::string mine = must(create(kAlice, {}, urls(1))).id;
  settle();
  EXPECT_EQ(state(mine), JobState::connecting);
  EXPECT_EQ(state(bobs[0]), JobState::connecting);
  EXPECT_EQ(state(bobs[1]), JobState::queued) << "he has one slot less";
}

TEST_F(ManagerTest, a_digest_does_not_wait_for_the_hooks_of_others) {
  settings_.max_active_files_per_job = 64;
  manager_->apply(settings_);
  JobOptions hooked;
  hooked.verdict.hook = "scan";
  const std::string bobs = must(create(kBob, hooked, urls(40))).id;
  settle();
  for (unsigned i = 0; i < 40; ++i) finish(bobs, i);
  EXPECT_EQ(asked_of(judge_, bobs), JobEngine::kMaxJudging);
  auto files = urls(1, "other");
  files[0].sha256 = Digest{};
  const std::string mine = must(create(kAlice, {}, files)).id;
  settle();
  finish(mine);
  EXPECT_EQ(asked_of(judge_, mine), 1U);
  const std::string with_hook = must(create(kAlice, hooked, urls(1, "third"))).id;
  settle();
  finish(with_hook);
  EXPECT_EQ(asked_of(judge_, with_hook), 1U) << "a place at the hooks is kept for her";
}

TEST_F(ManagerTest, judges_are_given_round_robin) {
  settings_.max_active_files_per_job = 64;
  manager_->apply(settings_);
  JobOptions hooked;
  hooked.verdict.hook = "scan";
  const std::string bobs = must(create(kBob, hooked, urls(40))).id;
  const std::string mine = must(create(kAlice, hooked, urls(12, "mine"))).id;
  settle();
  for (unsigned i = 0; i < 40; ++i) finish(bobs, i);
  for (unsigned i = 0; i < 12; ++i) finish(mine, i);
  const std::size_t before = asked_of(judge_, bobs);
  for (std::size_t i = 0; i < 5; ++i) {  // after six both have the same
    judge(Verdict::valid);
    settle();
  }
  EXPECT_EQ(asked_of(judge_, bobs), before - 5) << "the places that came free are hers";
  EXPECT_GE(asked_of(judge_, mine), 5U);
}

TEST_F(ManagerTest, subordinate_ids_count_as_their_owner) {
  settings_.max_jobs_per_user = 2;
  settings_.accounts = UserAccounts::parse("1001:100000:65536\n", [](const std::string&) { return 1001; });
  manager_->apply(settings_);
  must(create(kBob, {}, urls(1)));
  must(create(kSubordinate, {}, urls(1)));
  const auto third = create(Caller{100'008, false}, {}, urls(1));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::limit_exceeded);
  must(create(kAlice, {}, urls(1)));
  settle();
  EXPECT_EQ(transfers_.all.at(1).request.want.owner, 1001U) << "in the line at the origin too";
  EXPECT_EQ(transfers_.all.at(1).request.user, 100'007U) << "whose job it is stays";
}

TEST_F(ManagerTest, what_lost_its_place_stands_in_line_again) {
  JobOptions impatient;
  impatient.no_progress_timeout = Duration::zero();
  const std::string id = must_create(impatient, 1).id;
  settle();
  fail_transfer(id, 0, ErrorCode::busy, seconds(0));
  EXPECT_NE(transfers_.running(file_id(id)), nullptr);
  EXPECT_FALSE(job(id).error);
  fail_transfer(id, 0, ErrorCode::busy);
  EXPECT_EQ(state(id), JobState::error) << "any other busy is a failure";
}

class DiskShareOfManager : public ManagerTest {
 protected:
  void share_disk(std::uint64_t available) {
    settings_.has_disk_share = [](uid_t user) { return user != 0; };
    cache::CacheFigures figures;
    figures.available = available;
    figures.keep_free = 50 * kMiB;
    cache_.disk = figures;
    manager_->apply(settings_);
  }
  // A job of one file of 100 MiB that has begun.
  std::string begin(Caller who) {
    JobOptions impatient;
    impatient.no_progress_timeout = Duration::zero();
    const std::string id = must(create(who, impatient, urls(1))).id;
    settle();
    show_size(id);
    return id;
  }
  void show_size(const std::string& id) {
    TransferProgress now;
    now.size = 100 * kMiB;
    now.bytes = kMiB;
    now.content = "c";
    const auto events = transfers_.running(file_id(id))->events;
    events->on_connected();
    events->on_progress(now);
    settle();
  }
};

TEST_F(DiskShareOfManager, one_users_jobs_leave_something_to_others) {
  share_disk(50 * kMiB + 125 * kMiB);
  const std::string first = begin(kAlice);  // 100 held, and 26 left when it is whole
  EXPECT_EQ(state(first), JobState::transferring);
  finish(first, 0, 100 * kMiB);
  share_disk(50 * kMiB + 140 * kMiB);
  const std::string second = begin(kAlice);  // 200 held, and 41 left
  ASSERT_EQ(state(second), JobState::error);
  EXPECT_EQ(job(second).error->code, ErrorCode::disk_full);
  EXPECT_THAT(job(second).error->text(), HasSubstr("your jobs would hold 200.00 MiB and leave 41.00 MiB for others"));
  EXPECT_EQ(transfers_.running(file_id(second)), nullptr);
  EXPECT_EQ(state(begin(kBob)), JobState::transferring) << "he holds nothing else";
  EXPECT_EQ(state(begin(kRoot)), JobState::transferring) << "administrators are not bound";
}

// The size is known from the attempt before; nothing is new about it. What is refused reserves nothing of the disk.
TEST_F(DiskShareOfManager, who_was_refused_begins_only_where_there_is_room) {
  share_disk(50 * kMiB + 15 * kMiB);
  const std::string id = begin(kAlice);
  ASSERT_EQ(state(id), JobState::error);
  must(resume(id));
  settle();
  ASSERT_EQ(state(id), JobState::error);
  EXPECT_EQ(transfers_.running(file_id(id)), nullptr);
  EXPECT_THAT(job(id).error->text(), HasSubstr("leave"));
  share_disk(50 * kMiB + 500 * kMiB);
  must(resume(id));
  settle();
  ASSERT_NE(transfers_.running(file_id(id)), nullptr) << "the disk was looked at anew";
  show_size(id);
  EXPECT_EQ(state(id), JobState::transferring);
}

TEST_F(DiskShareOfManager, nobody_is_bound_where_the_configuration_binds_nobody) {
  share_disk(50 * kMiB);
  settings_.has_disk_share = nullptr;
  manager_->apply(settings_);
  EXPECT_EQ(state(begin(kAlice)), JobState::transferring);
}

}  // namespace
}  // namespace larder::agent
