#include "base/local_address.h"

#include <gtest/gtest.h>

namespace larder {
namespace {

TEST(LocalAddress, IsToldFromThoseOfOthers) {
  for (const char* own : {"127.0.0.1", "127.3.2.1", "::1", "0.0.0.0"}) EXPECT_FALSE(is_foreign_address(own)) << own;
  // Reserved for documentation: no machine has them.
  for (const char* foreign : {"192.0.2.1", "198.51.100.7", "2001:db8::1"}) {
    EXPECT_TRUE(is_foreign_address(foreign)) << foreign;
  }
}

TEST(LocalAddress, WhatCannotBeToldIsNotForeign) {
  for (const char* none : {"", "localhost", "fe80::1", "1.2.3", "::1%lo"})
    EXPECT_FALSE(is_foreign_address(none)) << none;
}

}  // namespace
}  // namespace larder
