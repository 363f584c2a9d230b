#include "origin/upload/source_identity.h"

#include <gtest/gtest.h>

namespace larder::origin {
namespace {

const SourceIdentity kBefore{1, 2, 10, 3, 4};

TEST(source_identity, the_same_file_is_no_error) {
  EXPECT_TRUE(check_source("a.bin", kBefore, kBefore));
  EXPECT_EQ(changes_of(kBefore, kBefore), "");
}

TEST(source_identity, each_part_of_it_counts_and_is_named) {
  const std::pair<SourceIdentity, const char*> cases[] = {
      {{9, 2, 10, 3, 4}, "its file system"},
      {{1, 9, 10, 3, 4}, "the file itself (it was replaced)"},
      {{1, 2, 11, 3, 4}, "its size (10 bytes, 11 now)"},
      {{1, 2, 10, 9, 4}, "its time of change"},
      {{1, 2, 10, 3, 9}, "its time of modification"},
  };
  for (const auto& [now, words] : cases) {
    const Status status = check_source("a.bin", kBefore, now);
    ASSERT_FALSE(status) << words;
    EXPECT_EQ(status.error().code, ErrorCode::source_changed);
    EXPECT_EQ(changes_of(kBefore, now), words);
  }
}

TEST(source_identity, the_error_names_the_file_and_all_that_differs) {
  EXPECT_EQ(check_source("a.bin", kBefore, {1, 2, 7, 8, 9}).error().text(),
            "cannot upload a.bin: it changed while it was uploaded: its size (10 bytes, 7 now), its time of "
            "modification, its time of change; upload it again when nothing writes to it, or with --spool");
}

// The symptoms of others: a file that is edited between two sessions is spliced; one that is touched is retried for
// ever.
TEST(source_identity, a_touched_file_and_a_log_that_grows_are_changes) {
  EXPECT_FALSE(check_source("log", kBefore, {1, 2, 10, 5, 5})) << "touched";
  EXPECT_FALSE(check_source("log", kBefore, {1, 2, 12, 5, 5})) << "grown";
}

}  // namespace
}  // namespace larder::origin
