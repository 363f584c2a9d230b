#include "agent/jobs/rules/job_limits.h"
#include "tests/support/certificate_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

KnownNames known() {
  KnownNames names;
  names.hooks = {"scan", "unpack"};
  names.notify_commands = {"mail"};
  names.check_minisign = [](const std::string& key, const std::string& signature) -> Status {
    if (key == "good key" && signature == "good signature") return {};
    return fail(ErrorCode::invalid_argument, "check", "minisign: bad");
  };
  return names;
}

Status check(FileSpec& spec, const JobOptions& options = {}, bool exempt = false,
             const origin::UrlPolicy& policy = {}) {
  return check_file(spec, options, JobLimits{}, policy, known(), exempt);
}

TEST(job_limits, of_numbers) {
  const JobLimits limits;
  EXPECT_TRUE(check_job_count(limits, 299, 59, false));
  const auto for_user = check_job_count(limits, 100, 60, false);
  ASSERT_FALSE(for_user);
  EXPECT_EQ(for_user.error().code, ErrorCode::limit_exceeded);
  const auto for_all = check_job_count(limits, 300, 0, false);
  ASSERT_FALSE(for_all);
  EXPECT_EQ(for_all.error().code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(check_job_count(limits, 300, 60, true));
  EXPECT_TRUE(check_file_count(limits, 1000, false));
  const auto of_files = check_file_count(limits, 1001, false);
  ASSERT_FALSE(of_files);
  EXPECT_EQ(of_files.error().code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(check_file_count(limits, 1001, true));
}

struct RangeCase {
  std::vector<ByteRange> ranges;
  bool good;
};

TEST(job_limits, of_ranges) {
  const std::vector<RangeCase> cases = {
      {{}, true},
      {{{0, 1}}, true},
      {{{100, 100}, {900, 100}, {400, 100}}, true},   // in any order
      {{{0, 100}, {100, 100}}, true},                 // touching
      {{{0, 101}, {100, 100}}, false},                // overlapping
      {{{100, 100}, {0, 101}}, false},                // the same, other order
      {{{5, 5}, {5, 5}}, false},                      // repeated
      {{{7, 0}}, false},                              // empty
      {{{10, UINT64_MAX}}, true},                     // to the end
      {{{10, UINT64_MAX}, {0, 10}}, true},            // before one to the end
      {{{10, UINT64_MAX}, {20, 1}}, false},           // inside it
      {{{10, UINT64_MAX}, {20, UINT64_MAX}}, false},  // two to the end
      {{{UINT64_MAX - 1, 1}}, true},
      {{{UINT64_MAX - 1, 3}}, false},       // beyond anything
      {{{UINT64_MAX, 1}}, true},            // the last byte
      {{{0, 10}, {UINT64_MAX, 10}}, true},  // where they lie is known with the size
      {{{UINT64_MAX, 10}, {0, 10}}, true},
      {{{UINT64_MAX, 0}}, false},                   // the last 0 bytes
      {{{UINT64_MAX, 1}, {UINT64_MAX, 2}}, false},  // both of the end
      {{{5, UINT64_MAX}, {UINT64_MAX, 2}}, false},
      {{{UINT64_MAX, 2}, {5, UINT64_MAX}}, false},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto status = check_ranges(cases[i].ranges, 500);
    EXPECT_EQ(status.has_value(), cases[i].good) << "case " << i;
    if (!status) {
      EXPECT_EQ(status.error().code, ErrorCode::invalid_argument) << "case " << i;
    }
  }
  EXPECT_EQ(check_ranges({{100, 100}, {3, 101}}, 500).error().detail, "the ranges at 3 and 100 overlap");
}

TEST(job_limits, of_the_number_of_ranges) {
  FileSpec spec;
  spec.url = "http://host/a";
  for (std::uint64_t i = 0; i < 501; ++i) spec.ranges.push_back({i * 10, 5});
  FileSpec same = spec;
  const auto status = check(spec);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(check(same, {}, true));
}

// The rule is the origin's (origin/http/given_headers.h); a job with such headers is not made.
TEST(job_limits, of_headers) {
  JobOptions options;
  options.connect.headers = {{"Authorization", "Bearer evil"}, {"X-A", ""}};
  EXPECT_TRUE(check_options(options, known()));
  for (const char* name : {"Range", "if-none-match", "Proxy-Authorization", "Trailer", "X A"}) {
    options.connect.headers = {{"X-A", "1"}, {name, "evil"}};
    const auto status = check_options(options, known());
    ASSERT_FALSE(status) << name;
    EXPECT_EQ(status.error().code, ErrorCode::invalid_argument) << name;
    EXPECT_THAT(status.error().text(), Not(HasSubstr("evil")));
  }
  options.connect.headers = {{"A", std::string(8000, 'x')}, {"B", std::string(8400, 'x')}};
  EXPECT_FALSE(check_options(options, known())) << "too large together";
}

TEST(job_limits, of_names_point_to_those_configured) {
  JobOptions options;
  options.verdict.hook = "scan";
  options.notify_command = "mail";
  EXPECT_TRUE(check_options(options, known()));
  options.verdict.hook = "scam";
  auto status = check_options(options, known());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(status.error().detail, HasSubstr("scan, unpack"));
  options.verdict.hook = "scan";
  options.notify_command = "pager";
  status = check_options(options, known());
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().detail, HasSubstr("mail"));
}

TEST(job_limits, of_options) {
  const auto refused = [](auto change) {
    JobOptions options;
    change(options);
    const auto status = check_options(options, known());
    return !status && status.error().code == ErrorCode::invalid_argument;
  };
  EXPECT_TRUE(check_options(JobOptions{}, known()));
  EXPECT_TRUE(refused([](JobOptions& o) { o.name = "a\nb"; }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.name = std::string(257, 'x'); }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.parallel_ranges = 0; }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.parallel_ranges = 17; }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.retry_delay = std::chrono::milliseconds(1); }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.retry_delay = std::chrono::hours(1); }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.no_progress_timeout = -std::chrono::seconds(1); }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.maximum_time = Duration::zero(); }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.connect.user = std::string(301, 'u'); }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.connect.proxy = "http://p\r\n"; }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.connect.ca_certificates = "/etc/ssl/ca.pem"; }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.connect.ca_certificates = test::kAuthority + test::kPrivateKey; }));
  EXPECT_FALSE(refused([](JobOptions& o) { o.connect.ca_certificates = test::kAuthority; }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.connect.client_certificate = "PEM"; }));
  EXPECT_TRUE(refused([](JobOptions& o) { o.connect.headers = {{"Host", "x"}}; }));
}

TEST(job_limits, a_url_becomes_canonical_and_loses_its_user_info) {
  FileSpec spec;
  spec.url = "HTTP://us%65r:p%40ss@Host.Example:80/a/../b?q#part";
  ASSERT_TRUE(check(spec));
  EXPECT_EQ(spec.url, "http://host.example/b?q");
  EXPECT_EQ(spec.user, "user");
  EXPECT_EQ(spec.password, "p@ss");
}

TEST(job_limits, of_urls) {
  const auto code = [](const std::string& url, const origin::UrlPolicy& policy = {}) {
    FileSpec spec;
    spec.url = url;
    const auto status = check(spec, {}, false, policy);
    return status ? ErrorCode::internal : status.error().code;
  };
  EXPECT_EQ(code("http://host/" + std::string(origin::kMaxUrl, 'x')), ErrorCode::invalid_url);
  EXPECT_EQ(code("http://host/a\r\nb"), ErrorCode::invalid_url);
  EXPECT_EQ(code(""), ErrorCode::invalid_url);
  EXPECT_EQ(code("file:///etc/shadow"), ErrorCode::forbidden_url);
  EXPECT_EQ(code("gopher://host/"), ErrorCode::forbidden_url);
  origin::UrlPolicy no_loopback;
  no_loopback.allow_loopback = false;
  EXPECT_EQ(code("http://127.0.0.1/", no_loopback), ErrorCode::forbidden_url);
}

TEST(job_limits, of_minisign) {
  JobOptions options;
  FileSpec spec;
  spec.url = "http://host/a";
  options.verdict.minisign_public_key = "good key";
  auto status = check(spec, options);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().detail, HasSubstr("no signature"));
  options.verdict.minisign_signature = "good signature";
  EXPECT_TRUE(check(spec, options));
  spec.minisign_signature = "another";  // the file's own comes before the job's
  EXPECT_FALSE(check(spec, options));
  options.verdict.minisign_public_key.clear();
  EXPECT_FALSE(check(spec, options));
}

TEST(job_limits, redirects_to_loopback_only_where_loopback_is_allowed) {
  JobOptions options;
  origin::UrlPolicy configured;
  EXPECT_FALSE(job_policy(configured, options).redirect_to_loopback);
  options.redirect_loopback = true;
  EXPECT_TRUE(job_policy(configured, options).redirect_to_loopback);
  configured.allow_loopback = false;
  EXPECT_FALSE(job_policy(configured, options).redirect_to_loopback);
}

// Each text of `connect` may be as long as its limit, has no NUL, and is named where it is refused.
TEST(job_limits, of_the_texts_of_connect) {
  using Connect = origin::ConnectOptions;
  const struct {
    const char* what;
    std::string Connect::*text;
    std::size_t limit;
  } rows[] = {
      {"the user", &Connect::user, 300},
      {"the password", &Connect::password, 65535},
      {"the proxy", &Connect::proxy, 4000},
      {"the proxy user", &Connect::proxy_user, 300},
      {"the proxy password", &Connect::proxy_password, 65535},
      {"the client certificate", &Connect::client_certificate, 256 * 1024},
      {"the client key", &Connect::client_key, 256 * 1024},
      {"the client key password", &Connect::client_key_password, 65535},
  };
  for (const auto& row : rows) {
    JobOptions options;
    options.connect.client_certificate = options.connect.client_key = "PEM";
    options.connect.*row.text = std::string(row.limit, 'x');
    EXPECT_TRUE(check_options(options, known())) << row.what;
    options.connect.*row.text += 'x';
    auto status = check_options(options, known());
    ASSERT_FALSE(status) << row.what;
    EXPECT_THAT(status.error().detail,
                HasSubstr(std::string(row.what) + " is longer than " + std::to_string(row.limit)));
    options.connect.*row.text = std::string("a\0b", 3);
    status = check_options(options, known());
    ASSERT_FALSE(status) << row.what;
    EXPECT_THAT(status.error().detail, HasSubstr(std::string(row.what) + " contains a NUL"));
  }
}

TEST(job_limits, are_taken_to_their_ends) {
  const auto taken = [](auto change) {
    JobOptions options;
    change(options);
    return check_options(options, known()).has_value();
  };
  EXPECT_TRUE(taken([](JobOptions& o) { o.name = std::string(256, 'x'); }));
  EXPECT_TRUE(taken([](JobOptions& o) { o.parallel_ranges = 1; }));
  EXPECT_TRUE(taken([](JobOptions& o) { o.parallel_ranges = 16; }));
  EXPECT_TRUE(taken([](JobOptions& o) { o.retry_delay = std::chrono::milliseconds(100); }));
  EXPECT_TRUE(taken([](JobOptions& o) { o.retry_delay = std::chrono::minutes(10); }));
  EXPECT_TRUE(taken([](JobOptions& o) { o.no_progress_timeout = Duration::zero(); }));
  EXPECT_TRUE(taken([](JobOptions& o) { o.maximum_time = Duration(1); }));
  EXPECT_TRUE(check_reason(std::string(4096, 'x')));
  EXPECT_FALSE(check_reason(std::string(4097, 'x')));
  FileSpec spec;
  spec.url = "http://host/a";
  spec.destination = std::string(4096, 'x');
  EXPECT_TRUE(check(spec));
  spec.destination += 'x';
  EXPECT_FALSE(check(spec));
}

TEST(job_limits, of_mirrors) {
  FileSpec spec;
  spec.url = "http://host/a";
  spec.mirrors.resize(16);
  for (Mirror& mirror : spec.mirrors) mirror.url = "http://us:pw@Mirror/a";
  EXPECT_FALSE(check(spec)) << "no digest says which of the files is meant";
  spec.sha256.emplace();
  ASSERT_TRUE(check(spec));
  EXPECT_EQ(spec.mirrors[15].url, "http://mirror/a");
  EXPECT_EQ(spec.mirrors[15].user, "us");
  EXPECT_EQ(spec.mirrors[15].password, "pw");
  spec.mirrors.push_back(spec.mirrors.front());
  const auto status = check(spec);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::limit_exceeded);
  spec.mirrors = {{"file:///etc/shadow", "", ""}};
  EXPECT_FALSE(check(spec));
}

TEST(job_limits, of_minisign_texts) {
  JobOptions options;
  FileSpec spec;
  spec.url = "http://host/a";
  const auto detail = [&](std::size_t key, std::size_t signature) {
    options.verdict.minisign_public_key = std::string(key, 'k');
    options.verdict.minisign_signature = std::string(signature, 's');
    const auto status = check(spec, options);
    return status ? std::string() : status.error().detail;
  };
  EXPECT_EQ(detail(8192, 8192), "minisign: bad") << "it is looked at";
  EXPECT_THAT(detail(8193, 1), HasSubstr("longer than 8192 bytes"));
  EXPECT_THAT(detail(1, 8193), HasSubstr("longer than 8192 bytes"));
  EXPECT_EQ(detail(0, 0), "");
}

TEST(job_limits, authorities_are_named_by_a_file_or_are_text) {
  origin::ConnectOptions connect;
  EXPECT_FALSE(names_ca_file(connect));
  connect.ca_certificates = "/etc/ssl/ca.pem";
  EXPECT_TRUE(names_ca_file(connect));
  connect.ca_certificates = test::kAuthority;
  EXPECT_FALSE(names_ca_file(connect));
  connect.ca_certificates = "/ before\n" + std::string(test::kAuthority);
  EXPECT_FALSE(names_ca_file(connect));
}

TEST(job_limits, of_what_reaches_to_the_end_there_is_one) {
  const std::uint64_t end = UINT64_MAX;
  EXPECT_TRUE(check_ranges({{10, end - 10}}, 1)) << "as far as offsets go";
  EXPECT_FALSE(check_ranges({{10, end - 9}}, 1));
  EXPECT_TRUE(check_ranges({{0, 1}, {2, 1}}, 2));
  EXPECT_FALSE(check_ranges({{0, 1}, {2, 1}, {4, 1}}, 2));
}

TEST(job_limits, redirects_that_the_job_alone_allows_are_told_of) {
  JobOptions options;
  origin::UrlPolicy configured;
  EXPECT_FALSE(job_policy(configured, options).sharing.callers_redirect);
  options.redirect_loopback = true;
  EXPECT_TRUE(job_policy(configured, options).sharing.callers_redirect);
  configured.redirect_to_loopback = true;
  EXPECT_TRUE(job_policy(configured, options).redirect_to_loopback);
  EXPECT_FALSE(job_policy(configured, options).sharing.callers_redirect) << "everybody's redirects lead there";
}

}  // namespace
}  // namespace larder::agent
