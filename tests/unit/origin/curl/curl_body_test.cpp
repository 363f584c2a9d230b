#include "origin/curl/curl_body.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace larder::origin {
namespace {

std::string take(CurlBody& body, std::size_t most) {
  std::vector<std::byte> into(most);
  const std::size_t got = body.take(into);
  return {reinterpret_cast<const char*>(into.data()), got};
}

void add(CurlBody& body, std::string_view bytes) {
  body.add(copy_of(as_bytes(bytes)));
}

TEST(CurlBody, ReturnsWhatItWasGivenInOrderWhateverThePieces) {
  CurlBody body(10);
  EXPECT_EQ(take(body, 4), "") << "nothing is there yet";
  add(body, "abc");
  add(body, "");
  add(body, "defg");
  EXPECT_EQ(take(body, 2), "ab");
  EXPECT_EQ(take(body, 4), "cdef") << "over the border of two pieces";
  EXPECT_EQ(take(body, 4), "g");
  EXPECT_EQ(body.taken(), 7U);
  EXPECT_FALSE(body.all_taken());
  add(body, "hij");
  EXPECT_EQ(take(body, 100), "hij");
  EXPECT_TRUE(body.all_taken());
  EXPECT_EQ(take(body, 100), "");
}

// The head said the length: a byte more would become part of the next request.
TEST(CurlBody, ReturnsNoByteBeyondItsLength) {
  CurlBody body(5);
  add(body, "abcd");
  add(body, "efgh");
  EXPECT_EQ(take(body, 100), "abcde");
  EXPECT_TRUE(body.all_taken());
  EXPECT_EQ(take(body, 100), "");
  CurlBody none(0);
  EXPECT_TRUE(none.all_taken());
  add(none, "a");
  EXPECT_EQ(take(none, 1), "");
}

TEST(CurlBody, TellsOfManyBytesAtOnceAndOfTheLastOnes) {
  CurlBody body(2 * CurlBody::kToldAtOnce + 1);
  add(body, std::string(2 * CurlBody::kToldAtOnce + 1, 'x'));
  EXPECT_EQ(take(body, CurlBody::kToldAtOnce - 1).size(), CurlBody::kToldAtOnce - 1);
  EXPECT_EQ(body.take_untold(false), 0U) << "not worth an event";
  EXPECT_EQ(take(body, 2).size(), 2U);
  EXPECT_EQ(body.take_untold(false), CurlBody::kToldAtOnce + 1);
  EXPECT_EQ(body.take_untold(true), 0U) << "told twice";
  EXPECT_EQ(take(body, 1).size(), 1U);
  EXPECT_EQ(body.take_untold(true), 1U) << "nothing more is there now";
  EXPECT_EQ(take(body, CurlBody::kToldAtOnce).size(), CurlBody::kToldAtOnce - 1);
  EXPECT_TRUE(body.all_taken());
  EXPECT_EQ(body.take_untold(false), CurlBody::kToldAtOnce - 1) << "the last bytes";
}

}  // namespace
}  // namespace larder::origin
