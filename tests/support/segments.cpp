#include "tests/support/segments.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace larder::test {
namespace {

constexpr std::size_t kIpv6Header = 40, kLeastIpv4Header = 20, kLeastTcpHeader = 20;
constexpr std::size_t kSequenceAt = 4, kLengthAt = 12, kFlagsAt = 13, kChecksumAt = 16;  // in the TCP header
constexpr unsigned kFin = 0x01, kPush = 0x08, kCwr = 0x80;

std::uint32_t read_number(std::span<const unsigned char> bytes, std::size_t at, std::size_t size) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = (number << 8U) | bytes[at + i];
  return number;
}

void write_number(std::span<unsigned char> bytes, std::size_t at, std::size_t size, std::uint32_t number) {
  for (std::size_t i = size; i-- > 0; number >>= 8U) bytes[at + i] = static_cast<unsigned char>(number & 0xFFU);
}

// Of an even number of bytes.
std::uint32_t sum_of(std::span<const unsigned char> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += read_number(bytes, i, 2);
  return sum;
}

std::uint32_t fold(std::uint32_t sum) {
  while (sum > 0xFFFFU) sum = (sum & 0xFFFFU) + (sum >> 16U);
  return sum;
}

}  // namespace

std::optional<SentPacket> SentPacket::read(std::span<const unsigned char> bytes) {
  SentPacket sent;
  if (bytes.size() <= sizeof sent.header_) return std::nullopt;
  std::memcpy(&sent.header_, bytes.data(), sizeof sent.header_);
  sent.packet_.assign(bytes.begin() + sizeof sent.header_, bytes.end());
  if (sent.header_.gso_type == OffloadHeader::kNone) return sent;
  if (!sent.find_headers() || sent.header_.gso_size == 0) return std::nullopt;
  sent.segments_ = std::max<std::size_t>(1, (sent.payload() + sent.header_.gso_size - 1) / sent.header_.gso_size);
  return sent;
}

// TCP over IPv4 or IPv6: no other packets of several segments are asked for (TunDevice).
bool SentPacket::find_headers() {
  ipv6_ = header_.gso_type == OffloadHeader::kTcp6;
  if (!ipv6_ && header_.gso_type != OffloadHeader::kTcp4) return false;
  // IPv6 may have extension headers; the kernel says where TCP begins.
  ip_header_ = ipv6_ ? header_.checksum_start : (packet_[0] & 0x0FU) * std::size_t{4};
  if (ip_header_ < (ipv6_ ? kIpv6Header : kLeastIpv4Header) || packet_.size() < ip_header_ + kLeastTcpHeader)
    return false;
  headers_ = ip_header_ + (packet_[ip_header_ + kLengthAt] >> 4U) * std::size_t{4};
  return headers_ >= ip_header_ + kLeastTcpHeader && packet_.size() >= headers_;
}

std::size_t SentPacket::size_of(std::size_t segment) const {
  if (segments_ == 1) return packet_.size();
  return headers_ + std::min<std::size_t>(header_.gso_size, payload() - segment * header_.gso_size);
}

void SentPacket::write_run(std::size_t first, std::size_t count, std::vector<unsigned char>& out) const {
  OffloadHeader header = header_;
  const std::size_t begin = first * header_.gso_size;
  const std::size_t size =
      segments_ == count ? packet_.size() - headers_ : std::min(count * header_.gso_size, payload() - begin);
  if (count == 1) {
    header.gso_type = OffloadHeader::kNone;
    header.gso_size = 0;
  }
  out.resize(sizeof header + headers_ + size);
  std::memcpy(out.data(), &header, sizeof header);
  std::memcpy(out.data() + sizeof header, packet_.data(), headers_);
  std::memcpy(out.data() + sizeof header + headers_, packet_.data() + headers_ + begin, size);
  if (segments_ == 1) return;
  const std::span<unsigned char> packet(out.data() + sizeof header, headers_ + size);
  patch_ip(packet, first);
  patch_tcp(packet, first, first + count == segments_);
}

void SentPacket::patch_ip(std::span<unsigned char> packet, std::size_t first) const {
  if (ipv6_) return write_number(packet, 4, 2, static_cast<std::uint32_t>(packet.size() - kIpv6Header));
  write_number(packet, 2, 2, static_cast<std::uint32_t>(packet.size()));
  write_number(packet, 4, 2, read_number(packet, 4, 2) + static_cast<std::uint32_t>(first));
  write_number(packet, 10, 2, 0);
  write_number(packet, 10, 2, ~fold(sum_of(packet.first(ip_header_))));
}

// The checksum is left to the kernel, as it is in what was read: the field has the sum of addresses, protocol and
// length.
void SentPacket::patch_tcp(std::span<unsigned char> packet, std::size_t first, bool last) const {
  const std::span<unsigned char> tcp = packet.subspan(ip_header_);
  const auto skipped = static_cast<std::uint32_t>(first * header_.gso_size);
  write_number(tcp, kSequenceAt, 4, read_number(tcp, kSequenceAt, 4) + skipped);
  unsigned flags = tcp[kFlagsAt];
  if (!last) flags &= ~(kFin | kPush);
  if (first != 0) flags &= ~kCwr;
  tcp[kFlagsAt] = static_cast<unsigned char>(flags);
  const auto addresses = ipv6_ ? packet.subspan(8, 32) : packet.subspan(12, 8);
  write_number(tcp, kChecksumAt, 2, fold(sum_of(addresses) + IPPROTO_TCP + static_cast<std::uint32_t>(tcp.size())));
}

}  // namespace larder::test
