// A verdict binds the job whose it is: what it says to others, and what it proves.
#include "tests/unit/jobs/manager_fixture.h"

namespace larder::agent {
namespace {

using std::chrono::seconds;

JobOptions with_app() {
  JobOptions options;
  options.verdict.app = true;
  return options;
}

// A verdict of the caller's (its digest, signature or word) on a shared record, and what the origin has instead.
class CallersVerdict : public ManagerTest {
 protected:
  std::string reject_record() {
    const std::string id = must_create(with_app(), 1).id;
    cache::ContentInfo record;
    record.id = "record";
    record.state = cache::ContentState::complete;
    record.root = Digest{std::byte(7)};
    record.validated = record.pinned = record.shareable = true;
    record.versions = {{"http://host/0", 100, "\"e\"", ""}, {"http://mirror/0", 100, "\"m\"", ""}};
    cache_.infos["record"] = record;
    finish(id, 0, 100, 100, "record");
    judge(Verdict::wait_for_app);
    must(verdict(id, 0, false, "I do not like it"));
    EXPECT_TRUE(cache_did("release record " + file_id(id)));
    expect_untouched();
    return id;
  }
  void expect_untouched() {
    EXPECT_FALSE(cache_began("drop record"));
    EXPECT_FALSE(cache_began("set_aside record"));
    EXPECT_TRUE(transfers_.judged.empty()) << "nobody is suspected on a user's word";
  }
  void fetch_again(const std::string& id, std::byte root, const std::function<void(TransferResult&)>& change = {}) {
    EXPECT_TRUE(transfers_.running(file_id(id))->request.origin_alone);
    finish(id, 0, 100, 0, "fresh", [&](TransferResult& result) {
      result.content.root = Digest{root};
      if (change) change(result);
    });
    settle();
  }
};

TEST_F(CallersVerdict, leaves_the_record_to_others) {
  const std::string id = reject_record();
  fetch_again(id, std::byte(7));
  judge(Verdict::wait_for_app);
  must(verdict(id, 0, false));
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_FALSE(cache_began("set_aside fresh")) << "it is what the origin has";
  EXPECT_TRUE(cache_did("aside_own fresh " + file_id(id))) << "where nobody else has to do with it";
  expect_untouched();
  must(resume(id));
  EXPECT_TRUE(cache_did("release fresh " + file_id(id)));
}

TEST_F(CallersVerdict, is_right_where_the_origin_has_other_bytes_under_the_same_version) {
  const std::string id = reject_record();
  fetch_again(id, std::byte(8));
  EXPECT_TRUE(cache_did("set_aside record http://host/0"));
  ASSERT_EQ(transfers_.judged.size(), 1U);
  EXPECT_EQ(transfers_.judged[0].content, "record");
  EXPECT_EQ(transfers_.judged[0].fresh, "fresh") << "held against what the origin sent";
}

TEST_F(CallersVerdict, tells_no_neighbour_of_what_the_job_does_not_share) {
  fetch_again(reject_record(), std::byte(8), [](TransferResult& result) { result.content.offered = false; });
  EXPECT_TRUE(cache_did("set_aside record http://host/0"));
  ASSERT_EQ(transfers_.judged.size(), 1U);
  EXPECT_EQ(transfers_.judged[0].fresh, "") << "this agent's own statement would go to the group with it";
}

TEST_F(CallersVerdict, is_held_against_the_origin_after_a_restart_too) {
  const std::string id = reject_record();
  loop_.advance(seconds(1));
  static_cast<void>(rows("jobs"));
  kill_manager();
  start_manager();
  fetch_again(id, std::byte(8));
  EXPECT_TRUE(cache_did("set_aside record http://host/0"));
}

TEST_F(CallersVerdict, proves_nothing_by_what_is_the_jobs_own) {
  fetch_again(reject_record(), std::byte(8), [](TransferResult& result) { result.content.shareable = false; });
  expect_untouched();
}

TEST_F(CallersVerdict, proves_nothing_by_another_edition) {
  fetch_again(reject_record(), std::byte(8), [](TransferResult& result) {
    result.version->etag = "\"new\"";
    result.content.versions = {*result.version};
  });
  expect_untouched();
}

TEST_F(CallersVerdict, on_a_file_of_the_origins_concerns_its_own_content_alone) {
  const std::string id = must_create(with_app(), 1).id;
  finish(id, 0, 100, 0, "mine");
  judge(Verdict::wait_for_app);
  must(verdict(id, 0, false));
  EXPECT_EQ(state(id), JobState::error);
  EXPECT_TRUE(cache_did("aside_own mine " + file_id(id)));
  EXPECT_FALSE(cache_began("set_aside mine"));
  EXPECT_FALSE(cache_began("drop mine"));
}

// A digest of the caller's, proven over the whole, names what has no validator; nothing that is private for more.
TEST_F(ManagerTest, a_proven_digest_names_what_the_origin_gives_no_validator_for) {
  const auto named = [this](origin::Privacy privacy, bool with_digest, const JobOptions& options = {}) {
    cache_.log.clear();
    FileSpec spec;
    spec.url = "http://host/0";
    if (with_digest) spec.sha256 = Digest{std::byte(9)};
    const std::string id = must(create(kAlice, options, {spec})).id;
    finish(id, 0, 100, 0, "content", [&](TransferResult& result) {
      result.privacy = privacy;
      result.sha256 = Digest{std::byte(9)};
    });
    if (with_digest) judge(Verdict::valid);
    return cache_did("by_digest content");
  };
  using origin::Privacy;
  EXPECT_TRUE(named(Privacy::no_validator, true));
  EXPECT_TRUE(named(Privacy::weak_etag, true));
  EXPECT_FALSE(named(Privacy::no_validator, false));
  JobOptions unkept;
  unkept.store = false;
  EXPECT_FALSE(named(Privacy::no_validator, true, unkept));
  for (const Privacy privacy : {Privacy::shareable, Privacy::credentials, Privacy::signed_query, Privacy::says_private,
                                Privacy::weak_date, Privacy::end_not_announced, Privacy::two_urls}) {
    EXPECT_FALSE(named(privacy, true)) << privacy_info(privacy).code;
  }
}

// Only who asks as the agent would for anybody says what the newest good edition of a URL is.
TEST_F(ManagerTest, accepting_says_something_for_all_only_of_what_was_asked_for_plainly) {
  const auto accepted = [this](const char* content, const JobOptions& options, bool completed,
                               const std::function<void(TransferResult&)>& change = {}) {
    cache_.log.clear();
    const std::string id = must_create(options, 1).id;
    finish(id, 0, 100, 0, content, change);
    if (!completed) judge(Verdict::wait_for_app), must(verdict(id, 0, true));
    must(complete(id));
    loop_.advance(seconds(1));
    static_cast<void>(rows("jobs"));
    return cache_did(std::string("valid ") + content);
  };
  for (const bool completed : {true, false}) {
    JobOptions plain = completed ? JobOptions{} : with_app();
    EXPECT_TRUE(accepted("plain", plain, completed)) << completed;
    EXPECT_FALSE(accepted("digest", plain, completed, [](TransferResult& result) { result.version.reset(); }));
    EXPECT_FALSE(
        accepted("offline", plain, completed, [this](TransferResult& result) { result.offline = loop_.wall(); }));
    JobOptions agent = plain, jwt = plain, proxy = plain;
    agent.connect.headers = {{"User-Agent", "other"}};
    jwt.connect.headers = {{"X-Rewrite-URL", "/other"}};
    proxy.connect.proxy = "http://127.0.0.1:1";
    EXPECT_FALSE(accepted("agent", agent, completed));
    EXPECT_FALSE(accepted("jwt", jwt, completed));
    EXPECT_FALSE(accepted("proxy", proxy, completed));
  }
}

}  // namespace
}  // namespace larder::agent
