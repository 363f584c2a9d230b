// The kernel hands a TUN device with offloads up to 64 KiB of TCP in one packet, which a real device would send as many
// small ones. SentPacket knows these segments: the line treats each on its own, and those that arrive together are
// handed to the kernel as one again. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace larder::test {

// struct virtio_net_hdr of linux/virtio_net.h, which C++ does not take ("class" is a member of another struct there).
struct OffloadHeader {
  static constexpr std::uint8_t kNone = 0, kTcp4 = 1, kTcp6 = 4;

  std::uint8_t flags = 0, gso_type = kNone;
  std::uint16_t header_size = 0, gso_size = 0, checksum_start = 0, checksum_offset = 0;
};

class SentPacket {
 public:
  // `bytes` as read from the device: an OffloadHeader, then an IP packet. None where it is shorter than its headers
  // say.
  [[nodiscard]] static std::optional<SentPacket> read(std::span<const unsigned char> bytes);

  [[nodiscard]] std::size_t segments() const { return segments_; }
  // Bytes of a segment on the line, its IP and TCP headers included.
  [[nodiscard]] std::size_t size_of(std::size_t segment) const;
  // Segments first … first + count - 1, as they are to be written to a device (in place of what `out` has).
  void write_run(std::size_t first, std::size_t count, std::vector<unsigned char>& out) const;

 private:
  SentPacket() = default;
  [[nodiscard]] bool find_headers();
  [[nodiscard]] std::size_t payload() const { return packet_.size() - headers_; }
  void patch_ip(std::span<unsigned char> packet, std::size_t first) const;
  void patch_tcp(std::span<unsigned char> packet, std::size_t first, bool last) const;

  OffloadHeader header_;
  std::vector<unsigned char> packet_;
  bool ipv6_ = false;
  std::size_t ip_header_ = 0;  // bytes
  std::size_t headers_ = 0;    // IP and TCP
  std::size_t segments_ = 1;
};

}  // namespace larder::test
