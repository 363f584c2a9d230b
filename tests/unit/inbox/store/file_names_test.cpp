#include "inbox/store/file_names.h"

#include <gtest/gtest.h>

namespace larder::inbox {
namespace {

TEST(FileNames, AnIdIsAllOfItsBits) {
  EXPECT_EQ(make_upload_id(0, 0), std::string(26, 'a'));
  EXPECT_EQ(make_upload_id(~0ULL, ~0ULL), std::string(25, '7') + "4");  // three bits in the last letter: 11100
  EXPECT_EQ(make_upload_id(1ULL << 63, 0), "q" + std::string(25, 'a'));
  EXPECT_NE(make_upload_id(0, 1), make_upload_id(0, 0));
  EXPECT_TRUE(is_upload_id(make_upload_id(0x0123456789abcdef, 0xfedcba9876543210)));
}

TEST(FileNames, OnlyIdsAreIds) {
  EXPECT_FALSE(is_upload_id(""));
  EXPECT_FALSE(is_upload_id(std::string(25, 'a')));
  EXPECT_FALSE(is_upload_id(std::string(27, 'a')));
  EXPECT_FALSE(is_upload_id(std::string(25, 'a') + "A"));
  EXPECT_FALSE(is_upload_id(std::string(25, 'a') + "1"));
  EXPECT_FALSE(is_upload_id("../../aaaaaaaaaaaaaaaaaaaa"));
}

TEST(FileNames, APartNamesItsUpload) {
  const std::string id = make_upload_id(7, 9);
  EXPECT_EQ(id_of_part(part_name(id)), id);
  EXPECT_EQ(id_of_part(id + ".12-4096"), id);
  for (const std::string& other : {id, id + ".", id + ".-", id + ".1-", id + ".-0", id + ".x-0", id + ".1-0x",
                                   id + "-1.0", std::string("README"), id + ".1-" + std::string(21, '1')}) {
    EXPECT_FALSE(id_of_part(other)) << other;
  }
}

}  // namespace
}  // namespace larder::inbox
