// Retry, rate, proxy, request headers, connection options, libcurl's errors.
#include <curl/curl.h>
#include <gtest/gtest.h>

#include <map>

#include "base/runtime/loop.h"
#include "base/text/units.h"
#include "origin/curl/curl_errors.h"
#include "origin/http/http_client.h"
#include "origin/http/http_fields.h"
#include "origin/http/proxy.h"
#include "origin/http/rate.h"
#include "origin/rules/request_rules.h"
#include "origin/rules/retry.h"
#include "tests/support/certificate_text.h"

namespace larder::origin {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Retry, GrowsWithJitterToItsLimit) {
  const auto random = make_seeded_random(7);
  const RetryRule rule;
  std::map<unsigned, std::pair<Duration, Duration>> seen;  // attempt -> shortest, longest
  for (unsigned attempt = 1; attempt <= 40; ++attempt) {
    for (int i = 0; i < 200; ++i) {
      const Duration delay = retry_delay(rule, attempt, std::nullopt, *random);
      auto [it, fresh] = seen.try_emplace(attempt, delay, delay);
      it->second.first = std::min(it->second.first, delay);
      it->second.second = std::max(it->second.second, delay);
    }
  }
  EXPECT_GE(seen[1].first, seconds(5));
  EXPECT_LE(seen[1].second, milliseconds(6250));
  EXPECT_GT(seen[1].second - seen[1].first, milliseconds(1000)) << "agents that fail together must come back apart";
  EXPECT_GE(seen[2].first, seconds(10));
  EXPECT_GE(seen[4].first, seconds(40));
  EXPECT_GE(seen[40].first, minutes(8));
  EXPECT_LE(seen[40].second, minutes(10));
  EXPECT_GT(seen[40].second - seen[40].first, seconds(60));
}

// Always draws the same: the share of what there is to draw, in thousandths.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::uint64_t thousandths) : value_(UINT64_MAX / 1000 * thousandths) {}
  std::uint64_t next() override { return value_; }

 private:
  std::uint64_t value_;
};

double seconds_of(Duration delay) {
  return std::chrono::duration<double>(delay).count();
}

TEST(Retry, DoublesWithEachFailureUpToTheLongest) {
  FixedRandom none(0), half(500);
  const auto delay = [](unsigned attempt, Random& random) {
    return seconds_of(retry_delay({}, attempt, std::nullopt, random));
  };
  const double without_jitter[] = {5, 10, 20, 40, 80, 160, 320, 480, 480};
  for (unsigned attempt = 1; attempt <= std::size(without_jitter); ++attempt) {
    EXPECT_NEAR(delay(attempt, none), without_jitter[attempt - 1], 0.01) << attempt;
    EXPECT_NEAR(delay(attempt, half), without_jitter[attempt - 1] * 1.125, 0.01) << attempt;
  }
}

TEST(Retry, SpreadsRetryAfterByTenSecondsAtMost) {
  FixedRandom none(0), half(500);
  const auto delay = [](int asked, Random& random) { return seconds_of(retry_delay({}, 1, seconds(asked), random)); };
  EXPECT_NEAR(delay(40, none), 40, 0.01);
  EXPECT_NEAR(delay(40, half), 45, 0.01) << "an eighth more";
  EXPECT_NEAR(delay(400, none), 400, 0.01);
  EXPECT_NEAR(delay(400, half), 410, 0.01);
}

TEST(Retry, TakesTheJobsOwnDelay) {
  const auto random = make_seeded_random(7);
  RetryRule rule;
  rule.first = minutes(30);
  for (int i = 0; i < 50; ++i) EXPECT_GE(retry_delay(rule, 9, std::nullopt, *random), minutes(30));
}

TEST(Retry, ObeysRetryAfterAsAMinimum) {
  const auto random = make_seeded_random(7);
  for (int i = 0; i < 50; ++i) {
    const Duration delay = retry_delay({}, 1, seconds(100), *random);
    EXPECT_GE(delay, seconds(100));
    EXPECT_LE(delay, seconds(110));
    EXPECT_GE(retry_delay({}, 6, seconds(1), *random), seconds(160)) << "the back-off is longer";
    EXPECT_LE(retry_delay({}, 1, seconds(1'000'000), *random), kMaxRetryAfter + seconds(10));
    EXPECT_GE(retry_delay({}, 1, seconds(-5), *random), seconds(5));
  }
}

TEST(DebtBucket, KeepsTheRateOverTime) {
  const SteadyTime start{};
  DebtBucket bucket;
  bucket.set_rate(1'000'000, start);
  SteadyTime now = start;
  std::uint64_t sent = 0;
  while (now < start + seconds(10)) {
    const Duration wait = bucket.wait(now);
    if (wait > Duration::zero()) {
      now += wait;
      continue;
    }
    bucket.spend(16384, now);
    sent += 16384;
  }
  EXPECT_NEAR(static_cast<double>(sent), 10e6, 0.05e6);
}

TEST(DebtBucket, SavesUpOnlyAShortBurst) {
  const SteadyTime start{};
  DebtBucket bucket;
  bucket.set_rate(1'000'000, start);
  const SteadyTime later = start + minutes(10);
  std::uint64_t burst = 0;
  while (bucket.wait(later) == Duration::zero()) {
    bucket.spend(1000, later);
    burst += 1000;
  }
  EXPECT_LE(burst, 60'000U);
}

TEST(DebtBucket, UnlimitedNeverWaitsAndAChangeForgives) {
  DebtBucket bucket;
  const SteadyTime now{};
  bucket.spend(1'000'000'000, now);
  EXPECT_EQ(bucket.wait(now), Duration::zero());
  bucket.set_rate(1000, now);
  bucket.spend(1'000'000, now);
  EXPECT_GT(bucket.wait(now), seconds(900));
  bucket.set_rate(2000, now);
  EXPECT_EQ(bucket.wait(now), Duration::zero());
  bucket.spend(1'000'000, now);
  bucket.set_rate(0, now);
  EXPECT_EQ(bucket.wait(now), Duration::zero());
}

TEST(Proxy, IsChosenAsConfiguredOrFromTheEnvironment) {
  std::map<std::string, std::string> variables = {{"http_proxy", "http://p:1"},
                                                  {"HTTP_PROXY", "http://evil"},
                                                  {"HTTPS_PROXY", "http://s:2"},
                                                  {"no_proxy", "localhost,.corp, 10.0.0.0/8 ,[::1]"}};
  const Environment environment = [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  const auto choose = [&](const char* configured, const char* url) {
    return choose_proxy(configured, *parse_url(url), environment);
  };
  EXPECT_EQ(choose("", "http://example.com/"), "http://p:1");
  EXPECT_EQ(choose("", "https://example.com/"), "http://s:2");
  EXPECT_EQ(choose("none", "http://example.com/"), "");
  EXPECT_EQ(choose("http://mine:3", "http://localhost/"), "http://mine:3");
  EXPECT_EQ(choose("", "http://localhost/"), "");
  EXPECT_EQ(choose("", "http://a.corp/"), "");
  EXPECT_EQ(choose("", "http://corp/"), "");
  EXPECT_EQ(choose("", "http://acorp/"), "http://p:1");
  EXPECT_EQ(choose("", "http://10.200.3.4/"), "");
  EXPECT_EQ(choose("", "http://11.0.0.1/"), "http://p:1");
  EXPECT_EQ(choose("", "http://[::1]/"), "");
  variables["no_proxy"] = "bücher.example";
  EXPECT_EQ(choose("", "http://xn--bcher-kva.example/"), "");
  EXPECT_EQ(choose("", "http://a.bücher.example/"), "");
  variables["no_proxy"] = "\xff";
  EXPECT_EQ(choose("", "http://example.com/"), "http://p:1");
  variables["no_proxy"] = "*";
  EXPECT_EQ(choose("", "http://example.com/"), "");
  variables = {{"HTTP_PROXY", "http://evil"}};
  EXPECT_EQ(choose("", "http://example.com/"), "") << "a CGI's request field";
  variables = {{"all_proxy", "socks5://q"}};
  EXPECT_EQ(choose("", "http://example.com/"), "socks5://q");
}

std::string find(const std::vector<Header>& headers, const std::string& name) {
  for (const Header& header : headers) {
    if (header.first == name) return header.second;
  }
  return "absent";
}

TEST(RequestRules, SendRangesWithTheirCondition) {
  const cache::Version both{"u", 100, "\"a\"", "Sun, 06 Nov 1994 08:49:37 GMT"};
  cache::Version dated = both;
  dated.etag.clear();
  RequestShape shape;
  shape.ranged = true;
  shape.offset = 10;
  shape.length = 5;
  shape.expected = &both;
  EXPECT_EQ(find(request_headers(shape), "Range"), "bytes=10-14");
  EXPECT_EQ(find(request_headers(shape), "If-Range"), "\"a\"");
  shape.expected = &dated;
  shape.length.reset();
  EXPECT_EQ(find(request_headers(shape), "Range"), "bytes=10-");
  EXPECT_EQ(find(request_headers(shape), "If-Range"), dated.last_modified);
  shape.ranged = false;
  EXPECT_EQ(find(request_headers(shape), "Range"), "absent");
  EXPECT_EQ(find(request_headers(shape), "If-Range"), "absent") << "only together with Range";
  EXPECT_EQ(find(request_headers(shape), "Cache-Control"), "absent");
  shape.no_cache = shape.want_digest = true;
  EXPECT_EQ(find(request_headers(shape), "Cache-Control"), "no-cache");
  EXPECT_EQ(find(request_headers(shape), "Want-Repr-Digest"), "sha-256=1");
}

TEST(RequestRules, WithoutAnEditionOrItsValidatorThereIsNoCondition) {
  const cache::Version nothing{"u", 100, "", ""};
  RequestShape shape;
  shape.ranged = true;
  EXPECT_EQ(find(request_headers(shape), "Range"), "bytes=0-");
  EXPECT_EQ(find(request_headers(shape), "If-Range"), "absent");
  EXPECT_EQ(request_headers(shape).size(), 1U);
  shape.expected = &nothing;
  EXPECT_EQ(find(request_headers(shape), "If-Range"), "absent");
}

TEST(RequestRules, AnotherPortIsAnotherSiteUnlessTlsIsAllThatChanges) {
  const auto same = [](const char* a, const char* b) { return same_site(*parse_url(a), *parse_url(b)); };
  EXPECT_TRUE(same("https://h:8443/", "https://h:8443/x"));
  EXPECT_FALSE(same("https://h/", "https://h:8443/"));
  EXPECT_FALSE(same("http://h/", "https://h:8443/"));
  EXPECT_FALSE(same("http://h:8080/", "https://h/"));
  EXPECT_FALSE(same("http://h:443/", "https://h/")) << "not where HTTP is without TLS";
  EXPECT_FALSE(same("https://h:80/", "http://h:443/"));
}

TEST(RequestRules, KeepCredentialsToTheirSite) {
  const auto same = [](const char* a, const char* b) { return same_site(*parse_url(a), *parse_url(b)); };
  EXPECT_TRUE(same("http://h/", "http://h/x"));
  EXPECT_TRUE(same("http://h/", "https://h/x"));
  EXPECT_FALSE(same("https://h/", "http://h/x"));
  EXPECT_FALSE(same("http://h/", "http://h:81/"));
  EXPECT_FALSE(same("http://h:8080/", "https://h:8443/"));
  EXPECT_FALSE(same("http://h/", "http://www.h/"));
  ConnectOptions options;
  options.user = "u";
  options.password = "p";
  options.client_certificate = options.client_key = "pem";
  options.proxy = "http://proxy";
  options.proxy_password = "q";
  options.ca_certificates = test::kAuthority;
  options.headers = {{"Authorization", "x"}, {"X-Anything", "y"}, {"Accept", "z"}};
  const auto stranger = options_for_stranger(options);
  EXPECT_FALSE(stranger->has_credentials());
  EXPECT_EQ(stranger->headers, (std::vector<Header>{{"Accept", "z"}}));
  EXPECT_EQ(stranger->proxy_password, "q");
  EXPECT_EQ(stranger->ca_certificates, test::kAuthority);
}

TEST(RequestRules, TakeCredentialsFromTheUrl) {
  const auto options = options_for(*parse_url("http://u:p@h/"), nullptr);
  EXPECT_EQ(options->user, "u");
  EXPECT_EQ(options->password, "p");
  EXPECT_TRUE(options->has_credentials());
  auto given = std::make_shared<ConnectOptions>();
  given->proxy = "http://proxy";
  EXPECT_EQ(options_for(*parse_url("http://h/"), given), given);
  const auto both = options_for(*parse_url("http://u:p@h/"), given);
  EXPECT_EQ(both->user + both->password + both->proxy, "uphttp://proxy");
  EXPECT_EQ(given->user, "") << "what others use too stays as it is";
  given->user = "mine";
  EXPECT_EQ(options_for(*parse_url("http://u:p@h/"), given), given) << "the job's own come first";
  EXPECT_FALSE(options_for(*parse_url("http://h/"), nullptr)->has_credentials());
}

TEST(ConnectOptions, KnowCredentials) {
  const auto with = [](const char* name) {
    ConnectOptions options;
    options.headers = {{name, "x"}};
    return options.has_credentials();
  };
  for (const char* name : {"Authorization", "COOKIE", "PRIVATE-TOKEN", "X-Api-Key", "X-Session-Id"})
    EXPECT_TRUE(with(name)) << name;
  for (const char* name : {"Accept", "User-Agent", "Referer"}) EXPECT_FALSE(with(name)) << name;
  ConnectOptions proxied;
  proxied.proxy_user = "u";
  EXPECT_FALSE(proxied.has_credentials()) << "the origin does not see them";
}

TEST(ConnectOptions, AreChecked) {
  const auto code = [](std::vector<Header> headers) {
    ConnectOptions options;
    options.headers = std::move(headers);
    const Status ok = check_connect_options(options);
    if (!ok) {
      EXPECT_EQ(ok.error().text().find("secret"), std::string::npos) << "values are not shown";
    }
    return ok.has_value();
  };
  EXPECT_TRUE(code({{"X-A", "b"}, {"Authorization", "Bearer secret"}}));
  EXPECT_TRUE(code({{"X-A", ""}}));
  for (const char* name : {"Range", "if-range", "HOST", "Content-Length", "TE", "Connection", "Accept-Encoding", "a b",
                           "", "a:b", "a\r\nb"}) {
    EXPECT_FALSE(code({{name, "secret"}})) << name;
  }
  EXPECT_FALSE(code({{"X-A", "secret\r\nEvil: 1"}}));
  EXPECT_FALSE(code({{"X-A", std::string(20000, 'x')}}));
  EXPECT_FALSE(code(std::vector<Header>(100, Header{"X", "y"})));
  ConnectOptions options;
  options.client_certificate = "-----BEGIN CERTIFICATE-----";
  EXPECT_FALSE(check_connect_options(options)) << "no key";
  options.client_key = "k";
  EXPECT_TRUE(check_connect_options(options));
}

// One code of libcurl stands for several causes; its words tell which, and the advice has to fit.
TEST(CurlErrors, AreToldApartByTheirWords) {
  const struct {
    CURLcode code;
    const char* text;
    ErrorCode expected;
    const char *says, *does_not_say;
  } rows[] = {
      {CURLE_RECV_ERROR, "Illegal or missing hexadecimal sequence in chunked-encoding", ErrorCode::bad_response,
       "hexadecimal", "closed the connection"},
      {CURLE_RECV_ERROR, "Too long hexadecimal number in chunked-encoding", ErrorCode::bad_response, "hexadecimal",
       "closed"},
      {CURLE_RECV_ERROR, "Malformed encoding found in chunked-encoding", ErrorCode::bad_response, "chunked", "closed"},
      {CURLE_RECV_ERROR, "Recv failure: Connection reset by peer", ErrorCode::connection_lost, "reset", "not HTTP"},
      {CURLE_BAD_FUNCTION_ARGUMENT, "A libcurl function was given a bad argument", ErrorCode::bad_response,
       "not HTTP as it should be", "libcurl:"},
      {CURLE_PEER_FAILED_VERIFICATION,
       "SSL: no alternative certificate subject name matches target host name 'a.example'",
       ErrorCode::certificate_rejected, "another name", "--ca-file"},
      {CURLE_PEER_FAILED_VERIFICATION, "SSL: certificate subject name 'b' does not match target host name 'a.example'",
       ErrorCode::certificate_rejected, "another name", "--ca-file"},
      {CURLE_PEER_FAILED_VERIFICATION, "SSL certificate problem: self-signed certificate",
       ErrorCode::certificate_rejected, "--ca-file", "another name"},
      {CURLE_PEER_FAILED_VERIFICATION, "SSL certificate problem: certificate has expired",
       ErrorCode::certificate_rejected, "clock", "--ca-file"},
  };
  for (const auto& row : rows) {
    CurlFailure failure;
    failure.code = row.code;
    failure.text = row.text;
    failure.host = "a.example";
    failure.requested = true;
    failure.head_complete = true;
    const auto status = curl_status(failure);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, row.expected) << row.text;
    EXPECT_NE(status.error().text().find(row.says), std::string::npos) << status.error().text();
    EXPECT_EQ(status.error().text().find(row.does_not_say), std::string::npos) << status.error().text();
  }
}

TEST(CurlErrors, AreTranslated) {
  struct Row {
    CURLcode code;
    bool head_complete, requested;
    long os_error, connect_status;
    ErrorCode expected;
  };
  const Row rows[] = {
      {CURLE_COULDNT_RESOLVE_HOST, false, false, 0, 0, ErrorCode::name_not_resolved},
      {CURLE_COULDNT_RESOLVE_PROXY, false, false, 0, 0, ErrorCode::name_not_resolved},
      {CURLE_COULDNT_CONNECT, false, false, ECONNREFUSED, 0, ErrorCode::connect_failed},
      {CURLE_COULDNT_CONNECT, false, false, ENETUNREACH, 0, ErrorCode::network_unreachable},
      {CURLE_COULDNT_CONNECT, false, false, EHOSTUNREACH, 0, ErrorCode::network_unreachable},
      {CURLE_OPERATION_TIMEDOUT, false, false, 0, 0, ErrorCode::timed_out},
      {CURLE_PARTIAL_FILE, true, true, 0, 0, ErrorCode::connection_lost},
      {CURLE_PARTIAL_FILE, false, true, 0, 0, ErrorCode::connection_lost},
      {CURLE_RECV_ERROR, true, true, 0, 0, ErrorCode::connection_lost},
      {CURLE_GOT_NOTHING, false, true, 0, 0, ErrorCode::connection_lost},
      {CURLE_HTTP2_STREAM, true, true, 0, 0, ErrorCode::connection_lost},
      {CURLE_WEIRD_SERVER_REPLY, false, true, 0, 0, ErrorCode::bad_response},
      {CURLE_OUT_OF_MEMORY, false, true, 0, 0, ErrorCode::bad_response},
      {CURLE_OUT_OF_MEMORY, true, true, 0, 0, ErrorCode::internal},
      {CURLE_PEER_FAILED_VERIFICATION, false, false, 0, 0, ErrorCode::certificate_rejected},
      {CURLE_SSL_CONNECT_ERROR, false, false, 0, 0, ErrorCode::tls_failed},
      {CURLE_SSL_CACERT_BADFILE, false, false, 0, 0, ErrorCode::invalid_argument},
      {CURLE_SSL_CERTPROBLEM, false, false, 0, 0, ErrorCode::invalid_argument},
      {CURLE_RECV_ERROR, false, false, 0, 407, ErrorCode::proxy_unauthorized},
      {CURLE_RECV_ERROR, false, false, 0, 403, ErrorCode::http_fatal},
      {CURLE_RECV_ERROR, false, false, 0, 503, ErrorCode::http_transient},
  };
  for (const Row& row : rows) {
    CurlFailure failure;
    failure.code = row.code;
    failure.host = "h";
    failure.head_complete = row.head_complete;
    failure.requested = row.requested;
    failure.os_error = row.os_error;
    failure.connect_status = row.connect_status;
    EXPECT_EQ(curl_status(failure).error().code, row.expected) << curl_easy_strerror(row.code);
  }
  EXPECT_TRUE(curl_status({}));
}

}  // namespace
}  // namespace larder::origin
