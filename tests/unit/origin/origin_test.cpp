// Origin over a scripted HttpClient: what it asks, whom it believes, what it tells.
#include "origin/origin.h"

#include <gtest/gtest.h>

#include "tests/support/virtual_loop.h"
#include "tests/unit/origin/scripted_http.h"

namespace larder::origin {
namespace {

const Header kTag = {"etag", "\"a\""};
const Header kOther = {"etag", "\"b\""};
const Header kBytes = {"accept-ranges", "bytes"};
const Header kStale = {"x-cache", "HIT from proxy.example"};

Header length(std::size_t n) {
  return {"content-length", std::to_string(n)};
}
Header range(std::uint64_t first, std::uint64_t last, std::uint64_t total) {
  return {"content-range", "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(total)};
}

class Recorder final : public FetchEvents {
 public:
  void on_edition(const Edition& e, std::uint64_t o) override {
    EXPECT_FALSE(status) << "after the end";
    editions.push_back(e);
    offset = o;
    if (at_edition) at_edition();
  }
  void on_data(Buffer buffer) override {
    EXPECT_FALSE(status) << "after the end";
    EXPECT_FALSE(editions.empty()) << "data before the edition";
    bytes += buffer.size();
    if (at_data) at_data();
  }
  void on_done(Status s) override {
    EXPECT_FALSE(status) << "done twice";
    status = std::move(s);
  }
  [[nodiscard]] std::optional<ErrorCode> code() const {
    if (!status || *status) return std::nullopt;
    return status->error().code;
  }

  std::vector<Edition> editions;
  std::uint64_t offset = 999;
  std::size_t bytes = 0;
  std::optional<Status> status;
  std::function<void()> at_edition, at_data;
};

class OriginTest : public ::testing::Test {
 protected:
  FetchId fetch(std::optional<cache::Version> expected = {}, std::uint64_t offset = 0,
                std::optional<std::uint64_t> bytes = {}, bool no_cache = false) {
    recorder = std::make_shared<Recorder>();
    Fetch request;
    request.target = target();
    request.expected = std::move(expected);
    request.offset = offset;
    request.length = bytes;
    request.no_cache = no_cache;
    const FetchId id = origin->fetch(request, recorder);
    loop.run_ready();
    return id;
  }
  FetchId probe() {
    probed.reset();
    const FetchId id = origin->probe(target(), [this](Result<Edition> edition) {
      EXPECT_FALSE(probed) << "done twice";
      probed = std::move(edition);
    });
    loop.run_ready();
    return id;
  }
  void forget() { origin = make_origin(http, loop.runtime()); }  // of which hosts what is known
  Target target() {
    return {*parse_url(url), std::make_shared<ConnectOptions>(options), std::make_shared<UrlPolicy>(policy)};
  }
  static cache::Version version(std::optional<std::uint64_t> size = 1000) {
    return {"http://h.example/x", size, "\"a\"", ""};
  }

  test::VirtualLoop loop;
  ScriptedHttp http{loop};
  std::unique_ptr<Origin> origin = make_origin(http, loop.runtime());
  std::string url = "http://h.example/x";
  ConnectOptions options;
  UrlPolicy policy;
  std::shared_ptr<Recorder> recorder;
  std::optional<Result<Edition>> probed;
};

TEST_F(OriginTest, ProbesWithHead) {
  probe();
  EXPECT_TRUE(http.last().head);
  EXPECT_EQ(http.sent("Cache-Control"), "no-cache");
  EXPECT_EQ(http.sent("Want-Repr-Digest"), "sha-256=1");
  EXPECT_EQ(http.sent("Range"), "absent");
  http.answer(200, {kTag, kBytes, length(1000)});
  ASSERT_TRUE(probed && *probed);
  EXPECT_EQ((*probed)->version, version());
  EXPECT_TRUE((*probed)->ranges);
  EXPECT_EQ(http.requests_.size(), 1U);
}

TEST_F(OriginTest, ProbesWithGetWhereHeadIsRefusedOrUseless) {
  struct Row {
    int status;
    std::vector<Header> headers;
  };
  const Row rows[] = {{405, {}},
                      {403, {}},
                      {404, {}},
                      {501, {}},
                      {500, {}},
                      {200, {kTag}},
                      {200, {kTag, length(0)}},
                      {200, {kTag, {"content-length", "-1"}}},
                      {200, {kTag, length(5), {"content-encoding", "gzip"}}},
                      {200, {kTag, length(5), {"transfer-encoding", "chunked"}}},
                      {200, {kTag, length(5), {"transfer-encoding", "gzip, chunked"}}}};
  for (const Row& row : rows) {
    forget();
    probe();
    http.head(row.status, row.headers);
    EXPECT_FALSE(http.last().head) << row.status;
    EXPECT_EQ(http.sent("Range"), "bytes=0-0");
    EXPECT_EQ(http.sent("If-Range"), "absent");
    http.answer(206, {kTag, range(0, 0, 1000), length(1)}, 1);
    ASSERT_TRUE(probed && *probed) << row.status;
    EXPECT_EQ((*probed)->version, version());
  }
}

TEST_F(OriginTest, ProbeReportsTheGetsError) {
  probe();
  http.head(404, {});
  http.head(404, {});
  ASSERT_TRUE(probed && !*probed);
  EXPECT_EQ(probed->error().code, ErrorCode::http_fatal);
  probe();
  http.head(503, {});
  http.head(503, {{"retry-after", "9"}});
  ASSERT_TRUE(probed && !*probed);
  EXPECT_EQ(probed->error().code, ErrorCode::http_transient);
  EXPECT_EQ(probed->error().retry_after, std::chrono::seconds(9));
  EXPECT_NE(probed->error().text().find("cannot probe http://h.example/x"), std::string::npos);
}

TEST_F(OriginTest, FirstGetIsTheProbe) {
  fetch();
  EXPECT_EQ(http.sent("Range"), "absent");
  EXPECT_EQ(http.sent("Want-Repr-Digest"), "sha-256=1");
  http.answer(200, {kTag, kBytes, length(10)}, 10);
  ASSERT_TRUE(recorder->status && *recorder->status);
  EXPECT_EQ(recorder->editions.at(0).version.size, 10U);
  EXPECT_EQ(recorder->bytes, 10U);
}

TEST_F(OriginTest, FetchesRangesOfAVersion) {
  fetch(version(), 100, 50);
  EXPECT_EQ(http.sent("Range"), "bytes=100-149");
  EXPECT_EQ(http.sent("If-Range"), "\"a\"");
  EXPECT_EQ(http.sent("Want-Repr-Digest"), "absent");
  http.answer(206, {kTag, range(100, 149, 1000)}, 50);
  ASSERT_TRUE(recorder->status && *recorder->status);
  EXPECT_EQ(recorder->offset, 100U);
  EXPECT_EQ(recorder->bytes, 50U);
}

TEST_F(OriginTest, AsksForTheWholeWithoutRange) {
  fetch(version(), 0, 1000);
  EXPECT_EQ(http.sent("Range"), "absent");
  http.answer(200, {kTag, length(1000)}, 1000);
  EXPECT_TRUE(recorder->status && *recorder->status);
}

TEST_F(OriginTest, TellsWhenRangesAreIgnored) {
  fetch(version(), 100, 50);
  http.answer(200, {kTag, length(1000)}, 1000);
  EXPECT_EQ(recorder->offset, 0U);
  EXPECT_TRUE(recorder->editions.at(0).one_stream);
  EXPECT_TRUE(recorder->status && *recorder->status);
}

TEST_F(OriginTest, LetsNoByteOfAnotherEditionThrough) {
  fetch(version(), 100, 50);
  http.answer(200, {kOther, length(1000)}, 1000);
  EXPECT_EQ(recorder->code(), ErrorCode::version_changed);
  EXPECT_TRUE(recorder->editions.empty());
  EXPECT_EQ(recorder->bytes, 0U);
  EXPECT_FALSE(http.open());
}

TEST_F(OriginTest, DoesNotBelieveAHeadTwiceThatTheGetContradicted) {
  fetch(version(), 0);
  http.answer(200, {kTag, length(999)}, 999);
  EXPECT_EQ(recorder->code(), ErrorCode::version_changed);
  probe();
  EXPECT_FALSE(http.last().head);
  EXPECT_EQ(http.sent("Range"), "bytes=0-0");
}

TEST_F(OriginTest, HoldsTheBodyAgainstItsLength) {
  fetch(version(), 100, 50);
  http.head(206, {kTag, range(100, 149, 1000)});
  http.data(40);
  http.done();
  EXPECT_EQ(recorder->code(), ErrorCode::connection_lost);
  fetch(version(), 100, 50);
  http.head(206, {kTag, range(100, 149, 1000)});
  http.data(51);
  EXPECT_EQ(recorder->code(), ErrorCode::bad_response);
  EXPECT_EQ(recorder->bytes, 0U);
  EXPECT_FALSE(http.open());
  fetch(version(1000));  // chunked, but the size is known
  http.head(200, {kTag, {"transfer-encoding", "chunked"}});
  http.data(999);
  http.done();
  EXPECT_EQ(recorder->code(), ErrorCode::connection_lost);
}

TEST_F(OriginTest, ErrorsOfTheConnectionPassOn) {
  fetch();
  http.done(fail(ErrorCode::connect_failed, "x", "h.example does not take the connection"));
  ASSERT_EQ(recorder->code(), ErrorCode::connect_failed);
  EXPECT_EQ(recorder->status->error().text(),
            "cannot fetch http://h.example/x: h.example does not take the connection");
}

TEST_F(OriginTest, AsksPastACacheThatNamesItselfOnce) {
  fetch(version(), 100, 50);
  http.head(200, {kOther, length(1000), kStale});
  EXPECT_EQ(http.requests_.size(), 2U);
  EXPECT_EQ(http.sent("Cache-Control"), "no-cache");
  EXPECT_EQ(http.sent("If-Range"), "\"a\"");
  http.answer(206, {kTag, range(100, 149, 1000)}, 50);
  EXPECT_TRUE(recorder->status && *recorder->status);
  EXPECT_EQ(recorder->bytes, 50U);
}

TEST_F(OriginTest, NamesACacheThatStaysStale) {
  fetch(version(), 100, 50);
  http.head(200, {kOther, length(1000), kStale});
  http.head(200, {kOther, length(1000), kStale});
  EXPECT_TRUE(http.last().head) << "what does the origin itself say?";
  http.head(200, {kTag, length(1000)});
  EXPECT_EQ(recorder->code(), ErrorCode::stale_proxy);
  EXPECT_NE(recorder->status->error().text().find("proxy.example"), std::string::npos);
  EXPECT_EQ(http.requests_.size(), 3U);
  EXPECT_FALSE(http.open());
}

TEST_F(OriginTest, BlamesNoCacheForARealChange) {
  for (const Header& now : {kOther, kTag}) {
    fetch(version(), 100, 50);
    http.head(200, {kOther, length(1000), kStale});
    http.head(200, {kOther, length(1000), kStale});
    http.head(200, {now, length(now == kTag ? 999U : 1000U)});
    EXPECT_EQ(recorder->code(), ErrorCode::version_changed);
  }
  fetch(version(), 100, 50);
  http.head(200, {kOther, length(1000), {"x-cache", "MISS from proxy.example"}});
  EXPECT_EQ(recorder->code(), ErrorCode::version_changed) << "the origin answered";
  fetch(version(), 100, 50);
  http.head(200, {kOther, length(1000), kStale});
  http.head(200, {kOther, length(1000), kStale});
  http.done(fail(ErrorCode::connection_lost, "x", "y"));
  EXPECT_EQ(recorder->code(), ErrorCode::version_changed) << "nobody confirms";
}

TEST_F(OriginTest, AskedWithNoCacheDoesNotAskAgain) {
  fetch(version(), 100, 50, true);
  http.head(200, {kOther, length(1000), kStale});
  EXPECT_TRUE(http.last().head);
  EXPECT_EQ(http.requests_.size(), 2U);
}

TEST_F(OriginTest, FollowsRedirects) {
  fetch(version(), 100, 50);
  http.answer(302, {{"location", "/y?z"}, length(20)}, 20);
  EXPECT_EQ(http.last().url.canonical(), "http://h.example/y?z");
  EXPECT_EQ(http.consumed_[1], 20U) << "its body is read, so that the connection can be used again";
  EXPECT_EQ(http.sent("Range"), "bytes=100-149");
  http.head(307, {{"location", "https://cdn.example/w"}});
  EXPECT_TRUE(http.last().redirected);
  http.answer(206, {kTag, range(100, 149, 1000)}, 50);
  ASSERT_TRUE(recorder->status && *recorder->status);
  EXPECT_EQ(recorder->editions.at(0).version.url, "http://h.example/x") << "the URL asked for";
  EXPECT_EQ(recorder->editions.at(0).effective_url, "https://cdn.example/w");
}

TEST_F(OriginTest, RefusesRedirects) {
  struct Row {
    const char* location;
    ErrorCode code;
  };
  const Row rows[] = {
      {"http://127.0.0.1/", ErrorCode::redirect_forbidden},
      {"http://2130706433/", ErrorCode::redirect_forbidden},
      {"http://[::1]/", ErrorCode::redirect_forbidden},
      {"http://localhost/", ErrorCode::redirect_forbidden},
      {"file:///etc/passwd", ErrorCode::redirect_forbidden},
      {"gopher://h/", ErrorCode::redirect_forbidden},
      {"http://h:0/", ErrorCode::bad_response},
      {"http://denied.example/", ErrorCode::redirect_forbidden},
  };
  policy.deny_hosts = {"denied.example"};
  for (const Row& row : rows) {
    fetch();
    http.head(302, {{"location", row.location}});
    EXPECT_EQ(recorder->code(), row.code) << row.location;
    EXPECT_FALSE(http.open());
  }
  fetch();
  http.head(302, {{"location", "/a"}, {"location", "/b"}});
  EXPECT_EQ(recorder->code(), ErrorCode::bad_response);
  fetch();
  http.head(302, {});
  EXPECT_EQ(recorder->code(), ErrorCode::bad_response);
  // To itself, if taken by the letter: said at once, and not after eleven requests.
  for (const char* nowhere : {"", "  "}) {
    fetch();
    http.head(302, {{"location", nowhere}});
    EXPECT_EQ(recorder->code(), ErrorCode::bad_response);
    EXPECT_FALSE(http.open());
  }
}

TEST_F(OriginTest, JudgesAChainAgainstItsStart) {
  url = "https://h.example/x";
  policy.redirect_downgrade = false;
  fetch();
  http.head(302, {{"location", "https://cdn.example/"}});
  http.head(302, {{"location", "http://cdn.example/"}});
  EXPECT_EQ(recorder->code(), ErrorCode::redirect_forbidden);
}

TEST_F(OriginTest, EndsRedirectLoops) {
  policy.max_redirects = 4;
  fetch();
  for (int i = 0; i < 4; ++i) http.head(302, {{"location", "/x"}});
  EXPECT_FALSE(recorder->status);
  http.head(302, {{"location", "/x"}});
  EXPECT_EQ(recorder->code(), ErrorCode::too_many_redirects);
  EXPECT_EQ(http.requests_.size(), 5U);
}

TEST_F(OriginTest, GivesCredentialsOnlyToTheSiteAskedFor) {
  options.user = "u";
  options.password = "p";
  options.headers = {{"Authorization", "Bearer t"}, {"Accept", "*/*"}};
  fetch();
  EXPECT_TRUE(http.last().options->has_credentials());
  http.head(302, {{"location", "http://evil.example/"}});
  EXPECT_FALSE(http.last().options->has_credentials());
  http.head(302, {{"location", "http://h.example/back"}});
  EXPECT_TRUE(http.last().options->has_credentials());
  http.answer(200, {kTag, length(1)}, 1);
  EXPECT_EQ(recorder->editions.at(0).privacy, Privacy::credentials);
}

TEST_F(OriginTest, DropsCredentialsThatARedirectBringsAlong) {
  fetch();
  http.head(302, {{"location", "http://a:b@other.example/"}});
  EXPECT_FALSE(http.last().url.has_credentials());
}

TEST_F(OriginTest, MarksRedirectsForTheCheckOfAddresses) {
  fetch();
  EXPECT_FALSE(http.last().redirected) << "the caller asked for it";
  http.head(302, {{"location", "/same"}});
  EXPECT_TRUE(http.last().redirected) << "its own name may have another address by now";
  http.head(302, {{"location", "http://other.example/"}});
  EXPECT_TRUE(http.last().redirected);
  url = "http://localhost/x";
  fetch();
  http.head(302, {{"location", "http://127.0.0.1:81/"}});
  EXPECT_FALSE(http.last().redirected) << "from this machine to this machine";
}

TEST_F(OriginTest, GoesByTheAddressThatAnswered) {
  http.address = "10.0.0.7";
  fetch();
  http.head(302, {{"location", "http://10.0.0.8/y"}});
  EXPECT_FALSE(http.last().redirected) << "an office's own host leads to another";
  http.address = "198.51.100.7";
  http.head(302, {{"location", "http://repo.corp.example/z"}});
  EXPECT_TRUE(http.last().redirected);
  http.address = "10.0.0.9";
  http.head(302, {{"location", "http://10.0.0.8/y"}});
  EXPECT_EQ(recorder->code(), ErrorCode::redirect_forbidden) << "some host on the way was outside";
  http.address = "2001:db8::1";
  fetch();
  http.head(302, {{"location", "http://[fd00::1]/"}});
  EXPECT_EQ(recorder->code(), ErrorCode::redirect_forbidden);
}

TEST_F(OriginTest, RefusesTransferCodingsOnEveryWay) {
  const Header coded = {"transfer-encoding", "gzip, chunked"};
  fetch();
  http.head(200, {kTag, coded});
  EXPECT_EQ(recorder->code(), ErrorCode::bad_response);
  fetch(version(), 100, 50);
  http.head(206, {kTag, range(100, 149, 1000), coded});
  EXPECT_EQ(recorder->code(), ErrorCode::bad_response);
  probe();
  http.head(405, {});
  http.head(206, {kTag, range(0, 0, 1000), coded});
  http.head(200, {kTag, coded});
  ASSERT_TRUE(probed && !*probed);
  EXPECT_EQ(probed->error().code, ErrorCode::bad_response);
  fetch();
  http.head(302, {{"location", "/y"}, coded, length(20)});
  EXPECT_EQ(http.last().url.canonical(), "http://h.example/y") << "a redirect's body is nobody's file";
  EXPECT_EQ(http.consumed_[http.requests_.size() - 1], 0U) << "and its connection is not used again";
}

TEST_F(OriginTest, RefusesByPolicyWithoutAsking) {
  policy.deny_hosts = {"h.example"};
  fetch();
  EXPECT_EQ(recorder->code(), ErrorCode::forbidden_url);
  probe();
  ASSERT_TRUE(probed && !*probed);
  policy.deny_hosts.clear();
  options.headers = {{"Range", "bytes=0-1"}};
  fetch();
  EXPECT_EQ(recorder->code(), ErrorCode::invalid_argument);
  options.headers.clear();
  fetch(version(), 5, 0);
  EXPECT_EQ(recorder->code(), ErrorCode::invalid_argument);
  fetch(version(), UINT64_MAX, 2);
  EXPECT_EQ(recorder->code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(http.requests_.empty());
}

TEST_F(OriginTest, NoEventFollowsCancel) {
  FetchId id = 0;
  id = fetch();
  origin->cancel(id);
  EXPECT_FALSE(http.open());
  EXPECT_FALSE(recorder->status);

  id = fetch();  // within on_edition
  recorder->at_edition = [&] { origin->cancel(id); };
  http.head(200, {kTag, length(10)});
  http.data(10);
  EXPECT_EQ(recorder->bytes, 0U);
  EXPECT_FALSE(recorder->status);

  id = fetch();  // within on_data
  recorder->at_data = [&] { origin->cancel(id); };
  http.answer(200, {kTag, length(10)}, 10);
  EXPECT_EQ(recorder->bytes, 10U);
  EXPECT_FALSE(recorder->status);

  probe();  // before it has begun
  const FetchId early = origin->probe(target(), [](const Result<Edition>&) { FAIL(); });
  origin->cancel(early);
  loop.run_ready();
  origin->cancel(999);
}

TEST_F(OriginTest, EndsQuietlyWithItsRequests) {
  fetch();
  origin->probe(target(), [](const Result<Edition>&) { FAIL(); });
  origin.reset();
  loop.run_ready();
  EXPECT_FALSE(http.open());
  EXPECT_FALSE(recorder->status);
}

TEST_F(OriginTest, PassesOnConsumptionAndRate) {
  const FetchId id = fetch();
  origin->set_rate(id, 5000);
  EXPECT_EQ(http.rates_[1], 5000U);
  http.head(302, {{"location", "/y"}});
  EXPECT_EQ(http.last().max_rate, 5000U) << "kept over a redirect";
  http.head(200, {kTag, length(10)});
  http.data(10);
  origin->consumed(id, 7);
  EXPECT_EQ(http.consumed_[2], 7U);
}

}  // namespace
}  // namespace larder::origin
