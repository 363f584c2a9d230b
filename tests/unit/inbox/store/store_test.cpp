#include "inbox/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <latch>

#include "tests/support/fault_file_system.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using test::DiskCall;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = ExpectedFile::Kind;

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    EXPECT_TRUE(ask<Status>([&](auto done) { store_.make_directories(std::move(done)); }));
  }

  template <class T, class Call>
  T ask(Call call) {
    std::optional<T> answer;
    call([&](T result) { answer.emplace(std::move(result)); });
    EXPECT_FALSE(answer) << "not within the call";
    EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
    return std::move(*answer);
  }
  std::unique_ptr<Part> open(const std::string& id, std::uint64_t offset) {
    return ask<Result<std::unique_ptr<Part>>>(
               [&](auto done) { store_.open(id, offset, std::nullopt, std::move(done)); })
        .value();
  }
  static std::vector<Buffer> pieces(std::initializer_list<std::string_view> texts) {
    std::vector<Buffer> made;
    for (const auto text : texts) made.push_back(copy_of(as_bytes(text)));
    return made;
  }
  Status append(Part& part, std::initializer_list<std::string_view> texts) {
    return ask<Status>([&](auto done) { part.append(pieces(texts), nullptr, std::move(done)); });
  }
  Result<std::vector<std::string>> match(std::vector<ExpectedFile> expected) {
    return ask<Result<std::vector<std::string>>>([&](auto done) { store_.match(expected, std::move(done)); });
  }
  std::vector<std::string> list() {
    return ask<Result<std::vector<std::string>>>([&](auto done) { store_.list(std::move(done)); }).value();
  }
  std::string path(const std::string& name) { return directory_ / ("store/" + name); }
  [[nodiscard]] bool is_there(const std::string& name) { return real_->stat(path(name)).has_value(); }

  static std::string id(char letter) { return std::string(26, letter); }

  test::TempDirectory directory_;
  std::unique_ptr<FileSystem> real_ = make_posix_file_system();
  test::FaultFileSystem files_{*real_, directory_ / "graves"};
  test::VirtualLoop loop_;
  std::unique_ptr<WorkerPool> pool_ = std::make_unique<WorkerPool>("test", 2, 16);
  Store store_{files_, *pool_, loop_, directory_ / "store"};
};

TEST_F(StoreTest, APartIsWrittenHashedAndFinished) {
  auto part = open(id('a'), 0);
  ASSERT_TRUE(append(*part, {"one ", "two "}));
  ASSERT_TRUE(append(*part, {"three"}));
  EXPECT_EQ(part->end(), 13U);
  ASSERT_TRUE(ask<Status>([&](auto done) { part->sync(std::move(done)); }));
  part->keep();
  EXPECT_EQ(part->kept(), 13U);
  const auto digest = ask<Result<Digest>>([&](auto done) { part->hash(std::move(done)); });
  EXPECT_EQ(digest.value(), sha256(as_bytes("one two three")));
  ASSERT_TRUE(ask<Status>([&](auto done) { part->finish(std::move(done)); }));
  EXPECT_EQ(test::read_file(store_.content_path(id('a'))), "one two three");
  EXPECT_THAT(list(), ElementsAre(id('a')));
}

TEST_F(StoreTest, ThePartsDigestIsOfItsPiecesOnly) {
  auto part = open(id('a'), 0);
  ASSERT_TRUE(append(*part, {"before"}));
  auto hasher = std::make_shared<PartHasher>(PartDigest::Algorithm::sha256);
  ASSERT_TRUE(ask<Status>([&](auto done) { part->append(pieces({"pa", "rt"}), hasher, std::move(done)); }));
  const Digest right = sha256(as_bytes("part"));
  EXPECT_TRUE(hasher->equals({PartDigest::Algorithm::sha256, {right.begin(), right.end()}}));
}

TEST_F(StoreTest, AFullDiskIsSaid) {
  auto part = open(id('a'), 0);
  files_.set_budget(3);
  const Status full = append(*part, {"four"});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::disk_full);
  ASSERT_TRUE(ask<Status>([&](auto done) { part->cut(std::move(done)); }));
  EXPECT_EQ(part->end(), 0U);
}

TEST_F(StoreTest, WorkBeyondTheBoundIsRefused) {
  std::latch hold(1), held(1);
  pool_ = std::make_unique<WorkerPool>("test", 1, 1);
  Store store(files_, *pool_, loop_, directory_ / "store");
  ASSERT_TRUE(pool_->submit([&] {
    held.count_down();
    hold.wait();
  }));
  held.wait();
  ASSERT_TRUE(pool_->submit([] {}));
  const Status refused = ask<Status>([&](auto done) { store.remove({id('a')}, std::move(done)); });
  hold.count_down();
  pool_.reset();  // its thread has left the latches by then
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::busy);
}

TEST_F(StoreTest, FilesBecomeAsTheRowsHaveThem) {
  test::write_file(path("parts/" + part_name(id('a'))), "0123456789");  // longer than the row: cut
  test::write_file(path("content/" + id('b')), "0123456789");           // finished, and the row was lost
  test::write_file(path("parts/" + part_name(id('c'))), "01");          // shorter than the row
  test::write_file(path("content/" + id('d')), "0123");                 // right
  test::write_file(path("parts/" + part_name(id('d'))), "0123");        // its old name came back
  test::write_file(path("content/" + id('e')), "012");                  // not whole
  test::write_file(path("parts/" + part_name(id('f'))), "01");          // cancelled
  const auto missing = match({{id('a'), Kind::part, 4},
                              {id('b'), Kind::part, 6},
                              {id('c'), Kind::part, 4},
                              {id('d'), Kind::content, 4},
                              {id('e'), Kind::content, 4},
                              {id('f'), Kind::none, 0},
                              {id('g'), Kind::part, 0},  // nothing came yet
                              {id('h'), Kind::part, 1},
                              {id('i'), Kind::content, 0}});
  EXPECT_THAT(missing.value(), ElementsAre(id('c'), id('e'), id('h'), id('i')));
  EXPECT_EQ(test::read_file(path("parts/" + part_name(id('a')))), "0123");
  EXPECT_EQ(test::read_file(path("parts/" + part_name(id('b')))), "012345");
  EXPECT_FALSE(is_there("content/" + id('b')));
  EXPECT_TRUE(is_there("content/" + id('d')));
  EXPECT_FALSE(is_there("parts/" + part_name(id('d'))));
  EXPECT_FALSE(is_there("parts/" + part_name(id('f'))));
}

TEST_F(StoreTest, ADiskThatCannotSayIsNoMissingFile) {
  test::write_file(path("content/" + id('a')), "0123");
  files_.fail_nth(0, ErrorCode::disk_error, DiskCall::stat);
  EXPECT_EQ(match({{id('a'), Kind::content, 4}}).error().code, ErrorCode::disk_error);
  EXPECT_TRUE(match({{id('a'), Kind::content, 4}})->empty());
}

TEST_F(StoreTest, ListsItsOwnFilesOnlyAndRemovesThem) {
  test::write_file(path("parts/" + part_name(id('b'))), "x");
  test::write_file(path("content/" + id('b')), "x");
  test::write_file(path("content/" + id('a')), "x");
  test::write_file(path("content/notes.txt"), "of the administrator");
  EXPECT_THAT(list(), ElementsAre(id('a'), id('b')));
  ASSERT_TRUE(ask<Status>([&](auto done) { store_.remove({id('a'), id('b'), id('c')}, std::move(done)); }));
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_TRUE(is_there("content/notes.txt"));
}

TEST_F(StoreTest, TheSpaceIsAskedForOnceASecond) {
  const auto space = [&](Duration at) {
    return ask<Result<DiskSpace>>([&](auto done) { store_.space(SteadyTime(at), std::move(done)); });
  };
  files_.set_space(DiskSpace{100, 50});
  EXPECT_EQ(space(10s)->available, 50U);
  files_.set_space(DiskSpace{100, 40});
  EXPECT_EQ(space(10s + 999ms)->available, 50U);
  EXPECT_EQ(space(11s)->available, 40U);
  files_.fail_nth(0, ErrorCode::disk_error, DiskCall::space);
  EXPECT_FALSE(space(12s));
  EXPECT_EQ(space(12s)->available, 40U) << "an error is not kept";
}

class StoreReplyTest : public StoreTest {
 protected:
  Status put(const std::string& id, const std::string& body) {
    return ask<Status>([&](auto done) { store_.put_reply(id, body, std::move(done)); });
  }
  std::string reply(const std::string& id) {
    const auto opened = ask<Result<OpenReply>>([&](auto done) { store_.open_reply(id, std::move(done)); });
    if (!opened) return "none";
    std::string text(opened->size, '\0');
    EXPECT_EQ(opened->file->read_at(0, std::as_writable_bytes(std::span(text))).value(), text.size());
    return text;
  }
};

TEST_F(StoreReplyTest, AReplyIsWholeOrNotThere) {
  EXPECT_EQ(reply(id('a')), "none");
  ASSERT_TRUE(put(id('a'), "first"));
  EXPECT_EQ(reply(id('a')), "first");
  std::ofstream(path("replies/" + id('a') + ".new")) << "half";
  ASSERT_TRUE(put(id('a'), "second, and longer"));
  EXPECT_EQ(reply(id('a')), "second, and longer");
  EXPECT_FALSE(is_there("replies/" + id('a') + ".new"));
}

TEST_F(StoreReplyTest, WhatIsLeftOfRepliesIsFoundAndRemoved) {
  ASSERT_TRUE(put(id('a'), "reply"));
  std::ofstream(path("replies/" + id('b') + ".new")) << "half";
  std::ofstream(path("replies/" + id('c') + ".said")) << "by a program";
  std::ofstream(path("replies/notes")) << "of a person";
  EXPECT_THAT(list(), ElementsAre(id('a'), id('b'), id('c')));
  ASSERT_TRUE(ask<Status>([&](auto done) { store_.remove({id('a'), id('b'), id('c')}, std::move(done)); }));
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_TRUE(is_there("replies/notes")) << "it is no file of the store";
}

}  // namespace
}  // namespace larder::inbox
