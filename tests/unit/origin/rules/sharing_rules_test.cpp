// The rule of what may be shared, held against its table: every way to ask × every way to answer. What is expected is
// said here, row by row; docs/decisions/0030-what-is-shared.md has the same table for people.
#include "origin/rules/sharing_rules.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "origin/http/http_fields.h"
#include "origin/origin.h"
#include "origin/rules/edition.h"

namespace larder::origin {
namespace {

const std::string kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
const Header kTag = {"etag", "\"a\""};

struct Asking {
  std::string name;
  std::string url;
  ConnectOptions options;
  UrlPolicy policy;
};

Asking plain() {
  return {"", "https://h.example/x", {}, {}};
}

Asking with(std::string name, const std::function<void(Asking&)>& change) {
  Asking asking = plain();
  asking.name = std::move(name);
  change(asking);
  return asking;
}

Asking with_header(const std::string& name) {
  return with("header " + name, [&name](Asking& a) { a.options.headers = {{name, "v"}}; });
}

Asking with_url(const std::string& url) {
  return with(url, [&url](Asking& a) { a.url = url; });
}

struct AskingRow {
  Asking asking;
  Privacy expected = Privacy::shareable;  // whatever the answer
  std::string header;                     // that may choose the content: an answer whose Vary names it is private
};

std::vector<AskingRow> ways_to_ask() {
  using P = Privacy;
  std::vector<AskingRow> rows = {
      {with("nothing of its own", [](Asking&) {}), P::shareable, ""},
      {with("time-outs", [](Asking& a) { a.options.stall_timeout = std::chrono::seconds(1); }), P::shareable, ""},
      {with("the configured proxy", [](Asking& a) { a.options.proxy = "http://proxy:1"; }), P::shareable, ""},
      {with("the configured authorities", [](Asking& a) { a.options.ca_certificates = "PEM"; }), P::shareable, ""},
      {with("its own proxy", [](Asking& a) { a.options.callers_proxy = true; }), P::callers_proxy, ""},
      {with("a user for the proxy", [](Asking& a) { a.options.proxy_user = "u"; }), P::callers_proxy, ""},
      {with("a password for the proxy", [](Asking& a) { a.options.proxy_password = "p"; }), P::callers_proxy, ""},
      {with("its own authorities", [](Asking& a) { a.options.callers_authorities = true; }), P::callers_authorities,
       ""},
      {with("a certificate", [](Asking& a) { a.options.client_certificate = "pem"; }), P::client_certificate, ""},
      {with("a key", [](Asking& a) { a.options.client_key = "pem"; }), P::client_certificate, ""},
      {with("a user", [](Asking& a) { a.options.user = "u"; }), P::credentials, ""},
      {with("a password", [](Asking& a) { a.options.password = "p"; }), P::credentials, ""},
      {with_url("https://u:p@h.example/x"), P::credentials, ""},
      {with_url("https://u@h.example/x"), P::credentials, ""},
      {with("HTTP/1.0", [](Asking& a) { a.options.http = ConnectOptions::Http::http1_0; }), P::callers_http_version,
       ""},
      {with("HTTP/1.1", [](Asking& a) { a.options.http = ConnectOptions::Http::http1_1; }), P::callers_http_version,
       ""},
      {with("HTTP/2", [](Asking& a) { a.options.http = ConnectOptions::Http::http2; }), P::callers_http_version, ""},
      {with("a private host",
            [](Asking& a) {
              a.policy.sharing.private_hosts = {"other", "H.example"};
            }),
       P::private_host, ""},
      {with("a private domain", [](Asking& a) { a.policy.sharing.private_hosts = {"*.example"}; }), P::private_host,
       ""},
      {with("another private host", [](Asking& a) { a.policy.sharing.private_hosts = {"g.example"}; }), P::shareable,
       ""},
      {with_url("https://h.example/x?sig=1"), P::signed_query, ""},
      {with_url("https://h.example/x?a=1&X-Amz-Signature=1"), P::signed_query, ""},
      {with_url("https://h.example/x?version=2"), P::shareable, ""},
      {with_url("https://h.example/x;jsessionid=1?a=b"), P::signed_query, ""},
      {with_url("https://h.example/x;token=1/y"), P::signed_query, ""},
      {with_url("https://h.example/x;v=1/sig"), P::shareable, ""},
      {with_url("http://127.0.0.1:8000/x"), P::loopback_answer, ""},
      {with_url("http://localhost/x"), P::loopback_answer, ""},
      {with_url("http://[::1]/x"), P::loopback_answer, ""},
      {with_url("http://[::ffff:127.0.0.1]/x"), P::loopback_answer, ""},
      {with_url("http://169.254.169.254/x"), P::loopback_answer, ""},
      {with_url("http://[fe80::1]/x"), P::loopback_answer, ""},
      {with_url("http://0.0.0.0/x"), P::loopback_answer, ""},
      {with_url("http://192.168.1.1/x"), P::shareable, ""},
      {with_url("http://10.0.0.1/x"), P::shareable, ""},
      {with_url("http://[fd00::1]/x"), P::shareable, ""},
      {with("loopback that is shared",
            [](Asking& a) {
              a.url = "http://127.0.0.1/x";
              a.policy.sharing.share_loopback = true;
            }),
       P::shareable, ""},
  };
  for (const char* name : {"Accept", "ACCEPT-Language", "User-Agent"}) {
    rows.push_back({with_header(name), P::shareable, lower_case(name)});
  }
  for (const char* name : {"Authorization", "Cookie", "X-Api-Key", "PRIVATE-TOKEN", "X-Jwt-Assertion-Token"}) {
    rows.push_back({with_header(name), P::credentials, ""});
  }
  for (const char* name : {"X-Jwt-Assertion", "Cf-Access-Jwt-Assertion", "X-Goog-IAP-JWT-Assertion", "X-Signature",
                           "X-Pass", "X-Rewrite-URL", "X-Original-URL", "X-Forwarded-Host", "Forwarded", "Referer",
                           "Origin", "Cache-Control", "Accept-Charset", "Prefer", "DPR", "Via", "X"}) {
    rows.push_back({with_header(name), P::callers_header, ""});
  }
  return rows;
}

struct AnswerRow {
  std::string name;
  Privacy expected = Privacy::shareable;  // where the request says nothing
  std::vector<Header> headers;
  std::set<std::string> varies;  // a caller's header of these names makes it Privacy::varies
  std::vector<std::string> redirects_vary;
  bool local_address = false;
  bool private_host = false;
};

std::vector<AnswerRow> ways_to_answer() {
  using P = Privacy;
  const Header dated = {"last-modified", kDate};
  std::vector<AnswerRow> rows = {
      {"a tag", P::shareable, {kTag}},
      {"a date", P::shareable, {dated}},
      {"a date of some time ago", P::shareable, {dated, {"date", "Sun, 06 Nov 1994 08:49:38 GMT"}}},
      {"a fresh date with a tag", P::shareable, {kTag, dated, {"date", kDate}}},
      {"public", P::shareable, {kTag, {"cache-control", "public, max-age=60"}}},
      {"no-cache", P::shareable, {kTag, {"cache-control", "max-age=0, no-cache, must-revalidate"}}},
      {"a directive that only looks alike", P::shareable, {kTag, {"cache-control", "no-storee, privateer=1"}}},
      {"no-store", P::says_no_store, {kTag, {"cache-control", "no-store"}}},
      {"no-store in capitals", P::says_no_store, {kTag, {"cache-control", "public, NO-STORE"}}},
      {"no-store without commas", P::says_no_store, {kTag, {"cache-control", "public no-store"}}},
      {"no-store in a second field",
       P::says_no_store,
       {kTag, {"cache-control", "public"}, {"cache-control", "no-store"}}},
      {"private", P::says_private, {kTag, {"cache-control", "private"}}},
      {"private for a field", P::says_private, {kTag, {"cache-control", "max-age=60, private=\"x\""}}},
      {"private and public", P::says_private, {kTag, {"cache-control", "public, private"}}},
      {"a cookie", P::sets_cookie, {kTag, {"set-cookie", "a=b"}}},
      {"a cookie, public", P::sets_cookie, {kTag, {"set-cookie", "a=b"}, {"cache-control", "public, max-age=60"}}},
      {"a cookie of old", P::sets_cookie, {kTag, {"set-cookie2", "a=b"}}},
      {"Vary: *", P::varies_by_everything, {kTag, {"vary", "*"}}},
      {"Vary: Accept, *", P::varies_by_everything, {kTag, {"vary", "Accept, *"}}, {"accept"}},
      {"Vary: Accept-Encoding", P::shareable, {kTag, {"vary", "Accept-Encoding"}}},
      {"Vary: Accept", P::shareable, {kTag, {"vary", "accept-encoding,ACCEPT"}}, {"accept"}},
      {"Vary: User-Agent", P::shareable, {kTag, {"vary", "Origin"}, {"vary", "user-agent"}}, {"user-agent"}},
      {"Vary: all three",
       P::shareable,
       {kTag, {"vary", "Accept, Accept-Language, User-Agent"}},
       {"accept", "accept-language", "user-agent"}},
      {"Vary: Cookie, Authorization", P::shareable, {kTag, {"vary", "Cookie, Authorization"}}},
      {"a redirect's Vary", P::shareable, {kTag}, {"accept-language"}, {"accept-language"}},
      {"a redirect's Vary: *", P::varies_by_everything, {kTag}, {}, {"*"}},
      {"a coding", P::coded, {kTag, {"content-encoding", "gzip"}}},
      {"what is no coding", P::shareable, {kTag, {"content-encoding", "none"}}},
      {"nothing to know it by", P::no_validator, {}},
      {"a weak tag", P::weak_etag, {{"etag", "W/\"a\""}}},
      {"a weak tag and a date", P::shareable, {{"etag", "W/\"a\""}, dated}},
      {"two tags", P::weak_etag, {kTag, {"etag", "\"b\""}}},
      {"a fresh date", P::weak_date, {dated, {"date", kDate}}},
      {"from this machine", P::loopback_answer, {kTag}, {}, {}, true},
      {"no-store from this machine", P::says_no_store, {kTag, {"cache-control", "no-store"}}, {}, {}, true},
      {"a private host's", P::private_host, {kTag}, {}, {}, false, true},
  };
  std::string long_vary;
  for (int i = 0; i < 100; ++i) long_vary += "x-" + std::to_string(i) + ", ";
  rows.push_back({"a long Vary", P::shareable, {kTag, {"vary", long_vary + "Accept"}}, {"accept"}});
  std::string long_control;
  for (int i = 0; i < 100; ++i) long_control += "x" + std::to_string(i) + "=1, ";
  rows.push_back({"a long Cache-Control", P::says_no_store, {kTag, {"cache-control", long_control + "no-store"}}});
  return rows;
}

Target target_of(const Asking& asking) {
  Target target;
  const auto url = parse_url(asking.url);
  EXPECT_TRUE(url) << asking.url;
  if (url) target.url = *url;
  target.options = std::make_shared<ConnectOptions>(asking.options);
  target.policy = std::make_shared<UrlPolicy>(asking.policy);
  return target;
}

Edition edition_for(const Asking& asking, const AnswerRow& answer) {
  const Target target = target_of(asking);
  HttpHead head;
  head.status = 200;
  head.headers = answer.headers;
  AnswerContext context;
  context.url = context.effective_url = target.url.canonical();
  context.request = request_facts(target);
  context.redirects_vary = answer.redirects_vary;
  context.local_address = answer.local_address;
  context.private_host = answer.private_host;
  context.now = from_unix_ns(1'780'000'000'000'000'000);
  return edition_of(head, 10, context);
}

Privacy expected_of(const AskingRow& asking, const AnswerRow& answer) {
  const bool by_request = asking.expected != Privacy::shareable && asking.expected != Privacy::loopback_answer;
  const bool by_host = answer.private_host;
  // A private host goes before nothing of the request but what is before it: all of them are.
  if (by_request) return asking.expected;
  if (by_host) return Privacy::private_host;
  const bool varies = !asking.header.empty() && answer.varies.contains(asking.header);
  const bool is_local = answer.expected == Privacy::loopback_answer;
  if (varies && (answer.expected == Privacy::shareable || answer.expected == Privacy::varies_by_everything || is_local))
    return Privacy::varies;
  if (is_local && asking.asking.policy.sharing.share_loopback) return Privacy::shareable;
  if (answer.expected != Privacy::shareable) return answer.expected;
  return asking.expected;
}

TEST(SharingRules, EveryWayToAskByEveryAnswer) {
  std::size_t pairs = 0;
  for (const AskingRow& asking : ways_to_ask()) {
    const Privacy before = privacy_before_answer(target_of(asking.asking));
    EXPECT_EQ(privacy_info(before).code, privacy_info(asking.expected).code) << asking.asking.name;
    for (const AnswerRow& answer : ways_to_answer()) {
      const Edition edition = edition_for(asking.asking, answer);
      const Privacy expected = expected_of(asking, answer);
      EXPECT_EQ(privacy_info(edition.privacy).code, privacy_info(expected).code)
          << asking.asking.name << " × " << answer.name;
      EXPECT_LE(reach_of(edition.privacy), reach_of(before)) << "an answer makes nothing public";
      EXPECT_EQ(edition.shareable(), expected == Privacy::shareable || expected == Privacy::loopback_answer);
      ++pairs;
    }
  }
  EXPECT_EQ(pairs, ways_to_ask().size() * ways_to_answer().size());
}

TEST(SharingRules, TwoReasonsTellTheFirst) {
  Asking asking = plain();
  asking.options.callers_proxy = true;
  asking.options.user = "u";
  asking.url = "http://127.0.0.1/x?sig=1";
  EXPECT_EQ(privacy_before_answer(target_of(asking)), Privacy::callers_proxy);
  asking.options.callers_proxy = false;
  EXPECT_EQ(privacy_before_answer(target_of(asking)), Privacy::credentials);
  asking.options.user.clear();
  EXPECT_EQ(privacy_before_answer(target_of(asking)), Privacy::signed_query);
}

TEST(SharingRules, ARedirectToThisMachineThatTheCallerAloneAllows) {
  RequestFacts request;
  AnswerFacts answer;
  answer.has_validator = answer.local_address = true;
  EXPECT_EQ(privacy_of(request, &answer), Privacy::loopback_answer);
  request.callers_redirect = true;
  EXPECT_EQ(privacy_of(request, &answer), Privacy::callers_redirect);
  request.local_host = true;
  EXPECT_EQ(privacy_of(request, &answer), Privacy::loopback_answer) << "it asked for this machine itself";
  request.local_host = answer.local_address = false;
  EXPECT_EQ(privacy_of(request, &answer), Privacy::shareable) << "no redirect led here";
}

TEST(SharingRules, WhoseEndNobodyAnnouncedIsPrivate) {
  AnswerFacts answer;
  answer.has_validator = true;
  EXPECT_EQ(privacy_of({}, &answer), Privacy::shareable);
  answer.end_announced = false;
  EXPECT_EQ(privacy_of({}, &answer), Privacy::end_not_announced);
}

TEST(SharingRules, WhatAProxyChangedIsPrivate) {
  AnswerFacts answer;
  answer.has_validator = answer.transformed = true;
  EXPECT_EQ(privacy_of({}, &answer), Privacy::transformed);
}

TEST(SharingRules, ReasonsHaveNames) {
  std::set<std::string_view> codes;
  for (std::size_t i = 0; i < kPrivacies; ++i) {
    const auto privacy = static_cast<Privacy>(i);
    const PrivacyInfo& info = privacy_info(privacy);
    EXPECT_TRUE(codes.insert(info.code).second) << info.code;
    EXPECT_EQ(privacy_from_code(info.code), privacy);
    EXPECT_EQ(info.text.empty(), privacy == Privacy::shareable);
    EXPECT_EQ(info.key.empty(), info.advice.empty()) << info.code;
    EXPECT_EQ(privacy_note(privacy).find(info.text) == std::string::npos, false);
  }
  EXPECT_EQ(privacy_from_code("nonsense"), std::nullopt);
  EXPECT_EQ(privacy_note(Privacy::shareable), "");
  EXPECT_EQ(privacy_note(Privacy::says_no_store), "not shared: the origin says no-store");
  EXPECT_NE(privacy_note(Privacy::callers_proxy).find("origin.proxy"), std::string::npos);
  EXPECT_NE(privacy_note(Privacy::callers_authorities).find("origin.ca_file"), std::string::npos);
  EXPECT_EQ(privacy_note(Privacy::loopback_answer).find("not offered to neighbours: "), 0U);
}

// Codes are the API's, notes are what people read. The table stands here once more so that no two are exchanged.
TEST(SharingRules, ReasonsAreToldSo) {
  using P = Privacy;
  const struct {
    P privacy;
    Reach reach;
    const char* code;
    const char* note;
  } rows[] = {
      {P::shareable, Reach::everybody, "shareable", ""},
      {P::callers_proxy, Reach::own_job, "callers_proxy",
       "not shared: the job names a proxy of its own, or a user for one (origin.proxy in the agent's configuration: "
       "what comes over the configured proxy is shared)"},
      {P::callers_authorities, Reach::own_job, "callers_authorities",
       "not shared: the job names certificate authorities of its own (origin.ca_file in the agent's configuration: "
       "what the configured authorities vouch for is shared)"},
      {P::client_certificate, Reach::own_job, "client_certificate",
       "not shared: the request shows a client certificate"},
      {P::credentials, Reach::own_job, "credentials", "not shared: the request carries credentials or cookies"},
      {P::callers_header, Reach::own_job, "callers_header",
       "not shared: the job sends a header other than Accept, Accept-Language and User-Agent"},
      {P::callers_http_version, Reach::own_job, "callers_http_version",
       "not shared: the job chooses the version of HTTP"},
      {P::signed_query, Reach::own_job, "signed_query", "not shared: the URL looks signed, or as if it held a token"},
      {P::private_host, Reach::own_job, "private_host",
       "not shared: the configuration shares nothing of this host (origin.private_hosts in the agent's configuration: "
       "hosts that are not listed there are shared)"},
      {P::two_urls, Reach::own_job, "two_urls", "not shared: its bytes came from more than one URL"},
      {P::private_beginning, Reach::own_job, "private_beginning",
       "not shared: an earlier attempt of the job was not shared"},
      {P::callers_redirect, Reach::own_job, "callers_redirect",
       "not shared: a redirect led to this machine, which the job alone allows (origin.redirect_to_loopback in the "
       "agent's configuration: redirects that the configuration follows are shared)"},
      {P::says_no_store, Reach::own_job, "says_no_store", "not shared: the origin says no-store"},
      {P::says_private, Reach::own_job, "says_private", "not shared: the origin says private"},
      {P::sets_cookie, Reach::own_job, "sets_cookie", "not shared: the origin sets a cookie with it"},
      {P::varies, Reach::own_job, "varies", "not shared: the origin says Vary about a header that the job sends"},
      {P::varies_by_everything, Reach::own_job, "varies_by_everything", "not shared: the origin says Vary: *"},
      {P::coded, Reach::own_job, "coded", "not shared: the origin sends it in a coding that nobody asked for"},
      {P::transformed, Reach::own_job, "transformed", "not shared: a proxy says that it changed the file (203)"},
      {P::end_not_announced, Reach::own_job, "end_not_announced", "not shared: the origin does not say where it ends"},
      {P::no_validator, Reach::own_job, "no_validator", "not shared: the origin gives neither ETag nor Last-Modified"},
      {P::weak_etag, Reach::own_job, "weak_etag", "not shared: the origin gives only a weak ETag and no Last-Modified"},
      {P::weak_date, Reach::own_job, "weak_date",
       "not shared: the origin modified it within the last second and gives no strong ETag"},
      {P::loopback_answer, Reach::this_machine, "loopback_answer",
       "not offered to neighbours: it comes from this machine or its link (origin.share_loopback in the agent's "
       "configuration: true offers such contents too)"},
  };
  ASSERT_EQ(std::size(rows), kPrivacies);
  for (const auto& row : rows) {
    EXPECT_EQ(privacy_info(row.privacy).code, row.code);
    EXPECT_EQ(reach_of(row.privacy), row.reach) << row.code;
    EXPECT_EQ(privacy_note(row.privacy), row.note);
  }
}

TEST(SharingRules, TheSmallerCircleCounts) {
  EXPECT_EQ(stricter(Privacy::shareable, Privacy::loopback_answer), Privacy::loopback_answer);
  EXPECT_EQ(stricter(Privacy::varies, Privacy::loopback_answer), Privacy::varies);
  EXPECT_EQ(stricter(Privacy::varies, Privacy::two_urls), Privacy::varies);
}

TEST(SignedQuery, IsKnownByItsNames) {
  for (const char* query : {"X-Amz-Algorithm=AWS4-HMAC-SHA256",
                            "x-amz-signature=1",
                            "X-AMZ-Security-Token=1",
                            "X-Goog-Signature=1",
                            "x-goog-credential=1",
                            "sig=1",
                            "SIG=1",
                            "Signature=1",
                            "signature",
                            "se=2026&sp=r",
                            "sp=r",
                            "sv=2022-11-02",
                            "sr=b",
                            "a=b&token=1",
                            "access_token=1",
                            "accessToken=1",
                            "Access-Token=1",
                            "refresh_token",
                            "auth_token=",
                            "Expires=1&Key-Pair-Id=K&Policy=x",
                            "Key-Pair-Id=K",
                            "Policy=x",
                            "AWSAccessKeyId=A&Expires=1&Signature=s",
                            "GoogleAccessId=a",
                            "OSSAccessKeyId=x",
                            "apikey=1",
                            "api_key=1",
                            "api-key=1",
                            "key=1",
                            "password=1",
                            "passwd=1",
                            "pwd=1",
                            "secret=1",
                            "client_secret=1",
                            "jwt=1",
                            "session=1",
                            "PHPSESSID=1",
                            "oauth_nonce=1",
                            "hmac=1",
                            "hdnts=exp=1~hmac=2",
                            "hdnea=1",
                            "md5=a&expires=1",
                            "auth=1",
                            "auth_key=1-0-0-md5",
                            "wsSecret=1",
                            "edition_id=City&license_key=1",
                            "dl=1&rlkey=1",
                            "resourcekey=0-a",
                            "UniqueId=1&tempauth=1",
                            "ex=1&is=2&hm=3",
                            "download-key=1",
                            "userpass=1",
                            "pw=1",
                            "q-sign-algorithm=sha1",
                            "q-ak=A",
                            "ticket=1",
                            "code=1",
                            "%73ig=1",
                            "X%2DAmz%2dSignature=1",
                            "t%6Fken=1",
                            "%74%6f%6b%65%6e",
                            "a=1;sig=2",
                            "token[]=1",
                            "params[token]=1",
                            "x=eyJhbGciOi.eyJzdWIi.c2ln",
                            "eyJhbGciOi.eyJzdWIi.c2ln",
                            "x=%65yJhbGciOi.eyJzdWIi.c2ln",
                            "a=b&&&sig=1",
                            "sig=1&a=b"}) {
    EXPECT_TRUE(is_signed_query(query)) << query;
  }
}

TEST(SignedQuery, IsNotEveryQuery) {
  for (const char* query : {"",
                            "v=1",
                            "version=1.2.3",
                            "file=a.iso",
                            "raw=true",
                            "download=1",
                            "ref=main",
                            "path=sig/a.txt",
                            "q=token",
                            "filename=signature.txt",
                            "arch=amd64&os=linux",
                            "design=x",
                            "author=me",
                            "page=2",
                            "lang=de",
                            "id=7",
                            "dl=1&type=zip",
                            "x=eyJ.only.three.dots.x",
                            "a=%",
                            "=",
                            "&",
                            "%zz=1",
                            "signal=1",
                            "keyword=x",
                            "tag=v1.0",
                            "b=1&c"}) {
    EXPECT_FALSE(is_signed_query(query)) << query;
  }
}

TEST(VaryNames, AreAllOfThem) {
  EXPECT_EQ(vary_names({{"vary", " Accept ,,accept, Origin"}, {"x", "y"}, {"vary", "*"}}),
            (std::vector<std::string>{"accept", "origin", "*"}));
  EXPECT_TRUE(vary_names({}).empty());
}

}  // namespace
}  // namespace larder::origin
