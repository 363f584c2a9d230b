// The pure rules: breaks and restarts, where ranges are, on whose account bytes are.
#include <gtest/gtest.h>

#include "agent/transfer/account.h"
#include "agent/transfer/manager.h"
#include "agent/transfer/rules/piece_map.h"
#include "agent/transfer/rules/transfer_rules.h"

namespace larder::agent {
namespace {

using cache::Version;

TEST(MayBeOf, EveryValidatorThatBothCarryMustBeEqual) {
  const Version version{"u", 10, "\"a\"", "Mon"};
  struct Row {
    Version answer;
    bool may;
  };
  const Row rows[] = {
      {{"u", 10, "\"a\"", "Mon"}, true},
      {{"u", std::nullopt, "\"a\"", ""}, false},
      {{"u", std::nullopt, "\"a\"", "Mon"}, false},
      {{"u", 10, "", ""}, true},
      {{"u", 11, "\"a\"", "Mon"}, false},
      {{"u", 10, "\"b\"", "Mon"}, false},
      {{"u", 10, "\"a\"", "Tue"}, false},
      {{"u", std::nullopt, "", "Tue"}, false},
      {{"v", 10, "\"a\"", "Mon"}, false},
  };
  for (const Row& row : rows) EXPECT_EQ(may_be_of(version, row.answer), row.may) << row.answer.etag;
  EXPECT_TRUE(may_be_of({"u", std::nullopt, "", ""}, version)) << "of what is known nothing differs";
  EXPECT_TRUE(may_be_of({"u", std::nullopt, "\"a\"", ""}, version));
}

TEST(NamesEdition, ATagDoesAndADateWithTheSize) {
  EXPECT_TRUE(names_edition({"u", std::nullopt, "\"a\"", ""}));
  EXPECT_TRUE(names_edition({"u", 10, "", "Mon"}));
  EXPECT_FALSE(names_edition({"u", std::nullopt, "", "Mon"}));
  EXPECT_FALSE(names_edition({"u", 10, "", ""}));
}

TEST(WhyNotTheOrigins, SaysWhatDiffers) {
  origin::Edition edition;
  edition.effective_url = "http://portal.test/login";
  edition.any_validator = false;
  const auto why = why_not_the_origins({{"origin.test", "text/plain"}}, edition);
  ASSERT_TRUE(why);
  EXPECT_EQ(
      why->find("the answer comes from portal.test and not from origin.test, is of no type and not text/plain, and "),
      0U)
      << *why;
}

// Another host, another type, no validator: only all three together need not be the origin's.
TEST(WhyNotTheOrigins, Table) {
  const cache::FirstAnswer iso{"origin.test", "application/octet-stream"}, mirror{"mirror.test", "text/plain"};
  struct Row {
    std::vector<cache::FirstAnswer> begun;
    const char* url;
    const char* type;
    bool any_validator;
    bool doubted;
  };
  const Row rows[] = {
      {{iso}, "http://portal.test/login", "text/html", false, true},
      {{iso}, "https://portal.test:8443/", "text/html", false, true},
      {{iso}, "http://portal.test/login", "", false, true},
      {{iso}, "http://origin.test/login", "text/html", false, false},
      {{iso}, "https://origin.test:8443/login", "text/html", false, false},
      {{iso}, "http://portal.test/file", "application/octet-stream", false, false},
      {{iso}, "http://portal.test/login", "text/html", true, false},
      {{}, "http://portal.test/login", "text/html", false, false},
      {{iso, mirror}, "http://portal.test/login", "text/html", false, true},
      {{iso, mirror}, "http://portal.test/login", "text/plain", false, false},
      {{iso, mirror}, "http://mirror.test/login", "text/html", false, false},
      {{{"origin.test", ""}}, "http://portal.test/login", "text/html", false, true},
      {{{"origin.test", ""}}, "http://portal.test/login", "", false, false},
  };
  for (const Row& row : rows) {
    origin::Edition edition;
    edition.effective_url = row.url;
    edition.media_type = row.type;
    edition.any_validator = row.any_validator;
    const auto why = why_not_the_origins(row.begun, edition);
    EXPECT_EQ(why.has_value(), row.doubted) << row.url << " " << row.type;
    if (why) {
      EXPECT_NE(why->find("portal.test"), std::string::npos) << *why;
    }
  }
}

TEST(OldPartRule, IsTheLargestThatCouldBeGoneOnWith) {
  const auto part = [](const char* id, std::uint64_t bytes, const char* etag = "\"a\"") {
    cache::ContentInfo info;
    info.id = id;
    info.size = 100;
    info.bytes_held = bytes;
    info.versions = {{"u", 100, etag, ""}};
    info.first_answer = {std::string(id) + ".test", "text/plain"};
    return info;
  };
  std::vector<cache::ContentInfo> held = {part("small", 10), part("large", 50), part("chosen", 90),
                                          part("no validator", 95, "")};
  const auto kept = [&held] {
    const auto old = old_part(held, "chosen", "u");
    return old ? old->id : std::string("none");
  };
  EXPECT_EQ(kept(), "large");
  EXPECT_EQ(begun_with(held).size(), 3U) << "but for the one that cannot be gone on with";
  held[0].bytes_held = 50;
  EXPECT_EQ(kept(), "small") << "of equals the first";
  held[0].bytes_held = 10;
  held[2].first_answer.host.clear();
  EXPECT_EQ(begun_with(held).size(), 2U) << "nor is anything known of this one's first answer";
  held[1].state = cache::ContentState::complete;
  EXPECT_EQ(kept(), "small");
  held[0].versions[0].url = "v";
  EXPECT_EQ(kept(), "none") << "of another URL";
  held[0].versions[0].url = "u";
  held[0].bytes_held = 0;
  EXPECT_EQ(kept(), "none");
  held[0].bytes_held = 1;
  EXPECT_EQ(kept(), "small");
  held[0].size.reset();
  EXPECT_EQ(kept(), "none");
}

TEST(RestartRule, ThreeTimesThenAnErrorThatSaysSo) {
  RestartRule rule;
  EXPECT_TRUE(rule.restart());
  EXPECT_TRUE(rule.restart());
  EXPECT_TRUE(rule.restart());
  EXPECT_FALSE(rule.restart());
  EXPECT_EQ(rule.restarts(), 3U);
  const Error error = rule.given_up("http://h/x?secret=1");
  EXPECT_EQ(error.code, ErrorCode::version_changed);
  EXPECT_NE(error.detail.find("4 times"), std::string::npos) << error.detail;
  EXPECT_EQ(error.doing.find("secret"), std::string::npos);
}

TEST(OnOriginBreak, Table) {
  using D = BreakDecision;
  using E = ErrorCode;
  struct Row {
    const char* what;
    StreamBreak input;
    D decision;
  };
  const Row rows[] = {
      {"another edition", {E::version_changed, true, false, 0, 0}, D::restart},
      {"another edition, others", {E::version_changed, true, false, 3, 99 * kMiB}, D::restart},
      {"stale proxy", {E::stale_proxy, true, false, 0, 99 * kMiB}, D::fail},
      {"flaky link", {E::connection_lost, true, false, 0, kResumeProgress}, D::resume},
      {"flaky link, whole", {E::connection_lost, true, true, 0, kResumeProgress}, D::resume},
      {"stall", {E::no_progress, true, false, 0, kResumeProgress}, D::resume},
      {"time-out", {E::timed_out, true, false, 0, kResumeProgress}, D::resume},
      {"no progress", {E::connection_lost, true, false, 0, kResumeProgress - 1}, D::fail},
      {"cannot resume", {E::connection_lost, false, true, 0, 99 * kMiB}, D::fail},
      {"one of several breaks", {E::connection_lost, true, false, 2, 0}, D::narrow},
      {"one too many", {E::http_transient, true, false, 2, 0}, D::narrow},
      {"one too many, forbidden", {E::http_fatal, true, false, 2, 0}, D::narrow},
      {"the only one is refused", {E::http_transient, true, false, 0, 99 * kMiB}, D::fail},
      {"not found", {E::http_fatal, true, false, 0, 99 * kMiB}, D::fail},
      {"certificate, others", {E::certificate_rejected, true, false, 2, 0}, D::fail},
      {"no ranges", {E::range_not_supported, true, false, 0, 0}, D::whole_only},
      {"no ranges although whole", {E::range_not_supported, true, true, 0, 0}, D::fail},
      {"the place went to another user", {E::busy, true, false, 0, 0}, D::resume},
      {"the place is gone, and no part can be asked for", {E::busy, false, false, 0, 99 * kMiB}, D::fail},
      {"one of several stalls", {E::no_progress, true, false, 1, 0}, D::narrow},
      {"one of several is too late", {E::timed_out, true, false, 1, 0}, D::narrow},
      {"one of several is not let in", {E::connect_failed, true, false, 1, 0}, D::narrow},
      {"one of several is answered with nonsense", {E::bad_response, true, false, 1, 0}, D::narrow},
      {"one of several, and its rest cannot be asked for", {E::timed_out, false, false, 1, 99 * kMiB}, D::fail},
      {"one of several finds the disk full", {E::disk_full, true, false, 1, 99 * kMiB}, D::fail},
      {"the only one is not let in", {E::connect_failed, true, false, 0, 99 * kMiB}, D::fail},
  };
  for (const Row& row : rows) EXPECT_EQ(on_origin_break(row.input), row.decision) << row.what;
}

TEST(PieceMap, TheWholeIsWhereItIs) {
  const PieceMap map = PieceMap::whole(100);
  EXPECT_EQ(map.content_size(), 100U);
  EXPECT_EQ(map.parts({10, 20}), (std::vector<ByteRange>{{10, 20}}));
}

TEST(PieceMap, RangesOneAfterTheOther) {
  const auto map = PieceMap::of_ranges({{50, 10}, {0, 5}, {5, 5}, {90, kToTheEnd}}, 100, "http://h/x");
  ASSERT_TRUE(map);
  EXPECT_EQ(map->content_size(), 30U);
  EXPECT_EQ(map->parts({0, 30}), (std::vector<ByteRange>{{50, 10}, {0, 10}, {90, 10}}));
  EXPECT_EQ(map->parts({12, 6}), (std::vector<ByteRange>{{2, 6}}));
  EXPECT_EQ(map->parts({9, 2}), (std::vector<ByteRange>{{59, 1}, {0, 1}}));
  EXPECT_TRUE(map->parts({30, 5}).empty());
}

TEST(PieceMap, WhatCannotBeIsRefused) {
  struct Row {
    std::vector<ByteRange> ranges;
    std::optional<std::uint64_t> size;
    ErrorCode code;
  };
  const Row rows[] = {
      {{{0, 0}}, 100, ErrorCode::invalid_argument},
      {{{0, 101}}, 100, ErrorCode::invalid_argument},
      {{{100, 1}}, 100, ErrorCode::invalid_argument},
      {{{100, kToTheEnd}}, 100, ErrorCode::invalid_argument},
      {{{1, UINT64_MAX - 1}}, 100, ErrorCode::invalid_argument},
      {{{0, 10}, {5, kToTheEnd}}, std::nullopt, ErrorCode::range_not_supported},
      {{{UINT64_MAX - 5, 10}}, std::nullopt, ErrorCode::invalid_argument},
      {{{0, UINT64_MAX - 1}, {0, 10}}, std::nullopt, ErrorCode::invalid_argument},
  };
  for (const Row& row : rows) {
    const auto map = PieceMap::of_ranges(row.ranges, row.size, "http://h/x");
    ASSERT_FALSE(map);
    EXPECT_EQ(map.error().code, row.code) << map.error().text();
  }
}

TEST(PieceMap, TheLastBytesAreWhereTheSizeSays) {
  const auto parts = [](const std::vector<ByteRange>& ranges, std::uint64_t size) {
    const auto map = PieceMap::of_ranges(ranges, size, "http://h/x");
    return map ? map->parts({0, map->content_size().value_or(0)}) : std::vector<ByteRange>{};
  };
  using Parts = std::vector<ByteRange>;
  EXPECT_EQ(parts({{kFromTheEnd, 10}}, 100), (Parts{{90, 10}}));
  EXPECT_EQ(parts({{kFromTheEnd, 10}}, 10), (Parts{{0, 10}}));
  EXPECT_EQ(parts({{kFromTheEnd, 10}}, 5), (Parts{{0, 5}})) << "there are no more";
  EXPECT_EQ(parts({{20, 5}, {kFromTheEnd, 10}}, 100), (Parts{{20, 5}, {90, 10}}));
  EXPECT_EQ(parts({{kFromTheEnd, 10}, {80, 10}}, 100), (Parts{{90, 10}, {80, 10}})) << "they touch";
  EXPECT_EQ(parts({{0, 100}}, 100), (Parts{{0, 100}}));
  EXPECT_EQ(parts({{99, kToTheEnd}}, 100), (Parts{{99, 1}}));
}

TEST(PieceMap, ARefusalNamesTheRange) {
  const auto detail = [](const std::vector<ByteRange>& ranges, std::optional<std::uint64_t> size) {
    const auto map = PieceMap::of_ranges(ranges, size, "http://h/x");
    return map ? std::string() : map.error().detail;
  };
  EXPECT_EQ(detail({{80, 11}, {kFromTheEnd, 10}}, 100),
            "range 1 (the last 10 bytes) overlaps range 0 (offset 80, length 11): the file has 100 bytes");
  EXPECT_EQ(PieceMap::of_ranges({{80, 11}, {kFromTheEnd, 10}}, 100, "http://h/x").error().code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(detail({{kFromTheEnd, 10}, {99, 1}}, 100),
            "range 0 (the last 10 bytes) overlaps range 1 (offset 99, length 1): the file has 100 bytes");
  EXPECT_EQ(detail({{0, 1}, {90, 11}}, 100), "range 1 (offset 90, length 11) is out of bounds: the file has 100 bytes");
  EXPECT_EQ(detail({{100, kToTheEnd}}, 100),
            "range 0 (offset 100 to the end) is out of bounds: the file has 100 bytes");
  EXPECT_EQ(detail({{7, 0}}, 100), "range 0 (offset 7, length 0) is empty; leave it out");
  EXPECT_NE(detail({{kFromTheEnd, 10}}, std::nullopt), "");
  EXPECT_EQ(detail({{UINT64_MAX - 10, 10}}, std::nullopt), "");
  EXPECT_EQ(detail({{0, UINT64_MAX - 10}, {0, 10}}, std::nullopt), "") << "as much as can be counted";
}

TEST(VersionOfRanges, IsNobodyElsesAndKeepsTheValidators) {
  const Version whole{"http://h/x", 100, "\"a\"", "Mon"};
  const Version a = version_of_ranges(whole, {{0, 5}, {10, kToTheEnd}}, 95);
  EXPECT_EQ(a.url, "http://h/x#ranges=0+5,10+end");
  EXPECT_EQ(a.size, 95U);
  EXPECT_EQ(a.etag, whole.etag);
  EXPECT_NE(a, version_of_ranges(whole, {{10, kToTheEnd}, {0, 5}}, 95));
  const std::vector<ByteRange> many(500, {1, 1});
  EXPECT_LT(version_of_ranges(whole, many, 500).url.size(), 120U);
  EXPECT_EQ(version_of_ranges(whole, {{kFromTheEnd, 5}}, 5).url, "http://h/x#ranges=last+5");
  // 50 of "1+1" and the commas between them are 199 characters; one more digit is still read by people.
  std::vector<ByteRange> readable(50, {1, 1});
  readable.back().offset = 10;
  const std::string prefix = "http://h/x#ranges=";
  EXPECT_EQ(version_of_ranges(whole, readable, 50).url.size(), prefix.size() + 200);
  readable.back().offset = 100;
  EXPECT_EQ(version_of_ranges(whole, readable, 50).url.size(), prefix.size() + 64) << "a digest";
}

TEST(Account, SegmentsOfThisFileBySourceTheRestIsCache) {
  using cache::Source;
  const std::vector<cache::SegmentInfo> segments{{0, {0, 10}, {}, Source::origin, "me"},
                                                 {1, {10, 10}, {}, Source::peer, "me", 10},
                                                 {2, {20, 10}, {}, Source::cache, "me"},
                                                 {3, {30, 5}, {}, Source::origin, "other"},
                                                 {4, {35, 5}, {}, Source::origin, "me", 2}};
  const SourceFigures figures = committed_figures(segments, "me");
  EXPECT_EQ(figures.origin, 13U);
  EXPECT_EQ(figures.peers, 12U);
  EXPECT_EQ(figures.cache, 15U);
  EXPECT_EQ(fetched_for(segments, "me"), 25U);
  EXPECT_EQ(fetched_for(segments, "other"), 5U);
  const SourceFigures finished = finished_figures(segments, "me", 40);
  EXPECT_EQ(finished.origin + finished.peers + finished.cache, 40U);
}

TEST(Account, ThePrefixEndsAtTheFirstGap) {
  CommittedPrefix prefix;
  std::vector<cache::SegmentInfo> segments{{0, {0, 10}, {}, {}, ""}, {2, {20, 10}, {}, {}, ""}};
  EXPECT_EQ(prefix.update(segments), 10U);
  segments.insert(segments.begin() + 1, {1, {10, 10}, {}, {}, ""});
  EXPECT_EQ(prefix.update(segments), 30U);
}

TEST(SharingKey, EqualRequestsShareOthersDoNot) {
  const auto request = [](const char* url) {
    TransferRequest made;
    made.target.url = *origin::parse_url(url);
    return made;
  };
  const TransferRequest plain = request("http://h/x");
  const std::string key = sharing_key(plain);
  EXPECT_FALSE(key.empty());
  EXPECT_EQ(key, sharing_key(request("HTTP://H:80/x#part")));
  EXPECT_NE(key, sharing_key(request("http://h/y")));
  EXPECT_EQ(sharing_key(request("http://user:word@h/x")), "");
  TransferRequest other = plain;
  other.ranges = {{0, 1}};
  EXPECT_EQ(sharing_key(other), "");
  other = plain;
  other.origin_alone = true;
  EXPECT_EQ(sharing_key(other), "");
  other = plain;
  other.store = false;
  EXPECT_EQ(sharing_key(other), "");
  auto options = std::make_shared<origin::ConnectOptions>();
  options->headers = {{"Accept", "text/html"}};
  other = plain;
  other.target.options = options;
  EXPECT_NE(sharing_key(other), "");
  EXPECT_NE(sharing_key(other), key);
  options = std::make_shared<origin::ConnectOptions>();
  options->headers = {{"X-Channel", "beta"}};
  other.target.options = options;
  EXPECT_EQ(sharing_key(other), "");
  options = std::make_shared<origin::ConnectOptions>();
  options->user = "me";
  other.target.options = options;
  EXPECT_EQ(sharing_key(other), "");
}

}  // namespace
}  // namespace larder::agent
