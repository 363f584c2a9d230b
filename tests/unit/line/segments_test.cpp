#include "tests/support/segments.h"

#include <cstring>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::test {
namespace {

constexpr std::size_t kHeader = sizeof(OffloadHeader), kTcp = 32;  // TCP with 12 bytes of options
constexpr std::uint16_t kMss = 1000;
constexpr unsigned char kFinPushAckCwr = 0x99;

using Bytes = std::vector<unsigned char>;

void put(Bytes& bytes, std::size_t at, std::size_t size, std::uint32_t value) {
  for (std::size_t i = size; i-- > 0; value >>= 8U) bytes[at + i] = static_cast<unsigned char>(value);
}

std::uint32_t get(const Bytes& bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = (value << 8U) | bytes[at + i];
  return value;
}

std::uint32_t sum(const Bytes& bytes, std::size_t at, std::size_t size, std::uint32_t start = 0) {
  for (std::size_t i = 0; i < size; i += 2) start += get(bytes, at + i, 2);
  while (start > 0xFFFF) start = (start & 0xFFFFU) + (start >> 16U);
  return start;
}

// As the kernel hands over `payload` bytes of TCP in one packet.
Bytes large_packet(bool ipv6, std::size_t payload) {
  const std::size_t ip = ipv6 ? 40 : 20;
  Bytes bytes(kHeader + ip + kTcp + payload);
  OffloadHeader header{1,
                       ipv6 ? OffloadHeader::kTcp6 : OffloadHeader::kTcp4,
                       static_cast<std::uint16_t>(ip + kTcp),
                       kMss,
                       static_cast<std::uint16_t>(ip),
                       16};
  std::memcpy(bytes.data(), &header, kHeader);
  if (ipv6) {
    put(bytes, kHeader, 1, 0x60);
    put(bytes, kHeader + 4, 2, static_cast<std::uint32_t>(kTcp + payload));
  } else {
    put(bytes, kHeader, 1, 0x45);
    put(bytes, kHeader + 2, 2, static_cast<std::uint32_t>(ip + kTcp + payload));
    put(bytes, kHeader + 4, 2, 0xFFFF);  // identification
    put(bytes, kHeader + 10, 2, 0x1234);
  }
  for (std::size_t i = ipv6 ? 8U : 12U; i < ip; ++i) bytes[kHeader + i] = static_cast<unsigned char>(i * 7);
  put(bytes, kHeader + ip + 4, 4, 0xFFFFFF00);  // sequence number, close to its end
  bytes[kHeader + ip + 12] = (kTcp / 4) << 4U;
  bytes[kHeader + ip + 13] = kFinPushAckCwr;
  std::iota(bytes.end() - static_cast<std::ptrdiff_t>(payload), bytes.end(), static_cast<unsigned char>(0));
  return bytes;
}

struct Case {
  const char* name;
  std::size_t first, count;
  std::size_t payload;
  unsigned flags;
};

class Segments : public testing::TestWithParam<std::tuple<bool, Case>> {};

TEST_P(Segments, a_run_is_the_packet_that_a_device_would_have_sent) {
  const auto [ipv6, run] = GetParam();
  const std::size_t ip = ipv6 ? 40 : 20, packet = kHeader, tcp = packet + ip;
  const Bytes sent_bytes = large_packet(ipv6, 3500);
  const auto sent = SentPacket::read(sent_bytes);
  ASSERT_TRUE(sent);
  ASSERT_EQ(sent->segments(), 4U);
  EXPECT_EQ(sent->size_of(0), ip + kTcp + 1000);
  EXPECT_EQ(sent->size_of(3), ip + kTcp + 500);

  Bytes out(7, 0xEE);  // what it had is gone
  sent->write_run(run.first, run.count, out);
  ASSERT_EQ(out.size(), kHeader + ip + kTcp + run.payload);
  OffloadHeader header;
  std::memcpy(&header, out.data(), kHeader);
  EXPECT_EQ(header.gso_type != OffloadHeader::kNone, run.count > 1);
  EXPECT_EQ(header.gso_size, run.count > 1 ? kMss : 0);
  EXPECT_EQ(header.flags, 1) << "the checksum is left to the kernel";

  if (ipv6) {
    EXPECT_EQ(get(out, packet + 4, 2), kTcp + run.payload);
  } else {
    EXPECT_EQ(get(out, packet + 2, 2), ip + kTcp + run.payload);
    EXPECT_EQ(get(out, packet + 4, 2), (0xFFFF + run.first) & 0xFFFFU);
    EXPECT_EQ(sum(out, packet, ip), 0xFFFFU) << "the sum over a right IPv4 header";
  }
  EXPECT_EQ(get(out, tcp + 4, 4), static_cast<std::uint32_t>(0xFFFFFF00U + run.first * kMss));
  EXPECT_EQ(out[tcp + 13], run.flags);
  const auto length = static_cast<std::uint32_t>(kTcp + run.payload);
  EXPECT_EQ(get(out, tcp + 16, 2), sum(out, packet + (ipv6 ? 8 : 12), ipv6 ? 32 : 8, 6 + length));
  const auto from = sent_bytes.end() - 3500 + static_cast<std::ptrdiff_t>(run.first * kMss);
  EXPECT_TRUE(std::equal(out.end() - static_cast<std::ptrdiff_t>(run.payload), out.end(), from));
}

constexpr unsigned kAck = 0x10, kCwr = 0x80, kFinPush = 0x09;
INSTANTIATE_TEST_SUITE_P(table, Segments,
                         testing::Combine(testing::Bool(),
                                          testing::Values(Case{"all", 0, 4, 3500, kFinPushAckCwr},
                                                          Case{"the_first", 0, 1, 1000, kAck | kCwr},
                                                          Case{"from_the_middle", 1, 2, 2000, kAck},
                                                          Case{"to_the_end", 2, 2, 1500, kAck | kFinPush},
                                                          Case{"the_last", 3, 1, 500, kAck | kFinPush})),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param) ? "ipv6_" : "ipv4_") +
                                  std::get<1>(each.param).name;
                         });

TEST(Segments, any_other_packet_is_one_and_stays_as_it_is) {
  Bytes bytes(kHeader + 28, 0x45);
  std::memset(bytes.data(), 0, kHeader);
  const auto sent = SentPacket::read(bytes);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->segments(), 1U);
  EXPECT_EQ(sent->size_of(0), 28U);
  Bytes out;
  sent->write_run(0, 1, out);
  EXPECT_EQ(out, bytes);
}

TEST(Segments, what_is_shorter_than_its_headers_is_none) {
  EXPECT_FALSE(SentPacket::read(Bytes(kHeader)));
  for (const bool ipv6 : {false, true}) {
    Bytes whole = large_packet(ipv6, 0);
    EXPECT_TRUE(SentPacket::read(whole));
    whole.resize(whole.size() - 1);
    EXPECT_FALSE(SentPacket::read(whole));
    EXPECT_FALSE(SentPacket::read(std::span(whole).first(kHeader + 30)));
  }
}

}  // namespace
}  // namespace larder::test
