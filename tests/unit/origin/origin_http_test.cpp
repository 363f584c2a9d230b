// Origin over CurlClient over an origin that misbehaves: each fault of the list, and what a caller sees of it.
#include "origin/origin.h"
#include "tests/unit/origin/http_fixture.h"

namespace larder::origin {
namespace {

using test::FaultOrigin;

class FetchCollector final : public FetchEvents {
 public:
  void on_edition(const Edition& e, std::uint64_t o) override {
    edition = e;
    offset = o;
  }
  void on_data(Buffer buffer) override {
    body.append(reinterpret_cast<const char*>(buffer.bytes().data()), buffer.size());
    if (consume) consume(buffer.size());
  }
  void on_done(Status s) override { status = std::move(s); }

  std::optional<Edition> edition;
  std::uint64_t offset = 0;
  std::string body;
  std::optional<Status> status;
  std::function<void(std::size_t)> consume;
};

class OriginHttpTest : public HttpFixture {
 protected:
  void SetUp() override {
    HttpFixture::SetUp();
    options.stall_timeout = std::chrono::milliseconds(300);
    origin = make_origin(*http, loop.runtime());
  }
  void TearDown() override { origin.reset(); }

  Target target(const std::string& path) {
    return {url_of(server.url(path)), std::make_shared<ConnectOptions>(options), std::make_shared<UrlPolicy>(policy)};
  }
  Result<Edition> probe(const std::string& path) {
    std::optional<Result<Edition>> result;
    origin->probe(target(path), [&](Result<Edition> edition) { result = std::move(edition); });
    EXPECT_TRUE(loop.wait_for([&] { return result.has_value(); })) << path;
    return result ? *result : Result<Edition>(fail(ErrorCode::internal, "probe", "late"));
  }
  std::shared_ptr<FetchCollector> fetch(const std::string& path, std::optional<cache::Version> expected = {},
                                        std::uint64_t offset = 0, std::optional<std::uint64_t> length = {}) {
    auto collector = std::make_shared<FetchCollector>();
    Fetch request;
    request.target = target(path);
    request.expected = std::move(expected);
    if (request.expected) request.expected->url = request.target.url.canonical();
    request.offset = offset;
    request.length = length;
    FetchId id = 0;
    collector->consume = [this, &id](std::size_t bytes) { origin->consumed(id, bytes); };
    id = origin->fetch(request, collector);
    EXPECT_TRUE(loop.wait_for([&] { return collector->status.has_value(); })) << path;
    collector->consume = nullptr;
    return collector;
  }
  static std::optional<ErrorCode> code(const FetchCollector& of) {
    return of.status && !*of.status ? std::optional(of.status->error().code) : std::nullopt;
  }

  FaultOrigin server;
  std::unique_ptr<Origin> origin;
};

constexpr std::uint64_t kSize = 300000;

TEST_F(OriginHttpTest, ProbesAndFetches) {
  const auto edition = probe("/c/a/300000?repr_digest=right");
  ASSERT_TRUE(edition) << edition.error().text();
  EXPECT_EQ(edition->version.size, kSize);
  EXPECT_TRUE(edition->ranges && edition->shareable());
  EXPECT_EQ(edition->sha256, sha256(as_bytes(FaultOrigin::content("a", 0, kSize))));
  const auto part = fetch("/c/a/300000", edition->version, 100000, 50000);
  EXPECT_TRUE(*part->status);
  EXPECT_TRUE(part->body == FaultOrigin::content("a", 100000, 50000));
  const auto whole = fetch("/c/a/300000", edition->version);
  EXPECT_TRUE(whole->body == FaultOrigin::content("a", 0, kSize));
}

TEST_F(OriginHttpTest, ProbesOriginsWithOddities) {
  struct Row {
    const char* query;
    bool ranges, shareable;
    std::optional<std::uint64_t> size;
  };
  const Row rows[] = {
      {"", true, true, kSize},
      {"head=405", true, true, kSize},
      {"head=403", true, true, kSize},
      {"head_length=0", true, true, kSize},
      {"head=405&range=ignore", false, true, kSize},
      {"range=ignore", false, true, kSize},
      {"no_length", true, true, kSize},  // GET bytes=0-0 tells
      {"no_length&range=ignore", false, true, std::nullopt},
      {"http10", false, true, kSize},
      {"etag=none", true, true, kSize},
      {"etag=none&last_modified=none", false, false, kSize},
      {"etag=W/\"x\"&last_modified=none", false, false, kSize},
      {"header=Cache-Control:no-store", true, false, kSize},
      {"header=Cache-Control:private", true, false, kSize},
      {"header=Vary:*", true, false, kSize},
  };
  for (const Row& row : rows) {
    const auto edition = probe(std::string("/c/a/300000?") + row.query);
    ASSERT_TRUE(edition) << row.query << ": " << edition.error().text();
    EXPECT_EQ(edition->ranges, row.ranges) << row.query;
    EXPECT_EQ(edition->one_stream, !row.ranges) << row.query;
    EXPECT_EQ(edition->shareable(), row.shareable) << row.query << ": " << privacy_info(edition->privacy).code;
    EXPECT_EQ(edition->version.size, row.size) << row.query;
  }
  const auto empty = probe("/c/a/0");
  ASSERT_TRUE(empty) << empty.error().text();
  EXPECT_EQ(empty->version.size, 0U);
}

TEST_F(OriginHttpTest, AnswersEveryFaultOfAPart) {
  struct Row {
    const char* query;
    std::optional<ErrorCode> code;
    const char* text;
  };
  const Row rows[] = {
      {"", std::nullopt, ""},
      {"short=10", ErrorCode::connection_lost, ""},
      {"long=10", std::nullopt, ""},  // what follows the body is not of it
      {"long=10&no_length=close", ErrorCode::bad_response, "more than"},
      {"long=10&no_length", ErrorCode::bad_response, "more than"},
      {"short=10&no_length=close", ErrorCode::connection_lost, "ended after"},
      {"range=start", ErrorCode::version_changed, ""},  // its total differs too
      {"range=end", ErrorCode::bad_response, "ends at"},
      {"range=total", ErrorCode::version_changed, "bytes"},
      {"range=none", ErrorCode::bad_response, "Content-Range"},
      {"range=malformed", ErrorCode::bad_response, "malformed"},
      {"range=multipart", ErrorCode::bad_response, "multipart"},
      {"edition=1", ErrorCode::version_changed, "ETag"},
      {"etag=\"other\"", ErrorCode::version_changed, "ETag"},
      {"last_modified=Sun, 06 Nov 1994 08:49:37 GMT", ErrorCode::version_changed, "Last-Modified"},
      {"gzip", ErrorCode::bad_response, "gzip"},
      {"length=-5", ErrorCode::bad_response, ""},
      {"length2=7", ErrorCode::bad_response, "Content-Length"},
      {"status=404", ErrorCode::http_fatal, "404"},
      {"status=410", ErrorCode::http_fatal, "410"},
      {"status=500", ErrorCode::http_transient, "500"},
      {"status=503&retry_after=7", ErrorCode::http_transient, "503"},
      {"status=429&retry_after=date:30", ErrorCode::http_transient, "429"},
      {"status=412", ErrorCode::version_changed, "412"},
      {"status=416", ErrorCode::version_changed, "416"},
      {"status=302&location=loop", ErrorCode::too_many_redirects, "10 redirects"},
      {"status=302&location=file:///etc/passwd", ErrorCode::redirect_forbidden, "file"},
      {"status=302", ErrorCode::bad_response, "where"},
      {"auth=u:p", ErrorCode::unauthorized, "401"},
      {"stall=1000", ErrorCode::no_progress, "no byte"},
      {"reset=20000", ErrorCode::connection_lost, ""},
      {"cache=px&cache_edition=1&cache_obeys", std::nullopt, ""},
      {"cache=px&cache_edition=1", ErrorCode::stale_proxy, "px"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.query);
    // A path of its own for each row, with the same content and validators as the honest probe of it.
    const auto edition = probe("/c/a/300000");
    ASSERT_TRUE(edition) << edition.error().text();
    const auto result = fetch(std::string("/c/a/300000?") + row.query, edition->version, 100000, 50000);
    ASSERT_TRUE(result->status);
    const std::string text = *result->status ? "" : result->status->error().text();
    EXPECT_EQ(code(*result), row.code) << text;
    EXPECT_NE(text.find(row.text), std::string::npos) << text;
    EXPECT_EQ(text.starts_with("cannot fetch http://127.0.0.1"), row.code.has_value()) << text;
    EXPECT_TRUE(FaultOrigin::content("a", 100000, 50000).starts_with(result->body)) << "a byte of another edition";
  }
}

TEST_F(OriginHttpTest, ReadsRetryAfter) {
  const auto seconds = fetch("/c/a/10?status=503&retry_after=7");
  EXPECT_EQ(seconds->status->error().retry_after, std::chrono::seconds(7));
  const auto capped = fetch("/c/a/10?status=503&retry_after=999999");
  EXPECT_EQ(capped->status->error().retry_after, std::chrono::hours(1));
}

TEST_F(OriginHttpTest, NoticesAChangeMidway) {
  for (const char* change : {"bytes,etag,date", "bytes,date", "size,bytes,etag", "bytes,etag"}) {
    SCOPED_TRACE(change);
    const std::string path = std::string("/c/") + change + "/300000?change_after=2&change=" + change;
    const auto first = fetch(path, {}, 0);
    ASSERT_TRUE(first->status && *first->status) << first->status->error().text();
    const auto honest = fetch(path, first->edition->version, 0, 100000);
    ASSERT_TRUE(*honest->status) << honest->status->error().text();
    const auto changed = fetch(path, first->edition->version, 100000, 100000);
    EXPECT_EQ(code(*changed), ErrorCode::version_changed);
    EXPECT_EQ(changed->body, "");
  }
}

TEST_F(OriginHttpTest, TakesTheWholeWhereRangesAreIgnored) {
  const auto edition = probe("/c/a/300000");
  const auto result = fetch("/c/a/300000?range=ignore", edition->version, 100000, 50000);
  ASSERT_TRUE(*result->status) << result->status->error().text();
  EXPECT_EQ(result->offset, 0U);
  EXPECT_TRUE(result->body == FaultOrigin::content("a", 0, kSize));
}

TEST_F(OriginHttpTest, FollowsRedirects) {
  const auto result = fetch("/c/x/5?status=302&location=/c/a/300000");
  ASSERT_TRUE(*result->status) << result->status->error().text();
  EXPECT_TRUE(result->body == FaultOrigin::content("a", 0, kSize));
  EXPECT_EQ(result->edition->effective_url, server.url("/c/a/300000"));
}

}  // namespace
}  // namespace larder::origin
