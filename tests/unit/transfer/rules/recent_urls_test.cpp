#include "agent/transfer/rules/recent_urls.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

using std::chrono::seconds;

const SteadyTime kStart{std::chrono::hours(1)};

TEST(RecentUrls, AnAnswerHoldsUntilTheUrlIsGot) {
  RecentUrls recent;
  EXPECT_TRUE(recent.unchanged_since("http://a/x", kStart));
  recent.add("http://a/x", kStart + seconds(1));
  EXPECT_FALSE(recent.unchanged_since("http://a/x", kStart));
  EXPECT_FALSE(recent.unchanged_since("http://a/x", kStart + seconds(1))) << "which was first is not known";
  EXPECT_TRUE(recent.unchanged_since("http://a/x", kStart + seconds(2)));
  EXPECT_TRUE(recent.unchanged_since("http://a/y", kStart));
}

TEST(RecentUrls, WhatIsForgottenIsNotVouchedFor) {
  RecentUrls recent;
  recent.add("http://a/x", kStart);
  recent.add("http://a/y", kStart + RecentUrls::kKept + seconds(1));
  EXPECT_FALSE(recent.unchanged_since("http://a/x", kStart));
  EXPECT_FALSE(recent.unchanged_since("http://a/z", kStart)) << "it may have been got by then";
  EXPECT_TRUE(recent.unchanged_since("http://a/z", kStart + seconds(1)));
}

TEST(RecentUrls, IsBounded) {
  RecentUrls recent;
  for (std::size_t i = 0; i <= RecentUrls::kMax; ++i) {
    recent.add("http://a/" + std::to_string(i), kStart + std::chrono::microseconds(i));
  }
  EXPECT_FALSE(recent.unchanged_since("http://a/other", kStart));
  EXPECT_TRUE(recent.unchanged_since("http://a/other", kStart + std::chrono::microseconds(1)));
}

}  // namespace
}  // namespace larder::agent
