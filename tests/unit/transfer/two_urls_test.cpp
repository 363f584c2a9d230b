// A validator says something about its own URL only: what comes of bytes of two, and what a content remembers of where
// its bytes came from.
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

using agent::TransferRequest;
using cache::Transport;
using origin::Privacy;

constexpr std::size_t kSize = 2 * cache::kMinSegment + kMiB + 99;
const std::string kMirror = "http://mirror.test/file.iso";

class TwoUrls : public ::testing::Test, public TransferLab {
 protected:
  TwoUrls() : TransferLab(1, false) {
    origin.files[kUrl] = make_file(kUrl, 1, kSize);
    // The same size, ETag and date with other bytes.
    origin.files[kMirror] = make_file(kMirror, 2, kSize);
    cache::Version& mirrors = origin.files[kMirror].edition.version;
    mirrors = origin.files[kUrl].edition.version;
    mirrors.url = kMirror;
  }

  // One segment of `url` for the file `b`.
  cache::ContentId begin(const std::string& url) {
    origin.script = {Behaviour{{}, cache::kMinSegment + kMiB},
                     Behaviour{Error{ErrorCode::connection_lost, "fetch", "broken"}}};
    EXPECT_FALSE(fetch(request("b", url))->ok());
    restart();
    origin.fetches.clear();
    origin.script.clear();
    neighbours.queries.clear();
    EXPECT_EQ(cache.records.size(), 1U);
    return cache.records.begin()->first;
  }
  void go_on_at(const cache::ContentId& id, const std::string& url) {
    std::optional<Status> answer;
    cache.go_on_privately(id, "b", origin.files[url].edition.version, [&](Status status) { answer = status; });
    EXPECT_TRUE(loop.run_until([&] { return answer.has_value(); }));
    EXPECT_TRUE(*answer);
  }
};

TEST_F(TwoUrls, AreOneJobsOwn) {
  for (const auto& [from, to] : {std::pair(kUrl, kMirror), std::pair(kMirror, kUrl)}) {
    cache.records.clear();
    neighbours.whole.clear();
    const cache::ContentId id = begin(from);
    go_on_at(id, to);
    const auto b = fetch(request("b", to));
    ASSERT_TRUE(b->ok()) << b->error().text();
    EXPECT_EQ(b->value().content.id, id);
    EXPECT_EQ(origin.fetches.front().offset, cache::kMinSegment) << "it is gone on with";
    EXPECT_FALSE(b->value().content.shareable);
    EXPECT_EQ(b->value().privacy, Privacy::two_urls);
    EXPECT_NE(b->value().note.find("more than one URL"), std::string::npos) << b->value().note;
    EXPECT_TRUE(neighbours.queries.empty()) << "nothing of it is given to neighbours while it comes";
    EXPECT_TRUE(neighbours.whole.empty()) << "nor attested afterwards";
    for (const std::string& url : {kUrl, kMirror}) {
      const auto other = fetch(request("a" + url, url));
      expect_whole(*other, origin.files[url].bytes);
      EXPECT_NE(other->value().content.id, id);
      EXPECT_EQ(other->value().figures.origin, kSize) << "from its own URL, all of it";
    }
  }
}

TEST_F(TwoUrls, AJobThatFoundTheContentBeforeItWanderedLeavesItAlone) {
  const cache::ContentId id = begin(kUrl);
  cache.latency = std::chrono::milliseconds(10);
  const auto a = std::make_shared<Recorder>();
  start(request("a"), a);
  ASSERT_TRUE(loop.run_until([&] { return cache.resumes > 0; })) << "it was found, and is asked for";
  FakeRecord& record = cache.records.at(id);
  record.info.shareable = false;
  record.info.versions.insert(record.info.versions.begin(), origin.files[kMirror].edition.version);
  ASSERT_TRUE(loop.run_until([&] { return a->result.has_value(); }));
  expect_whole(*a, origin.files[kUrl].bytes);
  EXPECT_NE(a->value().content.id, id);
  EXPECT_EQ(cache.records.at(id).segments.size(), 1U) << "nothing was written into it";
}

TEST_F(TwoUrls, TheTransportIsThatOfTheHopThatAnswered) {
  for (const auto& [url, answered, transport] :
       {std::tuple(kUrl, "https://cdn.test/file.iso", Transport::https),
        std::tuple(kUrl, "http://cdn.test/file.iso", Transport::http),
        std::tuple(std::string("https://origin.test/file.iso"), "http://cdn.test/file.iso", Transport::http)}) {
    cache.records.clear();
    origin.files[url] = make_file(url, 3, kSize);
    origin.files[url].edition.effective_url = answered;
    const auto a = fetch(request("a", url));
    ASSERT_TRUE(a->ok()) << a->error().text();
    const FakeRecord& record = cache.records.at(a->value().content.id);
    ASSERT_EQ(record.segments.size(), 3U);
    for (const cache::SegmentInfo& segment : record.segments) {
      EXPECT_EQ(segment.transport, transport) << url << " " << answered;
      EXPECT_EQ(segment.fetched_as, cache::version_name(origin.files[url].edition.version));
    }
  }
}

TEST_F(TwoUrls, WhoAskedIsRememberedWithTheContent) {
  TransferRequest first = request("a"), second = request("b");
  first.user = 1000;
  second.user = 1001;
  const auto a = fetch(first), b = fetch(second);
  ASSERT_TRUE(a->ok() && b->ok());
  std::vector<std::pair<std::uint32_t, std::string>> askers;
  for (const auto& asker : cache.records.at(a->value().content.id).askers) askers.emplace_back(asker.uid, asker.url);
  EXPECT_EQ(askers, (std::vector<std::pair<std::uint32_t, std::string>>{{1000, kUrl}, {1001, kUrl}}));
}

TEST_F(TwoUrls, OnlyTheOriginsWordNamesTheVersion) {
  const auto a = fetch(request("a"));
  ASSERT_TRUE(a->ok());
  EXPECT_EQ(a->value().version, origin.files[kUrl].edition.version);
  cache.records.at(a->value().content.id).info.sha256 = sha256(origin.files[kUrl].bytes);
  TransferRequest known = request("b", "http://elsewhere.test/x");
  known.sha256 = sha256(origin.files[kUrl].bytes);
  const auto b = fetch(known);
  ASSERT_TRUE(b->ok()) << b->error().text();
  EXPECT_EQ(b->value().content.id, a->value().content.id);
  EXPECT_FALSE(b->value().version) << "a digest found it";
}

}  // namespace
}  // namespace larder::test
