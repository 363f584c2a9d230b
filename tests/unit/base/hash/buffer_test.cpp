#include "base/hash/buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace larder {
namespace {

TEST(Buffer, AppendTakesWhatFits) {
  Buffer buffer(5);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.append(as_bytes("abc")), 3U);
  EXPECT_EQ(buffer.append(as_bytes("defg")), 2U);
  EXPECT_EQ(buffer.append(as_bytes("h")), 0U);
  EXPECT_EQ(buffer.size(), 5U);
  EXPECT_TRUE(std::ranges::equal(buffer.bytes(), as_bytes("abcde")));
}

TEST(Buffer, WritableIsTheRest) {
  Buffer buffer(4);
  EXPECT_EQ(buffer.append(as_bytes("a")), 1U);
  ASSERT_EQ(buffer.writable().size(), 3U);
  buffer.writable()[0] = std::byte{'b'};
  buffer.grow(1);
  EXPECT_TRUE(std::ranges::equal(buffer.bytes(), as_bytes("ab")));
}

TEST(Buffer, AnEmptyOneTakesNothing) {
  Buffer buffer;
  EXPECT_EQ(buffer.append(as_bytes("a")), 0U);
  EXPECT_EQ(buffer.append({}), 0U);
  EXPECT_EQ(buffer.capacity(), 0U);
  EXPECT_TRUE(buffer.bytes().empty());
}

TEST(Buffer, ACopyIsOfJustTheseBytes) {
  std::string text = "abc";
  const Buffer copy = copy_of(as_bytes(text));
  text = "xyz";
  EXPECT_EQ(copy.capacity(), 3U);
  EXPECT_TRUE(std::ranges::equal(copy.bytes(), as_bytes("abc")));
  EXPECT_TRUE(copy_of({}).empty());
}

}  // namespace
}  // namespace larder
