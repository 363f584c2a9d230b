#include "inbox/service/append.h"

#include <latch>

#include "tests/unit/inbox/service/service_fixture.h"

namespace larder::inbox {
namespace {

constexpr std::size_t kPieces = 4;
constexpr std::string_view kPiece = "0123";

UploadSettings two_pieces_in_memory() {
  UploadSettings settings;
  settings.read_ahead = kPiece.size();
  settings.read_ahead_in_all = 2 * kPiece.size();
  return settings;
}

class AppendTest : public ServiceTest {
 protected:
  AppendTest() : ServiceTest(two_pieces_in_memory()) {}

  // An append that is open and waits for its first piece.
  Answer open(const std::string& id, ScriptedBody& body) {
    Answer answer = begin_append(part_at(id, 0), body);
    EXPECT_TRUE(loop_.wait_for([&] { return body.is_read(); }));
    return answer;
  }
  static void feed(ScriptedBody& body) {
    for (std::size_t i = 0; i < kPieces; ++i) body.piece(kPiece);
  }
};

// A thousand uploads at once have what they read in memory until it is written, not only until the disk was given it.
TEST_F(AppendTest, WhatIsBeingWrittenCountsAsReadAhead) {
  const std::string first = make(100), second = make(100);
  ScriptedBody body(loop_), other(loop_);
  const Answer answer = open(first, body), other_answer = open(second, other);
  std::latch busy(2), go_on(1);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(pool_->submit([&] {
      busy.count_down();
      go_on.wait();
    }));
  }
  busy.wait();
  feed(body);
  loop_.run_ready();
  EXPECT_EQ(body.left(), kPieces - 2) << "one piece for the disk, and one that waits";
  feed(other);
  loop_.run_ready();
  EXPECT_EQ(other.left(), kPieces - 1) << "the bound of all is reached: who has nothing in memory reads one piece";
  go_on.count_down();
  body.end();
  other.end();
  ASSERT_TRUE(wait(answer));
  ASSERT_TRUE(wait(other_answer));
  EXPECT_EQ(look(first)->offset, kPieces * kPiece.size());
  EXPECT_EQ(look(second)->offset, kPieces * kPiece.size());
}

}  // namespace
}  // namespace larder::inbox
