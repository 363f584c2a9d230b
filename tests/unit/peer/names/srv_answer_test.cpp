// Answers with SRV records, as they come from strangers.
#include "peer/names/srv_answer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace larder::peer {
namespace {

using std::chrono::seconds;

// As a name server answers "_larder._udp.office.example": one record beside what is not asked for.
std::vector<std::byte> answer() {
  return *from_hex(
      "1234"
      "8180"
      "0001"
      "0002"
      "0000"
      "0000"
      "07"
      "5f6c6172646572"
      "04"
      "5f756470"
      "06"
      "6f6666696365"
      "07"
      "6578616d706c65"
      "00"
      "0021"
      "0001"
      "c00c"
      "0021"
      "0001"
      "0000003c"
      "000c"
      "000a"
      "0005"
      "1d33"
      "03"
      "706337"
      "c019"
      "c00c"
      "0021"
      "0001"
      "0000001e"
      "000c"
      "0001"
      "0005"
      "1d33"
      "03"
      "706338"
      "c019");
}

TEST(SrvAnswer, RecordsComeByPriorityWithTheShortestTtl) {
  const auto parsed = parse_srv_answer(answer());
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->records,
            (std::vector<SrvRecord>{{1, 5, 7475, "pc8.office.example"}, {10, 5, 7475, "pc7.office.example"}}));
  EXPECT_EQ(parsed->ttl, seconds(30));
}

TEST(SrvAnswer, CutAnywhereIsRefused) {
  const auto whole = answer();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_srv_answer(Bytes(whole).first(size))) << size;
  }
}

TEST(SrvAnswer, ErrorsOfTheServerAreTold) {
  auto none = answer();
  none[3] = std::byte{0x83};
  EXPECT_EQ(parse_srv_answer(none).error().code, ErrorCode::not_found);
  none[3] = std::byte{0x82};
  EXPECT_EQ(parse_srv_answer(none).error().code, ErrorCode::name_not_resolved);
  none[2] = std::byte{0x01};
  EXPECT_EQ(parse_srv_answer(none).error().code, ErrorCode::bad_response);
}

TEST(SrvAnswer, APointerThatLeadsToItselfEnds) {
  auto loop = answer();
  loop[12] = std::byte{0xc0};
  loop[13] = std::byte{0x0c};
  EXPECT_FALSE(parse_srv_answer(loop));
}

TEST(SrvAnswer, NoServiceAndBadTargetsAreLeftOut) {
  const auto dot =
      parse_srv_answer(*from_hex("123481800000000100000000"
                                 "00"
                                 "0021"
                                 "0001"
                                 "0000003c"
                                 "0007"
                                 "0000"
                                 "0000"
                                 "0000"
                                 "00"));
  ASSERT_TRUE(dot);
  EXPECT_TRUE(dot->records.empty());
  const auto odd =
      parse_srv_answer(*from_hex("123481800000000100000000"
                                 "00"
                                 "0021"
                                 "0001"
                                 "0000003c"
                                 "000b"
                                 "0000"
                                 "0000"
                                 "1d33"
                                 "03"
                                 "612062"
                                 "00"));
  ASSERT_TRUE(odd) << odd.error().text();
  EXPECT_TRUE(odd->records.empty()) << "a space is in the name";
}

TEST(SrvAnswer, OfManyTheBestAreKeptWhereverTheyStand) {
  std::string hex = "123481800000012c00000000";  // 300 records
  for (int i = 300; i > 0; --i) {
    const std::string priority = fmt::format("{:04x}", (i + 1) / 2);
    hex += "000021000100000e100009" + priority + fmt::format("{:04x}", i) + "1d33" + "016100";  // "a"
  }
  const auto parsed = parse_srv_answer(*from_hex(hex));
  ASSERT_TRUE(parsed) << parsed.error().text();
  ASSERT_EQ(parsed->records.size(), kMaxSrvRecords);
  EXPECT_EQ(parsed->records[0], (SrvRecord{1, 2, 7475, "a"})) << "of one priority the heavier is first";
  EXPECT_EQ(parsed->records[1], (SrvRecord{1, 1, 7475, "a"}));
  EXPECT_EQ(parsed->records[63], (SrvRecord{32, 63, 7475, "a"}));
}

}  // namespace
}  // namespace larder::peer
