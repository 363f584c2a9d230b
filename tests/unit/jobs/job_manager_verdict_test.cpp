// How files are judged, and what follows.
#include <fmt/format.h>

#include "tests/unit/jobs/manager_fixture.h"

namespace larder::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;

JobOptions with_app() {
  JobOptions options;
  options.verdict.app = true;
  return options;
}

JobOptions with_hook() {
  JobOptions options;
  options.verdict.hook = "scan";
  return options;
}

TEST_F(ManagerTest, a_digest_is_judged_and_makes_the_content_validated) {
  FileSpec spec;
  spec.url = "http://host/a";
  spec.sha256 = Digest{std::byte(1)};
  const std::string id = must(create(kAlice, {}, {spec})).id;
  finish(id, 0, 100, 0, "", [](TransferResult& result) { result.sha256 = Digest{std::byte(2)}; });
  EXPECT_EQ(state(id), JobState::validating);
  ASSERT_EQ(judge_.asked.size(), 1U);
  const Facts& facts = judge_.asked[0].facts;
  EXPECT_EQ(facts.url, "http://host/a");
  EXPECT_EQ(facts.size, 100U);
  EXPECT_EQ(facts.source, "origin");
  EXPECT_EQ(facts.job_id, id);
  EXPECT_EQ(facts.file_id, file_id(id));
  EXPECT_EQ(facts.sha256, Digest{std::byte(2)});
  EXPECT_EQ(facts.wanted_sha256, spec.sha256);
  EXPECT_FALSE(facts.origin_sha256);
  judge(Verdict::valid);
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_EQ(file(id).verdict, "valid");
  EXPECT_TRUE(cache_did("valid c0"));
}

TEST_F(ManagerTest, what_the_origin_promised_is_judged_and_its_digest_computed_where_nobody_has) {
  const std::string id = must_create({}, 1).id;
  cache_.digest.fill(std::byte(9));
  finish(id, 0, 100, 0, "", [](TransferResult& result) { result.origin_sha256 = Digest{std::byte(3)}; });
  ASSERT_EQ(judge_.asked.size(), 1U);
  EXPECT_TRUE(cache_did("sha256 c0"));
  EXPECT_EQ(judge_.asked[0].facts.sha256, cache_.digest);
  EXPECT_EQ(judge_.asked[0].facts.origin_sha256, Digest{std::byte(3)});
}

TEST_F(ManagerTest, content_that_the_hook_refuses_is_set_aside_and_resume_fetches_afresh) {
  const std::string id = must_create(with_hook(), 1).id;
  finish(id, 0, 100, 0, "bad");
  judge(Verdict::not_valid, ErrorCode::validation_failed);
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_EQ(job(id).error->code, ErrorCode::validation_failed);
  EXPECT_EQ(file(id).state, FileState::failed);
  EXPECT_EQ(file(id).verdict, "not_valid");
  EXPECT_EQ(file(id).verdict_reason, "it smells");
  EXPECT_TRUE(cache_did("set_aside bad http://host/0"));
  EXPECT_FALSE(cache_did("valid bad"));
  EXPECT_EQ(manager_->totals().verdicts_not_valid, 1U);
  EXPECT_EQ(manager_->totals().files_failed, 1U);
  must(resume(id));
  EXPECT_TRUE(cache_did("release bad " + file_id(id)));
  EXPECT_FALSE(cache_began("drop bad"));
  ASSERT_NE(transfers_.running(file_id(id)), nullptr);
  EXPECT_TRUE(transfers_.running(file_id(id))->request.origin_alone);
  EXPECT_EQ(file(id).verdict, "");
  EXPECT_EQ(file(id).figures.wasted, 100U);
  EXPECT_EQ(file(id).figures.origin, 0U);
  finish(id, 0, 90, 0, "good");
  judge(Verdict::valid);
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_EQ(file(id).figures.origin, 90U);
  EXPECT_EQ(file(id).figures.wasted, 100U);
}

TEST_F(ManagerTest, content_of_the_cache_that_the_hook_refuses_is_fetched_from_the_origin_once) {
  const std::string id = must_create(with_hook(), 1).id;
  finish(id, 0, 100, 60, "mixed");
  EXPECT_EQ(judge_.asked.at(0).facts.source, "mixed");
  judge(Verdict::not_valid);
  EXPECT_TRUE(cache_did("set_aside mixed http://host/0"));
  EXPECT_TRUE(cache_did("release mixed " + file_id(id)));
  EXPECT_EQ(state(id), JobState::connecting);
  ASSERT_NE(transfers_.running(file_id(id)), nullptr);
  EXPECT_TRUE(transfers_.running(file_id(id))->request.origin_alone);
  EXPECT_EQ(file(id).figures.wasted, 100U);
  EXPECT_EQ(file(id).figures.cache, 0U);
  EXPECT_THAT(file(id).note, HasSubstr("it smells"));
  finish(id, 0, 100, 0, "fresh");
  judge(Verdict::not_valid);
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_TRUE(cache_did("set_aside fresh http://host/0"));
  EXPECT_EQ(job(id).error->code, ErrorCode::validation_failed);
  EXPECT_EQ(transfers_.active(), 0U);
}

TEST_F(ManagerTest, who_vouched_for_content_that_the_hook_refuses_is_remembered_before_it_is_gone) {
  const std::string id = must_create(with_hook(), 1).id;
  finish(id, 0, 100, 0, "poison", [](TransferResult& result) { result.figures = {40, 60, 0, 0}; });
  EXPECT_EQ(judge_.asked.at(0).facts.source, "mixed");
  judge(Verdict::not_valid);
  ASSERT_EQ(transfers_.judged.size(), 1U);
  EXPECT_EQ(transfers_.judged[0].content, "poison");
  EXPECT_EQ(transfers_.judged[0].version.url, "http://host/0");
  EXPECT_TRUE(cache_did("set_aside poison http://host/0"));
  EXPECT_TRUE(transfers_.running(file_id(id))->request.origin_alone);
}

TEST_F(ManagerTest, a_hook_that_refuses_what_a_digest_found_speaks_for_that_job_alone) {
  const std::string id = must_create(with_hook(), 1).id;
  // The record is another URL's; no origin said that this URL publishes it.
  finish(id, 0, 100, 100, "others", [](TransferResult& result) {
    result.content.versions = {{"http://others/x", 100, "\"e\"", ""}};
    result.version.reset();
  });
  judge(Verdict::not_valid);
  EXPECT_FALSE(cache_began("set_aside others"));
  EXPECT_TRUE(cache_did("release others " + file_id(id)));
  EXPECT_TRUE(transfers_.judged.empty());
}

TEST_F(ManagerTest, the_origins_own_digest_speaks_for_all) {
  const std::string id = must_create({}, 1).id;
  finish(id, 0, 100, 100, "record", [](TransferResult& result) {
    result.sha256 = Digest{std::byte(2)};
    result.origin_sha256 = Digest{std::byte(3)};
  });
  judge(Verdict::not_valid, ErrorCode::digest_mismatch);
  EXPECT_TRUE(cache_did("set_aside record http://host/0"));
  EXPECT_EQ(transfers_.judged.size(), 1U);
}

TEST_F(ManagerTest, what_a_job_says_of_peers_reaches_its_transfers) {
  settings_.peer_min_rate = 1234;
  manager_->apply(settings_);
  JobOptions options;
  const std::string plain = must_create(options, 1).id;
  options.use_peers = options.share = false;
  options.offline_ok = true;
  options.priority = Priority::foreground;
  const std::string other = must_create(options, 1).id;
  const TransferRequest& defaults = transfers_.running(file_id(plain))->request;
  EXPECT_TRUE(defaults.use_peers && defaults.share && !defaults.offline_ok);
  EXPECT_EQ(defaults.patience, seconds(5));
  EXPECT_EQ(defaults.peer_min_rate, 1234U);
  const TransferRequest& chosen = transfers_.running(file_id(other))->request;
  EXPECT_TRUE(!chosen.use_peers && !chosen.share && chosen.offline_ok);
  EXPECT_EQ(chosen.patience, seconds(1));
}

TEST_F(ManagerTest, the_configuration_may_forbid_peers_and_offline_ok) {
  settings_.use_peers = settings_.offline_ok = false;
  manager_->apply(settings_);
  const std::string plain = must_create({}, 1).id;
  EXPECT_FALSE(transfers_.running(file_id(plain))->request.use_peers);
  JobOptions options;
  options.offline_ok = true;
  FileSpec spec;
  spec.url = "http://host/0";
  const auto refused = create(kAlice, options, {spec});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::permission_denied);
  EXPECT_THAT(refused.error().detail, HasSubstr("peer.offline_ok"));
}

TEST_F(ManagerTest, the_age_of_an_offline_edition_is_told_and_kept) {
  JobOptions options;
  options.offline_ok = true;
  const std::string id = must_create(options, 1).id;
  finish(id, 0, 100, 100, "old", [this](TransferResult& result) { result.offline = loop_.wall() - seconds(90); });
  EXPECT_EQ(file(id).offline_age, Duration(seconds(90)));
  loop_.advance(seconds(1));
  static_cast<void>(rows("jobs"));
  kill_manager();
  start_manager();
  EXPECT_EQ(file(id).offline_age, Duration(seconds(90)));
}

TEST_F(ManagerTest, origin_alone_survives_a_crash) {
  const std::string id = must_create(with_hook(), 1).id;
  finish(id, 0, 100, 100, "cached");
  judge(Verdict::not_valid);
  loop_.advance(seconds(1));
  static_cast<void>(rows("jobs"));
  kill_manager();
  start_manager();
  ASSERT_NE(transfers_.running(file_id(id)), nullptr);
  EXPECT_TRUE(transfers_.running(file_id(id))->request.origin_alone);
}

TEST_F(ManagerTest, one_bad_file_stops_the_others) {
  const std::string id = must_create(with_hook(), 3).id;
  finish(id, 0, 100, 0, "bad");
  EXPECT_EQ(state(id), JobState::transferring);
  judge(Verdict::not_valid);
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_EQ(transfers_.active(), 0U);
  EXPECT_EQ(file(id, 1).state, FileState::waiting);
}

TEST_F(ManagerTest, a_cache_that_cannot_set_bad_content_aside_does_not_stop_the_fetch) {
  const std::string id = must_create(with_hook(), 1).id;
  cache_.aside_error = Error{ErrorCode::database_error, "set aside", "no"};
  finish(id, 0, 100, 100, "cached");
  judge(Verdict::not_valid);
  EXPECT_TRUE(transfers_.running(file_id(id))->request.origin_alone) << "fetched again all the same";
}

TEST_F(ManagerTest, a_broken_hook_leaves_the_file_validating_and_is_asked_again) {
  const std::string id = must_create(with_hook(), 1).id;
  finish(id);
  for (int attempt = 0; attempt < 3; ++attempt) {
    ASSERT_EQ(judge_.asked.size(), 1U) << attempt;
    auto asked = std::move(judge_.asked.front());
    judge_.asked.pop_front();
    asked.done(fail(ErrorCode::hook_failed, "run the hook", "exit status 7"));
    settle();
    EXPECT_EQ(state(id), JobState::validating);
    EXPECT_EQ(file(id).state, FileState::validating);
    ASSERT_TRUE(file(id).error);
    EXPECT_EQ(file(id).error->code, ErrorCode::hook_failed);
    EXPECT_THAT(judge_.asked, IsEmpty());
    loop_.advance(seconds(4));
    EXPECT_THAT(judge_.asked, IsEmpty());
    loop_.advance(minutes(1));
  }
  judge(Verdict::valid);
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_FALSE(file(id).error);
}

TEST_F(ManagerTest, resume_asks_a_broken_hook_at_once) {
  const std::string id = must_create(with_hook(), 1).id;
  finish(id);
  auto asked = std::move(judge_.asked.front());
  judge_.asked.pop_front();
  asked.done(fail(ErrorCode::hook_failed, "run the hook", "exit status 7"));
  settle();
  must(resume(id));
  EXPECT_EQ(judge_.asked.size(), 1U);
}

TEST_F(ManagerTest, the_application_is_awaited) {
  const std::string id = must_create(with_app(), 2).id;
  finish(id, 0);
  judge(Verdict::wait_for_app);
  EXPECT_EQ(state(id), JobState::transferring) << "the other file";
  EXPECT_EQ(file(id, 0).state, FileState::validating);
  finish(id, 1);
  judge(Verdict::wait_for_app);
  EXPECT_EQ(state(id), JobState::validating);
  must(verdict(id, 0, true, "looks good"));
  EXPECT_EQ(file(id, 0).verdict, "valid");
  EXPECT_EQ(file(id, 0).verdict_reason, "looks good");
  EXPECT_EQ(state(id), JobState::validating);
  must(verdict(id, 1, true));
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_THAT(cache_.log, IsSupersetOf({std::string("valid c0"), std::string("valid c1")}));
}

TEST_F(ManagerTest, an_application_that_is_quicker_than_the_judge_waits_for_it) {
  const std::string id = must_create(with_app(), 1).id;
  finish(id, 0);
  std::optional<Result<Job>> answer;
  manager_->verdict(kAlice, id, 0, true, "early", [&](Result<Job> result) { answer = std::move(result); });
  settle();
  EXPECT_FALSE(answer);
  EXPECT_EQ(file(id, 0).state, FileState::validating);
  judge(Verdict::wait_for_app);
  ASSERT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
  EXPECT_TRUE(*answer);
  EXPECT_EQ(file(id, 0).verdict_reason, "early");
  EXPECT_EQ(state(id), JobState::transferred);
}

TEST_F(ManagerTest, the_application_says_no) {
  const std::string id = must_create(with_app(), 1).id;
  finish(id);
  judge(Verdict::wait_for_app);
  const Job answered = must(verdict(id, 0, false, "wrong colour"));
  EXPECT_EQ(answered.state, JobState::error);
  EXPECT_EQ(answered.error->code, ErrorCode::validation_failed);
  EXPECT_EQ(answered.files[0].verdict_reason, "wrong colour");
  EXPECT_FALSE(cache_began("set_aside c0")) << "it is what the origin has, whatever this application wants";
}

TEST_F(ManagerTest, a_verdict_that_nobody_waits_for_is_refused) {
  const std::string id = must_create(with_app(), 2).id;
  const auto too_early = verdict(id, 0, true);
  ASSERT_FALSE(too_early);
  EXPECT_EQ(too_early.error().code, ErrorCode::invalid_state);
  EXPECT_THAT(too_early.error().detail, HasSubstr("active"));
  const auto no_file = verdict(id, 2, true);
  ASSERT_FALSE(no_file);
  EXPECT_EQ(no_file.error().code, ErrorCode::not_found);
  finish(id, 0);
  judge(Verdict::wait_for_app);
  must(verdict(id, 0, true));
  EXPECT_FALSE(verdict(id, 0, true)) << "twice";
  EXPECT_FALSE(verdict(id, 0, false));
}

TEST_F(ManagerTest, a_verdict_is_durable_when_it_is_answered) {
  const std::string id = must_create(with_app(), 1).id;
  finish(id);
  judge(Verdict::wait_for_app);
  must(verdict(id, 0, true));
  kill_manager();
  start_manager();
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_EQ(file(id).verdict, "valid");
}

TEST_F(ManagerTest, verdicts_count_while_the_job_is_suspended) {
  const std::string id = must_create(with_app(), 1).id;
  finish(id);
  judge(Verdict::wait_for_app);
  must(suspend(id));
  must(verdict(id, 0, true));
  EXPECT_EQ(state(id), JobState::suspended);
  EXPECT_EQ(file(id).state, FileState::transferred);
  must(resume(id));
  EXPECT_EQ(state(id), JobState::transferred);
}

TEST_F(ManagerTest, complete_is_an_implicit_verdict_for_what_waits_for_the_application) {
  const std::string id = must_create(with_app(), 2).id;
  finish(id, 0, 100, 0, "waiting");
  judge(Verdict::wait_for_app);
  finish(id, 1, 100, 0, "unjudged");
  ASSERT_EQ(judge_.asked.size(), 1U);
  must(complete(id));
  EXPECT_TRUE(cache_did("valid waiting"));
  EXPECT_FALSE(cache_did("valid unjudged")) << "no judge has seen it";
  judge(Verdict::valid);  // too late
  EXPECT_FALSE(cache_did("valid unjudged"));
}

TEST_F(ManagerTest, lost_content_is_fetched_again) {
  const std::string id = must_create(with_hook(), 1).id;
  cache_.open_errors["gone"] = Error{ErrorCode::content_damaged, "open", "it changed on disk"};
  finish(id, 0, 100, 100, "gone");
  EXPECT_EQ(state(id), JobState::connecting);
  ASSERT_NE(transfers_.running(file_id(id)), nullptr);
  EXPECT_FALSE(transfers_.running(file_id(id))->request.origin_alone);
  EXPECT_EQ(file(id).figures.wasted, 100U);
  for (int again = 0; again < 3; ++again) {
    if (transfers_.running(file_id(id)) != nullptr) finish(id, 0, 100, 0, "gone");
  }
  EXPECT_EQ(state(id), JobState::error) << "not for ever";
  EXPECT_EQ(job(id).error->code, ErrorCode::content_damaged);
}

TEST_F(ManagerTest, content_lost_after_the_end_is_noticed_when_it_is_asked_for) {
  const std::string id = must_create({}, 1).id;
  finish(id);
  cache_.open_errors["c0"] = Error{ErrorCode::not_found, "open", "no such content"};
  std::optional<Error> error;
  manager_->open_content(kAlice, id, 0, false, [&](auto result) {
    if (!result) error = result.error();
  });
  settle();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::content_damaged);
  EXPECT_EQ(state(id), JobState::connecting);
  EXPECT_NE(transfers_.running(file_id(id)), nullptr);
}

TEST_F(ManagerTest, content_is_opened_when_it_is_there) {
  const std::string id = must_create(with_hook(), 1).id;
  const auto open = [&](Caller who, unsigned index, bool partial) {
    std::optional<ErrorCode> answer;
    manager_->open_content(who, id, index, partial, [&](auto result) {
      answer = result ? std::optional<ErrorCode>() : result.error().code;
      if (result) answer = ErrorCode::already_exists;  // stands for yes
    });
    settle();
    return answer.value_or(ErrorCode::internal);
  };
  constexpr ErrorCode yes = ErrorCode::already_exists;
  EXPECT_EQ(open(kAlice, 0, true), ErrorCode::invalid_state) << "nothing is there yet";
  progress(id, 0, 50, "part");
  EXPECT_EQ(open(kAlice, 0, false), ErrorCode::invalid_state);
  EXPECT_EQ(open(kAlice, 0, true), yes);
  EXPECT_TRUE(cache_did("open_partial part"));
  EXPECT_EQ(open(kBob, 0, true), ErrorCode::not_found);
  EXPECT_EQ(open(kAlice, 1, true), ErrorCode::not_found);
  finish(id);
  EXPECT_EQ(open(kAlice, 0, false), yes) << "while it is validated";
  judge(Verdict::not_valid);
  EXPECT_EQ(open(kAlice, 0, false), yes) << "set aside, for inspection";
  EXPECT_EQ(open(kRoot, 0, false), yes);
  must(cancel(id));
  EXPECT_EQ(open(kAlice, 0, false), ErrorCode::invalid_state);
}

TEST_F(ManagerTest, only_so_many_contents_are_open_for_judges_at_once) {
  settings_.max_active_files_per_job = 40;
  manager_->apply(settings_);
  const std::string id = must_create(with_hook(), 40).id;
  for (unsigned i = 0; i < 40; ++i) finish(id, i);
  EXPECT_EQ(judge_.asked.size(), 16U);
  for (int i = 0; i < 40; ++i) judge(Verdict::valid);
  EXPECT_EQ(state(id), JobState::transferred);
}

// More of them than contents may be at judges at once: the places come back, and the files are judged again.
TEST_F(ManagerTest, judgements_that_are_lost_cost_no_places) {
  const std::string id = must_create(with_hook(), 20).id;
  for (unsigned i = 0; i < 20; ++i) {
    finish(id, i, 100, 0, "", [](TransferResult& result) { result.sha256 = Digest{}; });
    ASSERT_EQ(judge_.asked.size(), 1U) << i;
    judge_.asked.clear();  // destroys the callback
    settle();
    EXPECT_EQ(file(id, i).state, FileState::validating);
  }
  loop_.advance(minutes(11));
  ASSERT_FALSE(judge_.asked.empty());
  while (!judge_.asked.empty()) judge(Verdict::valid);
  loop_.advance(minutes(11));
  while (!judge_.asked.empty()) judge(Verdict::valid);
  EXPECT_EQ(state(id), JobState::transferred);
}

}  // namespace
}  // namespace larder::agent
