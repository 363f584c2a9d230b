#include "peer/group/identity_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/runtime/loop.h"

#include "peer/membership/membership_rules.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_directory.h"

namespace larder::peer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr WallTime kNow = WallTime(std::chrono::seconds(1'790'000'000));

mode_t mode_of(const std::string& path) {
  struct stat facts {};
  EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
  return facts.st_mode & 07777U;
}

bool exists(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0;
}

class IdentityStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(initialise_crypto()); }

  IdentityChange made() { return decide_create({}, "Office", kNow).value(); }
  std::string file(const std::string& name) { return directory_ / ("identity/" + name); }
  std::string damage(const std::string& name, const std::string& bytes) {
    larder::test::write_file(file(name), bytes);
    const auto loaded = store_.load();
    return loaded ? "loaded" : loaded.error().text();
  }

  larder::test::TempDirectory directory_;
  larder::test::TempDirectory graves_;
  std::unique_ptr<FileSystem> real_ = make_posix_file_system();
  larder::test::FaultFileSystem files_{*real_, graves_.path()};
  IdentityStore store_{files_, directory_.path()};
};

TEST_F(IdentityStoreTest, NothingStoredIsNoError) {
  const auto loaded = store_.load();
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_FALSE(loaded->identity);
  EXPECT_FALSE(loaded->next_key);
}

TEST_F(IdentityStoreTest, AGroupComesBackWhole) {
  IdentityChange change = made();
  change.identity->old_keys = {GroupKey::generate(7), GroupKey::generate(6)};
  change.book->tokens = {{sha256(as_bytes("t")), kNow, 3, {change.identity->id()}}};
  change.book->enrolled = {{change.identity->id(), "desk-1", kNow}};
  ASSERT_TRUE(store_.apply(change));
  const auto loaded = store_.load();
  ASSERT_TRUE(loaded) << loaded.error().text();
  const Identity& was = *change.identity;
  const Identity& is = *loaded->identity;
  EXPECT_EQ(is.id(), was.id());
  EXPECT_EQ(is.key.seed(), was.key.seed());
  EXPECT_EQ(is.group.name, "Office");
  EXPECT_EQ(is.group.authority_pem, was.group.authority_pem);
  EXPECT_EQ(is.group.certificate_pem, was.group.certificate_pem);
  EXPECT_EQ(is.group.state, was.group.state);
  EXPECT_EQ(is.group.key.secret(), was.group.key.secret());
  ASSERT_EQ(is.old_keys.size(), 2U);
  EXPECT_EQ(is.old_keys[0].epoch(), 7U);
  EXPECT_EQ(is.old_keys[1].secret(), was.old_keys[1].secret());
  ASSERT_TRUE(is.is_authority());
  EXPECT_EQ(is.group.authority->seed(), was.group.authority->seed());
  EXPECT_EQ(loaded->book, *change.book);
}

TEST_F(IdentityStoreTest, OnlyTheOwnerMayReadIt) {
  ASSERT_TRUE(store_.apply(made()));
  EXPECT_EQ(mode_of(directory_ / "identity"), 0700U);
  EXPECT_EQ(mode_of(file("group")), 0600U);
  EXPECT_EQ(mode_of(file("book")), 0600U);
}

TEST_F(IdentityStoreTest, WhatOthersMayReadIsRefused) {
  ASSERT_TRUE(store_.apply(made()));
  for (const mode_t mode : {0640U, 0604U, 0620U, 0660U}) {
    ASSERT_EQ(::chmod(file("group").c_str(), mode), 0);
    const auto loaded = store_.load();
    ASSERT_FALSE(loaded) << mode;
    EXPECT_EQ(loaded.error().code, ErrorCode::permission_denied);
    EXPECT_THAT(loaded.error().text(), HasSubstr("chmod 600"));
  }
  ASSERT_EQ(::chmod(file("group").c_str(), 0600), 0);
  ASSERT_TRUE(store_.load());
  ASSERT_EQ(::chmod((directory_ / "identity").c_str(), 0750), 0);
  EXPECT_THAT(store_.load().error().text(), HasSubstr("chmod 700"));
  EXPECT_EQ(store_.apply(made()).error().code, ErrorCode::permission_denied) << "nothing is written there either";
}

TEST_F(IdentityStoreTest, ALinkIsNotFollowed) {
  ASSERT_TRUE(store_.apply(made()));
  ASSERT_EQ(::rename(file("group").c_str(), (directory_ / "elsewhere").c_str()), 0);
  ASSERT_EQ(::symlink((directory_ / "elsewhere").c_str(), file("group").c_str()), 0);
  EXPECT_FALSE(store_.load());
}

TEST_F(IdentityStoreTest, EveryCutAndEveryChangedByteIsFound) {
  ASSERT_TRUE(store_.apply(made()));
  for (const char* name : {"group", "book"}) {
    const std::string good = larder::test::read_file(file(name));
    for (std::size_t size = 0; size < good.size(); size += 97)
      EXPECT_THAT(damage(name, good.substr(0, size)), HasSubstr(file(name))) << size;
    for (std::size_t at = 0; at < good.size(); at += 61) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1);
      EXPECT_THAT(damage(name, bad), HasSubstr("restore it from a backup")) << at;
    }
    EXPECT_EQ(damage(name, good + "x").substr(0, 6), "cannot");
    EXPECT_EQ(damage(name, good), "loaded");
  }
  EXPECT_THAT(damage("group", larder::test::read_file(file("book"))), HasSubstr("another of Larder's files"));
}

TEST_F(IdentityStoreTest, PartsOfDifferentGroupsDoNotFit) {
  IdentityChange change = made();
  const IdentityChange other = made();
  const auto refusal = [](Identity identity) {
    const auto read = decode_identity(encode_identity(identity));
    return read ? "taken" : read.error().text();
  };
  Identity mixed = *change.identity;
  mixed.group.certificate_pem = other.identity->group.certificate_pem;
  EXPECT_THAT(refusal(mixed), HasSubstr("not this agent's"));
  mixed = *change.identity;
  mixed.group.authority_pem = other.identity->group.authority_pem;
  EXPECT_THAT(refusal(mixed), HasSubstr("did not sign"));
  mixed = *change.identity;
  mixed.group.key = other.identity->group.key;
  EXPECT_THAT(refusal(mixed), HasSubstr("group key"));
  mixed = *change.identity;
  mixed.group.state.version = 99;
  EXPECT_THAT(refusal(mixed), HasSubstr("did not sign its state"));
  mixed = *change.identity;
  mixed.group.authority = other.identity->group.authority;
  EXPECT_THAT(refusal(mixed), HasSubstr("another group's"));
}

TEST_F(IdentityStoreTest, ErrorsHoldNoSecret) {
  ASSERT_TRUE(store_.apply(made()));
  const std::string good = larder::test::read_file(file("group"));
  const auto identity = store_.load()->identity;
  const std::string text = damage("group", good.substr(0, good.size() - 1));
  EXPECT_THAT(text, Not(HasSubstr(to_hex(identity->key.seed()))));
  EXPECT_THAT(text, Not(HasSubstr(to_hex(identity->group.key.secret()))));
  EXPECT_THAT(text, Not(HasSubstr(good.substr(10, 32))));
}

TEST_F(IdentityStoreTest, LeavingTakesEverythingAway) {
  ASSERT_TRUE(store_.apply(made()));
  IdentityChange leave;
  leave.leave = true;
  ASSERT_TRUE(store_.apply(leave));
  for (const char* name : {"group", "book", "next-key"}) EXPECT_FALSE(exists(file(name))) << name;
  EXPECT_FALSE(store_.load()->identity);
}

TEST_F(IdentityStoreTest, WhatACrashLeftBetweenTwoFilesIsClearedAway) {
  // Left, but the book is still there: it belongs to nobody.
  ASSERT_TRUE(store_.apply(made()));
  const std::string old_book = larder::test::read_file(file("book"));
  ASSERT_EQ(::unlink(file("group").c_str()), 0);
  ASSERT_TRUE(store_.load());
  EXPECT_FALSE(exists(file("book")));
  // A book of an earlier group beside a new one: its invitations admit nobody.
  IdentityChange next = made();
  ASSERT_TRUE(store_.apply(next));
  larder::test::write_file(file("book"), old_book);
  ASSERT_EQ(::chmod(file("book").c_str(), 0600), 0);
  EXPECT_TRUE(store_.load()->book.tokens.empty());
  // Joined, but the key that was made for it is still there.
  IdentityChange key;
  key.next_key = AgentKey::generate();
  ASSERT_TRUE(store_.apply(key));
  const auto loaded = store_.load();
  ASSERT_TRUE(loaded && loaded->identity);
  EXPECT_FALSE(loaded->next_key);
  EXPECT_FALSE(exists(file("next-key")));
}

TEST_F(IdentityStoreTest, ACrashLeavesTheOldOrTheNew) {
  const IdentityChange before = made();
  IdentityChange after = before;
  Stored stored{before.identity, *before.book, {}};
  const auto revoked = decide_revoke(stored, AgentKey::generate().id(), kNow);
  ASSERT_TRUE(revoked);
  ASSERT_TRUE(store_.apply(before));
  std::size_t failures = 0;
  auto random = make_seeded_random(7);
  for (std::uint64_t call = 0;; ++call) {
    files_.fail_nth(call, ErrorCode::disk_error);
    const Status status = store_.apply(revoked->change);
    const bool failed = files_.failed();
    files_.crash(random.get());
    const auto loaded = store_.load();
    ASSERT_TRUE(loaded) << "call " << call << ": " << loaded.error().text();
    ASSERT_TRUE(loaded->identity) << call;
    const auto version = loaded->identity->group.state.version;
    EXPECT_TRUE(version == 1 || version == 2) << call;
    if (!failed) {
      EXPECT_TRUE(status);
      EXPECT_EQ(version, 2U) << "what was answered is durable";
      break;
    }
    EXPECT_FALSE(status) << call;
    ++failures;
    ASSERT_TRUE(store_.apply(before));
  }
  EXPECT_GT(failures, 6U) << "each step of two files failed once";
}

TEST_F(IdentityStoreTest, StartEpochsGrowWhateverTheClockDoes) {
  const auto first = store_.next_start_epoch(kNow);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, 1'790'000'000'000'000U);
  EXPECT_EQ(store_.next_start_epoch(kNow).value(), *first + 1);
  EXPECT_EQ(store_.next_start_epoch(kNow - std::chrono::hours(1000)).value(), *first + 2);
  EXPECT_GT(store_.next_start_epoch(kNow + std::chrono::seconds(1)).value(), *first + 3);
  IdentityStore again(files_, directory_.path());
  EXPECT_EQ(again.next_start_epoch(kNow).value(), *first + 1'000'001);
}

TEST_F(IdentityStoreTest, ADamagedStartEpochIsTheClock) {
  ASSERT_TRUE(store_.next_start_epoch(kNow));
  larder::test::write_file(file("start-epoch"), "nonsense");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(store_.next_start_epoch(kNow).value(), 1'790'000'000'000'000U);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("start epoch taken from the clock"));
  files_.fail_all(ErrorCode::disk_full, larder::test::DiskCall::write);
  EXPECT_EQ(store_.next_start_epoch(kNow).error().code, ErrorCode::disk_full) << "not durable: not used";
}

}  // namespace
}  // namespace larder::peer
