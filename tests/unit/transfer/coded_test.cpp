// Bytes in a coding are acceptable to whoever has their digest, and to nobody beside.
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

using agent::TransferRequest;

constexpr std::size_t kSize = 3 * kMiB;

class Coded : public ::testing::Test, public TransferLab {
 protected:
  Coded() {
    FakeFile file = make_file(kUrl, 1, kSize);
    file.edition.coded = true;
    file.edition.privacy = origin::Privacy::coded;
    origin.files[kUrl] = file;
    origin.behave = [](const origin::Fetch& fetch) {
      Behaviour behaviour;
      if (!fetch.target.bytes_proven) behaviour.refuse = Error{ErrorCode::bad_response, "read the answer", "gzip"};
      return behaviour;
    };
  }
  [[nodiscard]] static TransferRequest asking(const std::string& file, bool proven) {
    TransferRequest asked = request(file);
    asked.target.bytes_proven = proven;
    return asked;
  }
  void finish(std::initializer_list<std::shared_ptr<Recorder>> recorders) {
    EXPECT_TRUE(loop.run_until([&] {
      return std::all_of(recorders.begin(), recorders.end(), [](const auto& one) { return one->result.has_value(); });
    }));
    loop.run_ready();
  }
};

TEST_F(Coded, EachOfTwoAtOnceGetsWhatIsRightForIt) {
  for (const bool first : {true, false}) {
    const auto a = std::make_shared<Recorder>(), b = std::make_shared<Recorder>();
    start(asking(first ? "a1" : "a2", first), a);
    start(asking(first ? "b1" : "b2", !first), b);
    finish({a, b});
    const Recorder &with = first ? *a : *b, &without = first ? *b : *a;
    ASSERT_TRUE(with.ok()) << with.error().text();
    EXPECT_EQ(with.value().privacy, origin::Privacy::coded);
    ASSERT_FALSE(without.ok()) << "bytes that it did not ask for";
    EXPECT_EQ(without.code(), ErrorCode::bad_response);
  }
}

TEST_F(Coded, WhatAnOwnerAskedForIsNothingForTheNextOne) {
  const auto a = std::make_shared<Recorder>(), b = std::make_shared<Recorder>();
  const auto id = start(asking("a", true), a);
  start(asking("b", false), b);
  loop.run_ready();
  transfers->stop(id);
  a->stopped = true;
  finish({b});
  ASSERT_FALSE(b->ok());
  EXPECT_EQ(b->code(), ErrorCode::bad_response);
}

TEST_F(Coded, IsNotFoundByOthersAfterwards) {
  EXPECT_TRUE(fetch(asking("a", true))->ok());
  EXPECT_FALSE(fetch(asking("b", false))->ok());
  EXPECT_TRUE(fetch(asking("c", true))->ok());
}

TEST_F(Coded, AnErrorForOtherReasonsIsTheSameForAll) {
  origin.behave = [](const origin::Fetch&) {
    Behaviour behaviour;
    behaviour.refuse = Error{ErrorCode::bad_response, "read the answer", "two lengths"};
    return behaviour;
  };
  const auto a = std::make_shared<Recorder>(), b = std::make_shared<Recorder>();
  start(asking("a", false), a);
  start(asking("b", true), b);
  finish({a, b});
  EXPECT_FALSE(a->ok());
  EXPECT_FALSE(b->ok());
  EXPECT_LE(origin.fetches.size(), 2U);
}

}  // namespace
}  // namespace larder::test
