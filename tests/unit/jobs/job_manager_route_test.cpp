// What of a job's way to the origin is its own, and what the configuration's.
#include <cstdlib>

#include "tests/support/certificate_text.h"
#include "tests/unit/jobs/manager_fixture.h"
#include "tests/unit/verdict/vectors.h"

namespace larder::agent {
namespace {

TEST_F(ManagerTest, a_route_is_the_jobs_own_where_it_is_not_the_configured_one) {
  struct Row {
    std::string configured_proxy, jobs_proxy;
    bool callers_proxy;
  };
  for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) unsetenv(name);
  for (const Row& row :
       {Row{"", "", false}, Row{"http://p:1", "", false}, Row{"http://p:1", "http://p:1", false},
        Row{"http://p:1", "http://p:2", true}, Row{"http://p:1", "none", true}, Row{"", "http://p:1", true},
        Row{"none", "http://p:1", true}, Row{"", "none", false}, Row{"none", "none", false}, Row{"none", "", false}}) {
    settings_.proxy = row.configured_proxy;
    manager_->apply(settings_);
    JobOptions options;
    options.connect.proxy = row.jobs_proxy;
    const std::string id = must_create(options, 1).id;
    const auto* started = transfers_.running(file_id(id));
    ASSERT_NE(started, nullptr);
    EXPECT_EQ(started->request.target.options->callers_proxy, row.callers_proxy)
        << row.configured_proxy << " / " << row.jobs_proxy;
    must(cancel(id));
  }
  setenv("https_proxy", "http://p:9", 1);
  settings_.proxy.clear();
  manager_->apply(settings_);
  JobOptions options;
  options.connect.proxy = "none";
  const std::string id = must_create(options, 1).id;
  EXPECT_TRUE(transfers_.running(file_id(id))->request.target.options->callers_proxy) << "the environment names one";
  unsetenv("https_proxy");
}

TEST_F(ManagerTest, authorities_are_the_jobs_own_where_they_are_not_the_configured_ones) {
  settings_.ca_certificates = test::kAuthority;
  manager_->apply(settings_);
  for (const auto& [jobs, own] :
       {std::pair{std::string(), false}, std::pair{test::kAuthority, false}, std::pair{test::kSecondAuthority, true}}) {
    JobOptions options;
    options.connect.ca_certificates = jobs;
    const std::string id = must_create(options, 1).id;
    EXPECT_EQ(transfers_.running(file_id(id))->request.target.options->callers_authorities, own) << jobs;
    must(cancel(id));
  }
}

TEST_F(ManagerTest, a_redirect_that_the_job_alone_allows_is_known_as_such) {
  JobOptions options;
  options.redirect_loopback = true;
  const std::string id = must_create(options, 1).id;
  EXPECT_TRUE(transfers_.running(file_id(id))->request.target.policy->sharing.callers_redirect);
  settings_.url_policy.redirect_to_loopback = true;
  manager_->apply(settings_);
  const std::string second = must_create(options, 1).id;
  EXPECT_FALSE(transfers_.running(file_id(second))->request.target.policy->sharing.callers_redirect);
}

TEST_F(ManagerTest, a_digest_or_a_signature_of_the_callers_decides_over_the_bytes) {
  FileSpec plain, known;
  plain.url = "http://host/plain";
  known.url = "http://host/known";
  known.sha256 = sha256(as_bytes("x"));
  auto job = create(kAlice, {}, {plain, known});
  ASSERT_TRUE(job) << job.error().text();
  EXPECT_FALSE(transfers_.running(file_id(job->id, 0))->request.target.bytes_proven);
  EXPECT_TRUE(transfers_.running(file_id(job->id, 1))->request.target.bytes_proven);
  JobOptions options;
  options.verdict.app = true;
  job = create(kAlice, options, {plain});
  ASSERT_TRUE(job) << job.error().text();
  EXPECT_FALSE(transfers_.running(file_id(job->id))->request.target.bytes_proven) << "it may not look at the coding";
  options.verdict = {};
  options.verdict.minisign_public_key = test::kKey;
  options.verdict.minisign_signature = test::kPrehashed;
  job = create(kAlice, options, {plain});
  ASSERT_TRUE(job) << job.error().text();
  EXPECT_TRUE(transfers_.running(file_id(job->id))->request.target.bytes_proven);
}

TEST_F(ManagerTest, why_a_file_is_not_shared_is_kept_with_it) {
  const std::string id = must_create({}, 1).id;
  finish(id, 0, 100, 0, "", [](TransferResult& result) { result.privacy = origin::Privacy::sets_cookie; });
  EXPECT_EQ(file(id).privacy, origin::Privacy::sets_cookie);
  restart();
  EXPECT_EQ(file(id).privacy, origin::Privacy::sets_cookie);
}

}  // namespace
}  // namespace larder::agent
