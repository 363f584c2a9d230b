#include "base/process/user_name.h"

#include <gtest/gtest.h>

namespace larder {
namespace {

TEST(UserName, ANameIsLookedUpAndANumberIsItself) {
  EXPECT_EQ(find_user("root"), uid_t{0});
  EXPECT_EQ(find_user("0"), uid_t{0});
  EXPECT_EQ(find_user("4294967294"), static_cast<uid_t>(-2));
}

TEST(UserName, WhatNobodyHasIsNobody) {
  EXPECT_EQ(find_user(""), std::nullopt);
  EXPECT_EQ(find_user("4294967295"), std::nullopt) << "-1 is no user";
  EXPECT_EQ(find_user("18446744073709551616"), std::nullopt);
  EXPECT_EQ(find_user("0x"), std::nullopt);
  EXPECT_EQ(find_user("no such user"), std::nullopt);
}

}  // namespace
}  // namespace larder
