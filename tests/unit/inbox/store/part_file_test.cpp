#include "inbox/store/part_file.h"

#include <gtest/gtest.h>

#include "inbox/store/part_digest.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_directory.h"

namespace larder::inbox {
namespace {

using test::DiskCall;

const std::string kId = std::string(26, 'a');

class PartFileTest : public testing::Test {
 protected:
  PartFileTest() {
    EXPECT_TRUE(files_.make_directories(paths_.parts()));
    EXPECT_TRUE(files_.make_directories(paths_.contents()));
  }

  std::unique_ptr<PartFile> open(std::uint64_t offset, std::optional<KnownHash> known = std::nullopt) {
    auto opened = PartFile::open(files_, paths_, kId, offset, std::move(known));
    EXPECT_TRUE(opened) << opened.error().text();
    return opened ? std::move(*opened) : nullptr;
  }
  // Bytes that are kept.
  void put(PartFile& part, std::string_view text) {
    ASSERT_TRUE(part.append(as_bytes(text)));
    ASSERT_TRUE(part.sync());
    part.keep();
  }
  std::string part_text() { return test::read_file(paths_.part(kId)); }
  static Digest whole(PartFile& part) {
    EXPECT_TRUE(part.hash_more(~0ULL).value());
    return part.digest();
  }

  test::TempDirectory directory_;
  std::unique_ptr<FileSystem> real_ = make_posix_file_system();
  test::FaultFileSystem files_{*real_, directory_ / "graves"};
  StorePaths paths_{directory_ / "store"};
};

TEST_F(PartFileTest, WhatIsKeptStaysAndTheRestIsCut) {
  auto part = open(0);
  put(*part, "kept");
  ASSERT_TRUE(part->append(as_bytes(" and not")));
  EXPECT_EQ(part->end(), 12U);
  ASSERT_TRUE(part->cut());
  EXPECT_EQ(part->end(), 4U);
  put(*part, " more");
  EXPECT_EQ(part_text(), "kept more");
  EXPECT_EQ(whole(*part), sha256(as_bytes("kept more")));
}

TEST_F(PartFileTest, OpeningCutsWhatTheLedgerDoesNotHave) {
  put(*open(0), "0123456789");
  auto part = open(4);
  EXPECT_EQ(part_text(), "0123");
  put(*part, "xy");
  EXPECT_EQ(whole(*part), sha256(as_bytes("0123xy"))) << "read again";
}

TEST_F(PartFileTest, AKnownHashSavesTheReading) {
  std::optional<KnownHash> known;
  {
    auto part = open(0);
    put(*part, "0123");
    known = part->known_hash();
  }
  const auto reads = files_.calls(DiskCall::read);
  auto part = open(4, std::move(known));
  put(*part, "45");
  EXPECT_EQ(whole(*part), sha256(as_bytes("012345")));
  EXPECT_EQ(files_.calls(DiskCall::read), reads);
}

TEST_F(PartFileTest, AKnownHashOfAnotherOffsetIsNotTaken) {
  auto first = open(0);
  put(*first, "0123");
  auto known = first->known_hash();
  put(*first, "45");
  auto part = open(6, std::move(known));
  EXPECT_EQ(whole(*part), sha256(as_bytes("012345")));
}

TEST_F(PartFileTest, TheHashIsReadInSteps) {
  put(*open(0), std::string(3'000'000, 'x'));
  auto part = open(3'000'000);
  EXPECT_FALSE(part->known_hash());
  EXPECT_FALSE(part->hash_more(2'000'000).value());
  EXPECT_TRUE(part->hash_more(1'000'000).value());
  EXPECT_EQ(part->digest(), sha256(as_bytes(std::string(3'000'000, 'x'))));
}

TEST_F(PartFileTest, MissingOrShorterThanTheLedgerIsDamage) {
  EXPECT_EQ(PartFile::open(files_, paths_, kId, 1, std::nullopt).error().code, ErrorCode::content_damaged);
  put(*open(0), "0123");
  EXPECT_EQ(PartFile::open(files_, paths_, kId, 5, std::nullopt).error().code, ErrorCode::content_damaged);
  EXPECT_EQ(part_text(), "0123");
}

TEST_F(PartFileTest, AnOtherErrorThanMissingIsNoDamage) {
  files_.fail_nth(0, ErrorCode::disk_error, DiskCall::open);
  EXPECT_EQ(PartFile::open(files_, paths_, kId, 1, std::nullopt).error().code, ErrorCode::disk_error);
}

TEST_F(PartFileTest, AFullDiskLeavesWhatIsKept) {
  auto part = open(0);
  put(*part, "kept");
  files_.short_writes(true);
  files_.set_budget(0);
  EXPECT_EQ(part->append(as_bytes("xxxx")).error().code, ErrorCode::disk_full);
  files_.heal();
  ASSERT_TRUE(part->cut());
  EXPECT_EQ(part_text(), "kept");
  put(*part, "!");
  EXPECT_EQ(whole(*part), sha256(as_bytes("kept!")));
}

TEST_F(PartFileTest, WhatWasSyncedSurvivesACrash) {
  {
    auto part = open(0);
    put(*part, "kept");
    ASSERT_TRUE(part->append(as_bytes("lost")));
  }
  files_.crash(nullptr);
  EXPECT_EQ(part_text(), "kept");
}

TEST_F(PartFileTest, AFinishedFileSurvivesACrashUnderItsName) {
  {
    auto part = open(0);
    ASSERT_TRUE(part->append(as_bytes("whole")));
    ASSERT_TRUE(part->finish());
    ASSERT_TRUE(part->finish()) << "may be repeated";
  }
  files_.crash(nullptr);
  EXPECT_EQ(test::read_file(paths_.content(kId)), "whole");
  EXPECT_FALSE(files_.stat(paths_.part(kId)));
}

TEST_F(PartFileTest, FinishFailsWithEachOfItsSteps) {
  for (const DiskCall step : {DiskCall::sync, DiskCall::rename, DiskCall::sync_directory}) {
    auto part = open(0);
    ASSERT_TRUE(part->append(as_bytes("whole")));
    files_.fail_nth(0, ErrorCode::disk_error, step);
    EXPECT_FALSE(part->finish());
    // The row says nothing of it, so what was not kept is cut off, wherever the file is.
    part = open(0);
    EXPECT_EQ(part_text(), "");
    EXPECT_FALSE(files_.stat(paths_.content(kId)));
  }
}

TEST(PartHasher, TellsWhetherThePartHasItsDigest) {
  const Digest right = sha256(as_bytes("part"));
  PartDigest expected{PartDigest::Algorithm::sha256, {right.begin(), right.end()}};
  PartHasher sha256_hasher(expected.algorithm);
  sha256_hasher.update(as_bytes("pa"));
  sha256_hasher.update(as_bytes("rt"));
  EXPECT_TRUE(sha256_hasher.equals(expected));
  sha256_hasher.update(as_bytes("Part"));
  EXPECT_FALSE(sha256_hasher.equals(expected));
  sha256_hasher.update(as_bytes("part"));
  expected.value.pop_back();
  EXPECT_FALSE(sha256_hasher.equals(expected));

  PartHasher sha1_hasher(PartDigest::Algorithm::sha1);
  sha1_hasher.update(as_bytes("abc"));
  EXPECT_TRUE(
      sha1_hasher.equals({PartDigest::Algorithm::sha1, from_hex("a9993e364706816aba3e25717850c26c9cd0d89d").value()}));
}

}  // namespace
}  // namespace larder::inbox
