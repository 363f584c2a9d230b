// The origin's edition changes: the file starts over, never mixes, and gives up in the end.
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

using agent::TransferRequest;

constexpr std::size_t kSize = 9 * kMiB + 4321;

class Restart : public ::testing::Test, public TransferLab {
 protected:
  Restart() { origin.files[kUrl] = make_file(kUrl, 1, kSize); }
  void publish_after(Duration delay, FakeFile file) {
    loop.after(delay, [this, file = std::move(file)]() mutable { origin.publish(kUrl, std::move(file)); });
  }
  void expect_edition(const Recorder& recorder, const FakeFile& file) {
    expect_whole(recorder, file.bytes);
    ASSERT_TRUE(recorder.ok());
    const auto& versions = recorder.value().content.versions;
    EXPECT_EQ(versions.front(), file.edition.version);
  }
};

TEST_F(Restart, MidwayAtManyOffsetsOnlyTheNewEditionIsKept) {
  for (int step = 1; step < 35; ++step) {
    TransferLab lab;
    lab.origin.files[kUrl] = make_file(kUrl, 1, kSize);
    lab.origin.files["http://origin.test/other"] = make_file("http://origin.test/other", 7, kSize);
    const FakeFile next = make_file(kUrl, 2, step % 2 == 0 ? kSize : kSize - 99);
    lab.loop.after(std::chrono::milliseconds(20 * step), [&] { lab.origin.publish(kUrl, next); });
    auto other = std::make_shared<Recorder>();
    (void)lab.start(TransferLab::request("other", "http://origin.test/other"), other);
    const auto got = lab.fetch_patiently(TransferLab::request("f"));
    ASSERT_TRUE(got->ok()) << got->error().text();
    lab.expect_whole(*got, next.bytes);
    EXPECT_EQ(got->value().content.versions.front(), next.edition.version) << step;
    EXPECT_EQ(got->value().figures.origin, next.bytes.size());
    EXPECT_TRUE(lab.loop.run_until([&] { return other->result.has_value(); }));
    lab.expect_whole(*other, lab.origin.files["http://origin.test/other"].bytes);
    EXPECT_EQ(other->value().figures.wasted, 0U) << "only the changed file starts over";
    for (const auto& progress : other->progress) EXPECT_EQ(progress.restarts, 0U);
    EXPECT_EQ(lab.cache.records.size(), 2U) << "the old edition is gone";
  }
}

TEST_F(Restart, TheSameETagWithAnotherDateIsAnotherEdition) {
  FakeFile next = make_file(kUrl, 2, kSize);
  next.edition.version.etag = origin.files[kUrl].edition.version.etag;
  next.edition.version.last_modified = "Tue, 03 Jan 2023 00:00:00 GMT";
  publish_after(std::chrono::milliseconds(400), next);
  const auto got = fetch(request("f"));
  expect_edition(*got, next);
  EXPECT_EQ(got->progress.back().restarts, 1U);
}

TEST_F(Restart, TheWasteIsWhatWasFetchedOfTheOldEdition) {
  const FakeFile next = make_file(kUrl, 2, kSize);
  publish_after(std::chrono::milliseconds(600), next);
  const auto got = fetch(request("f"));
  expect_edition(*got, next);
  EXPECT_EQ(got->value().figures.origin + got->value().figures.wasted, origin.delivered);
  EXPECT_GT(got->value().figures.wasted, cache::kMinSegment);
}

TEST_F(Restart, FourChangesAreAnErrorThatSaysSo) {
  for (int i = 1; i <= 12; ++i) {
    publish_after(std::chrono::milliseconds(300 * i), make_file(kUrl, static_cast<std::uint64_t>(i) + 1, kSize));
  }
  const auto got = fetch(request("f"));
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::version_changed);
  EXPECT_NE(got->error().detail.find("4 times"), std::string::npos) << got->error().text();
  EXPECT_EQ(got->progress.back().restarts, 3U);
  EXPECT_EQ(got->progress.back().figures.wasted, origin.delivered);
  EXPECT_TRUE(cache.records.empty());
}

TEST_F(Restart, ThreeChangesAreStillAFile) {
  FakeFile last;
  for (int i = 1; i <= 3; ++i) {
    last = make_file(kUrl, static_cast<std::uint64_t>(i) + 1, kSize);
    publish_after(std::chrono::milliseconds(300 * i), last);
  }
  const auto got = fetch(request("f"));
  expect_edition(*got, last);
}

TEST_F(Restart, AProbeThatSaysAnotherEditionThanTheGetIsNotTrustedAgain) {
  // A HEAD that always lies; the cache knows the URL, so that a probe is made.
  (void)cache.put({kUrl, 10, "\"old\"", ""}, edition_bytes(9, 10));
  origin.heads[kUrl] = make_file(kUrl, 5, kSize);
  const auto got = fetch(request("f"));
  expect_edition(*got, origin.files[kUrl]);
  EXPECT_EQ(origin.probes, 1U);
  EXPECT_EQ(got->value().figures.wasted, 0U);
}

TEST_F(Restart, WhatTheNewProbeFindsInTheCacheIsTaken) {
  const FakeFile next = make_file(kUrl, 2, kSize);
  (void)cache.put(next.edition.version, next.bytes);
  publish_after(std::chrono::milliseconds(400), next);
  const auto got = fetch(request("f"));
  expect_edition(*got, next);
  EXPECT_EQ(got->value().figures.cache, kSize);
  EXPECT_EQ(got->value().figures.wasted, origin.delivered);
}

TEST_F(Restart, AStaleProxyIsAnError) {
  origin.script = {Behaviour{{}, 2 * kMiB}, Behaviour{Error{ErrorCode::stale_proxy, "fetch", "proxy cache.lan"}}};
  const auto got = fetch(request("f"));
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::stale_proxy);
}

TEST_F(Restart, ParallelStreamsOfTwoEditionsAreNeverMixed) {
  for (int step = 1; step < 20; ++step) {
    TransferLab lab;
    lab.origin.files[kUrl] = make_file(kUrl, 1, kSize);
    const FakeFile next = make_file(kUrl, 2, kSize);
    lab.loop.after(std::chrono::milliseconds(17 * step), [&] { lab.origin.publish(kUrl, next); });
    TransferRequest asked = request("f");
    asked.parallel_ranges = 3;
    const auto got = lab.fetch_patiently(asked);
    ASSERT_TRUE(got->ok()) << got->error().text();
    const bool old = got->value().content.versions.front() != next.edition.version;
    lab.expect_whole(*got, old ? edition_bytes(1, kSize) : next.bytes);
  }
}

TEST_F(Restart, WithoutValidatorsAChangeIsAnErrorAndNotAMixture) {
  origin::Edition& edition = origin.files[kUrl].edition;
  edition.version.etag.clear();
  edition.version.last_modified.clear();
  FakeFile next = make_file(kUrl, 2, kSize);
  next.edition = edition;
  publish_after(std::chrono::milliseconds(400), next);
  const auto got = fetch(request("f"));
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::connection_lost);
  expect_whole(*fetch(request("f")), next.bytes);
}

}  // namespace
}  // namespace larder::test
