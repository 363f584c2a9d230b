// A file with several URLs: which is asked when, what goes on, and what each is told of the caller.
#include "agent/jobs/model/mirrors.h"
#include "tests/unit/jobs/manager_fixture.h"

namespace larder::agent {
namespace {

using testing::IsEmpty;

class MirrorsTest : public ManagerTest {
 protected:
  std::string make(JobOptions options = {}, const std::string& url = "http://host/0") {
    FileSpec spec;
    spec.url = url;
    spec.sha256.emplace().fill(std::byte{7});
    spec.mirrors = {{"http://u1:p1@m1/x", "", ""}, {"http://m2/x", "", ""}};
    return must(create(kAlice, std::move(options), {spec})).id;
  }
  std::string asked(const std::string& id) {
    auto* transfer = transfers_.running(file_id(id));
    return transfer == nullptr ? "nothing" : transfer->request.target.url.canonical();
  }
  void answer(const std::string& url, std::uint64_t size, const std::string& etag) {
    origin::Edition edition;
    edition.version = {url, size, etag, ""};
    origin_.probes.back().done(edition);
    settle();
  }
};

TEST_F(MirrorsTest, need_a_digest) {
  FileSpec spec;
  spec.url = "http://host/0";
  spec.mirrors = {{"http://m1/x", "", ""}};
  const auto undecided = create(kAlice, {}, {spec});
  ASSERT_FALSE(undecided);
  EXPECT_EQ(undecided.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(undecided.error().detail.find("SHA-256"), std::string::npos) << undecided.error().text();
  spec.sha256.emplace();
  spec.mirrors = {{"gopher://m1/x", "", ""}};
  EXPECT_FALSE(create(kAlice, {}, {spec}));
  spec.mirrors = std::vector<Mirror>(17, {"http://m1/x", "", ""});
  EXPECT_FALSE(create(kAlice, {}, {spec}));
  settings_.url_policy.deny_hosts = {"m1"};
  restart();
  spec.mirrors.resize(1);
  EXPECT_FALSE(create(kAlice, {}, {spec}));
}

TEST_F(MirrorsTest, are_asked_at_once_in_order_when_one_fails) {
  const std::string id = make();
  EXPECT_EQ(asked(id), "http://host/0");
  fail_transfer(id, 0, ErrorCode::connect_failed);
  EXPECT_EQ(asked(id), "http://m1/x");
  EXPECT_EQ(transfers_.running(file_id(id))->request.target.options->password, "p1");
  EXPECT_EQ(state(id), JobState::connecting);
  fail_transfer(id, 0, ErrorCode::http_fatal);
  EXPECT_EQ(asked(id), "http://m2/x");
  EXPECT_EQ(transfers_.running(file_id(id))->request.target.options->password, "");
  EXPECT_EQ(file(id).mirror, 2U);
  finish(id);
  EXPECT_EQ(state(id), JobState::validating);
  judge(Verdict::valid);
  EXPECT_EQ(state(id), JobState::transferred);
  EXPECT_EQ(file(id).effective_url, "http://m2/x");
  EXPECT_THAT(origin_.probes, IsEmpty()) << "nothing was there to go on with";
}

TEST_F(MirrorsTest, wait_like_any_other_when_all_have_failed) {
  const std::string id = make();
  fail_transfer(id, 0, ErrorCode::connect_failed);
  fail_transfer(id, 0, ErrorCode::http_fatal);
  fail_transfer(id, 0, ErrorCode::http_fatal);
  EXPECT_EQ(state(id), JobState::transient_error) << "the first may come back";
  EXPECT_NE(job(id).error->detail.find("3 URLs"), std::string::npos) << job(id).error->text();
  loop_.advance(std::chrono::seconds(10));
  EXPECT_EQ(asked(id), "http://host/0");
  for (int i = 0; i < 3; ++i) fail_transfer(id, 0, ErrorCode::http_fatal);
  EXPECT_EQ(state(id), JobState::error) << "nothing that may pass";
  EXPECT_EQ(job(id).error->code, ErrorCode::http_fatal);
}

TEST_F(MirrorsTest, are_not_asked_for_what_is_this_machines) {
  const std::string id = make();
  fail_transfer(id, 0, ErrorCode::disk_full);
  EXPECT_EQ(file(id).mirror, 0U);
}

// What one brought goes on with another of the same size, privately, as the digest decides.
TEST_F(MirrorsTest, go_on_with_what_another_brought) {
  const std::string id = make();
  progress(id, 0, 60, "partial");
  fail_transfer(id, 0, ErrorCode::no_progress);
  ASSERT_EQ(origin_.probes.size(), 1U);
  answer("http://m1/x", 100, "\"another\"");
  EXPECT_TRUE(cache_did("private partial " + file_id(id) + " http://m1/x"));
  EXPECT_EQ(asked(id), "http://m1/x");
  EXPECT_EQ(file(id).figures.wasted, 0U);
  EXPECT_TRUE(file(id).mixed);
}

TEST_F(MirrorsTest, begin_anew_with_another_size) {
  const std::string id = make();
  progress(id, 0, 60, "partial");
  fail_transfer(id, 0, ErrorCode::no_progress);
  answer("http://m1/x", 101, "\"another\"");
  EXPECT_FALSE(cache_began("private partial"));
  EXPECT_TRUE(cache_did("release partial " + file_id(id)));
  EXPECT_EQ(asked(id), "http://m1/x");
  EXPECT_FALSE(file(id).mixed);
}

TEST_F(MirrorsTest, that_cannot_be_asked_for_the_edition_are_passed_over) {
  const std::string id = make();
  progress(id, 0, 60, "partial");
  fail_transfer(id, 0, ErrorCode::connection_lost);
  origin_.probes.back().done(fail(ErrorCode::http_fatal, "probe", "404"));
  settle();
  ASSERT_EQ(origin_.probes.size(), 2U);
  EXPECT_EQ(origin_.probes.back().target.url.canonical(), "http://m2/x");
  answer("http://m2/x", 100, "\"e\"");
  EXPECT_EQ(asked(id), "http://m2/x");
}

TEST_F(MirrorsTest, with_another_digest_give_way_to_the_next) {
  const std::string id = make();
  finish(id);
  judge(Verdict::not_valid, ErrorCode::digest_mismatch);
  EXPECT_EQ(asked(id), "http://m1/x");
  EXPECT_FALSE(transfers_.running(file_id(id))->request.origin_alone);
  EXPECT_TRUE(cache_did("release c0 " + file_id(id)));
  finish(id, 0, 100, 0, "c1");
  judge(Verdict::not_valid, ErrorCode::digest_mismatch);
  EXPECT_EQ(asked(id), "http://m2/x");
  finish(id, 0, 100, 0, "c2");
  judge(Verdict::not_valid, ErrorCode::digest_mismatch);
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_EQ(job(id).error->code, ErrorCode::digest_mismatch);
}

TEST_F(MirrorsTest, give_way_for_no_other_verdict) {
  JobOptions options;
  options.verdict.hook = "scan";
  const std::string id = make(options);
  finish(id);
  judge(Verdict::not_valid, ErrorCode::validation_failed);
  EXPECT_EQ(state(id), JobState::error) << "another server's copy of these bytes is as bad";
}

// Bytes of two editions together say nothing of either: the one at hand is fetched whole, and no two are put together
// again.
TEST_F(MirrorsTest, are_asked_alone_where_they_do_not_fit_together) {
  const std::string id = make();
  progress(id, 0, 60, "partial");
  fail_transfer(id, 0, ErrorCode::no_progress);
  answer("http://m1/x", 100, "\"another\"");
  finish(id, 0, 100, 0, "partial");
  judge(Verdict::not_valid, ErrorCode::digest_mismatch);
  EXPECT_EQ(asked(id), "http://m1/x") << "its bytes alone may be right";
  EXPECT_TRUE(transfers_.running(file_id(id))->request.origin_alone);
  EXPECT_FALSE(file(id).mixed);
  progress(id, 0, 50, "second");
  fail_transfer(id, 0, ErrorCode::no_progress);
  EXPECT_EQ(origin_.probes.back().target.url.canonical(), "http://m2/x");
  answer("http://m2/x", 100, "\"third\"");
  EXPECT_FALSE(cache_began("private second"));
  EXPECT_EQ(asked(id), "http://m2/x");
}

TEST_F(MirrorsTest, of_other_sites_get_nothing_of_the_callers) {
  JobOptions options;
  options.connect.user = "me";
  options.connect.password = "secret";
  options.connect.headers = {{"Authorization", "Bearer x"}, {"X-Own", "y"}, {"Accept", "a/b"}};
  const std::string id = make(options);
  EXPECT_EQ(transfers_.running(file_id(id))->request.target.options->password, "secret");
  fail_transfer(id, 0, ErrorCode::connect_failed);
  const auto first = transfers_.running(file_id(id))->request.target.options;
  EXPECT_EQ(first->user + first->password, "u1p1");
  EXPECT_EQ(first->headers, (std::vector<origin::Header>{{"Accept", "a/b"}}));
  fail_transfer(id, 0, ErrorCode::connect_failed);
  EXPECT_FALSE(transfers_.running(file_id(id))->request.target.options->has_credentials());
}

TEST_F(MirrorsTest, wait_shorter_while_another_is_left) {
  settings_.stall_timeout = std::chrono::seconds(60);
  restart();
  const std::string id = make();
  EXPECT_EQ(transfers_.running(file_id(id))->request.target.options->stall_timeout, kMirrorStall);
  fail_transfer(id, 0, ErrorCode::connect_failed);
  fail_transfer(id, 0, ErrorCode::connect_failed);
  EXPECT_EQ(transfers_.running(file_id(id))->request.target.options->stall_timeout, std::chrono::seconds(60));
}

TEST_F(MirrorsTest, survive_a_restart_with_their_credentials) {
  const std::string id = make();
  fail_transfer(id, 0, ErrorCode::connect_failed);
  restart();
  EXPECT_EQ(asked(id), "http://m1/x");
  EXPECT_EQ(transfers_.running(file_id(id))->request.target.options->password, "p1");
  EXPECT_EQ(given_url(file(id), 0), "http://host/0");
  EXPECT_EQ(given_url(file(id), 1), "http://m1/x");
  fail_transfer(id, 0, ErrorCode::connect_failed);
  EXPECT_EQ(asked(id), "http://m2/x");
  fail_transfer(id, 0, ErrorCode::connect_failed);
  EXPECT_EQ(state(id), JobState::connecting) << "all three are asked since the restart";
  EXPECT_EQ(asked(id), "http://host/0");
}

TEST_F(MirrorsTest, stay_with_a_new_url) {
  const std::string id = make();
  fail_transfer(id, 0, ErrorCode::connect_failed);
  must(suspend(id));
  must(retarget(id, 0, "http://new/x"));
  EXPECT_EQ(given_url(file(id), 0), "http://new/x");
  EXPECT_EQ(given_url(file(id), 1), "http://m2/x");
  EXPECT_EQ(given_url(file(id), 2), "http://host/0");
}

}  // namespace
}  // namespace larder::agent
