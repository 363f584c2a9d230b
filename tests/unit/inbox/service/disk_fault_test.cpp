// The service over a disk that fails: nothing that was announced is lost, and a retry goes on from there.
#include "tests/unit/inbox/service/service_fixture.h"

namespace larder::inbox {
namespace {

using test::DiskCall;
using testing::IsEmpty;
using testing::SizeIs;

class DiskFaultTest : public ServiceTest {};

TEST_F(DiskFaultTest, AFullDiskIsSaidAtEachWrite) {
  const std::string id = make(12);
  ASSERT_TRUE(append(id, 0, "0123"));
  for (const bool half : {false, true}) {
    files_.short_writes(half);
    files_.set_budget(2);
    const auto full = append(id, 4, "4567");
    EXPECT_EQ(problem_of(full), Problem::no_space);
    EXPECT_EQ(full.error().upload->offset, 4U);
    files_.heal();
    EXPECT_EQ(look(id)->offset, 4U);
  }
  ASSERT_EQ(append(id, 4, "4567")->offset, 8U);
  ASSERT_TRUE(append(id, 8, "89ab"));
  EXPECT_EQ(content(id), "0123456789ab");
}

TEST_F(DiskFaultTest, WhatCouldNotBeSyncedIsNotTheUploads) {
  const std::string id = make(12);
  for (const DiskCall step :
       {DiskCall::open, DiskCall::stat, DiskCall::write, DiskCall::sync, DiskCall::sync_directory}) {
    files_.fail_nth(0, ErrorCode::disk_error, step);
    const auto failed = append(id, 0, "0123");
    EXPECT_EQ(problem_of(failed), Problem::failed) << static_cast<int>(step);
    EXPECT_TRUE(files_.failed());
    EXPECT_EQ(failed.error().upload->offset, 0U);
    EXPECT_EQ(look(id)->offset, 0U);
  }
  ASSERT_EQ(append(id, 0, "0123")->offset, 4U);
  ASSERT_TRUE(append(id, 4, "456789ab"));
  EXPECT_EQ(content(id), "0123456789ab");
}

// Where the cut fails as well, the bytes stay nobody's until the next opening.
TEST_F(DiskFaultTest, AFailedCutChangesNothing) {
  const std::string id = make(8);
  ASSERT_TRUE(append(id, 0, "0123"));
  files_.fail_all(ErrorCode::disk_error, DiskCall::truncate);
  files_.fail_nth(0, ErrorCode::disk_error, DiskCall::sync);
  EXPECT_EQ(problem_of(append(id, 4, "xxx")), Problem::failed);
  files_.heal();
  EXPECT_EQ(look(id)->offset, 4U);
  ASSERT_TRUE(append(id, 4, "4567"));
  EXPECT_EQ(content(id), "01234567");
}

TEST_F(DiskFaultTest, NothingIsAcceptedBeforeItsFileIsThere) {
  for (const DiskCall step : {DiskCall::sync, DiskCall::rename, DiskCall::sync_directory}) {
    const std::string id = make(4);
    files_.fail_nth(0, ErrorCode::disk_error, step);
    EXPECT_EQ(problem_of(append(id, 0, "0123")), Problem::failed);
    EXPECT_THAT(accepted_, IsEmpty());
    EXPECT_EQ(look(id)->offset, 0U) << "an offset equal to the size is told to nobody before";
    ASSERT_TRUE(append(id, 0, "0123"));
    EXPECT_EQ(content(id), "0123");
    EXPECT_THAT(accepted_, SizeIs(1));
    accepted_.clear();
  }
}

TEST_F(DiskFaultTest, ADeferredSizeIsSettledByTheNextRequest) {
  const std::string id = make(std::nullopt);
  ASSERT_TRUE(append(id, 0, "0123"));
  files_.fail_nth(0, ErrorCode::disk_error, DiskCall::rename);
  EXPECT_EQ(problem_of(complete(id)), Problem::failed);
  const auto watched = watch(id);
  EXPECT_EQ(watched->state, UploadState::receiving);
  EXPECT_EQ(watched->size, watched->offset);
  const auto looked = look(id);
  ASSERT_TRUE(looked);
  EXPECT_EQ(looked->state, UploadState::accepted);
  EXPECT_THAT(accepted_, SizeIs(1));
}

TEST_F(DiskFaultTest, AnAppendToOneThatWaitsForItsSealSettlesIt) {
  const std::string id = make(std::nullopt);
  ASSERT_TRUE(append(id, 0, "0123"));
  files_.fail_nth(0, ErrorCode::disk_error, DiskCall::rename);
  ASSERT_FALSE(complete(id));
  EXPECT_EQ(append(id, 4, "")->state, UploadState::accepted);
}

TEST_F(DiskFaultTest, OneThatWaitsForItsSealIsSettledAtTheStart) {
  const std::string id = make(std::nullopt);
  ASSERT_TRUE(append(id, 0, "0123"));
  files_.fail_nth(0, ErrorCode::disk_error, DiskCall::rename);
  ASSERT_FALSE(complete(id));
  restart();
  EXPECT_EQ((**report_).sealed, 1U);
  EXPECT_EQ(look(id)->state, UploadState::accepted);
  EXPECT_EQ(content(id), "0123");
}

TEST_F(DiskFaultTest, ALostFileFailsItsUpload) {
  const std::string id = make(8, "key"), whole = make(1);
  ASSERT_TRUE(append(id, 0, "0123"));
  ASSERT_TRUE(append(whole, 0, "x"));
  stop();
  ASSERT_TRUE(real_->remove(directory_ / ("store/parts/" + part_name(id))));
  ASSERT_TRUE(real_->remove(directory_ / ("store/content/" + whole)));
  start();
  EXPECT_THAT((**report_).damaged, testing::UnorderedElementsAre(id, whole));
  const auto lost = look(id);
  EXPECT_EQ(problem_of(lost), Problem::content_digest);
  EXPECT_EQ(lost.error().upload->answer->status, 500);
  EXPECT_EQ(look(whole)->state, UploadState::accepted) << "it was told, and a person has to look";
}

TEST_F(DiskFaultTest, FilesThatNoRowSpeaksOfGo) {
  const std::string id = make(8);
  ASSERT_TRUE(append(id, 0, "0123"));
  stop();
  test::write_file(directory_ / ("store/parts/" + part_name(std::string(26, 'z'))), "x");
  test::write_file(directory_ / ("store/content/" + std::string(26, 'y')), "x");
  test::write_file(directory_ / "store/content/notes", "of a person");
  start();
  EXPECT_EQ((**report_).orphans, 2U);
  EXPECT_EQ(files_in("parts"), 1U);
  EXPECT_EQ(files_in("content"), 1U);
  EXPECT_EQ(look(id)->offset, 4U);
}

TEST_F(DiskFaultTest, ACancellationStandsWhereItsFileStays) {
  const std::string id = make(8);
  ASSERT_TRUE(append(id, 0, "0123"));
  files_.fail_all(ErrorCode::disk_error, DiskCall::remove);
  EXPECT_TRUE(cancel(id));
  files_.heal();
  EXPECT_EQ(files_in("parts"), 1U);
  EXPECT_EQ(tidy(loop_.wall()).removed, 1U);
  EXPECT_EQ(files_in("parts"), 0U);
}

TEST_F(DiskFaultTest, ARecoveryThatCannotSeeTheDiskSaysSo) {
  stop();
  files_.fail_all(ErrorCode::disk_error, DiskCall::list);
  database_ = cache::Database::open(directory_ / "inbox.db", SqliteLedger::schema(), loop_).value();
  ledger_ = std::make_unique<SqliteLedger>(*database_);
  pool_ = std::make_unique<WorkerPool>("test", 2, 64);
  store_ = std::make_unique<Store>(files_, *pool_, loop_, directory_ / "store");
  uploads_ = std::make_unique<Uploads>(*ledger_, *store_, loop_.runtime(), settings_, hook_);
  const auto report = ask<Result<RecoveryReport>>([&](auto done) { uploads_->recover(std::move(done)); });
  EXPECT_FALSE(*report);
  files_.heal();
}

}  // namespace
}  // namespace larder::inbox
