// Reads the packets; bits_answers.cpp answers them.
#include "inbox/wire/bits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text/text.h"

namespace larder::inbox {
namespace {

struct PacketName {
  std::string_view name;
  BitsPacket packet;
};
constexpr std::array kPackets = {
    PacketName{"Create-Session", BitsPacket::create}, PacketName{"Ping", BitsPacket::ping},
    PacketName{"Fragment", BitsPacket::fragment},     PacketName{"Close-Session", BitsPacket::close},
    PacketName{"Cancel-Session", BitsPacket::cancel},
};

Read<BitsPacket> packet_type(const http::RequestHead& head) {
  const auto name = needed_field(head, "BITS-Packet-Type");
  if (!name) return tl::unexpected(name.error());
  for (const PacketName& known : kPackets) {
    if (http::same_name(known.name, *name)) return known.packet;
  }
  return bad("its BITS-Packet-Type is not known");
}

// What holds for every packet (MC-BUP §2.2.1).
Read<void> check_packet(const http::RequestHead& head, BitsPacket packet) {
  if (head.minor == 0) return bad("BITS is spoken over HTTP/1.1 alone", 505);
  const auto is_long = [](const http::Field& field) { return field.value.size() > kMaxBitsValue; };
  if (std::any_of(head.fields.begin(), head.fields.end(), is_long))
    return bad(fmt::format("one of its fields has more than {} bytes", kMaxBitsValue));
  if (!head.content_length) return bad("it has no Content-Length");
  if (packet != BitsPacket::fragment && *head.content_length != 0) return bad("it has a body, and is no Fragment");
  const auto name = only_field(head, "Content-Name");
  if (!name) return tl::unexpected(name.error());
  if (*name && (*name)->size() > kMaxContentName) return bad("its Content-Name is too long");
  return {};
}

// A list of GUIDs, best first, with blanks or commas between them.
bool lists_protocol(std::string_view list) {
  for (std::size_t read = 0; read < kMaxProtocols; ++read) {
    const std::size_t start = list.find_first_not_of(" ,\t");
    if (start == std::string_view::npos) return false;
    list.remove_prefix(start);
    const std::size_t end = std::min(list.find_first_of(" ,\t"), list.size());
    if (http::same_name(list.substr(0, end), kBitsProtocol)) return true;
    list.remove_prefix(end);
  }
  return false;
}

Read<Operation> read_create(const http::RequestHead& head, const Target& target, const WireSettings& settings) {
  const auto protocols = needed_field(head, "BITS-Supported-Protocols");
  if (!protocols) return tl::unexpected(protocols.error());
  if (!lists_protocol(*protocols)) return bad(fmt::format("it does not offer the protocol {}", kBitsProtocol));
  MakeUpload create;
  create.upload.inbox = target.inbox;
  create.upload.key = target.key;
  create.upload.name = target.name;
  create.upload.url = asked_url(head, settings.base_url, settings.scheme);
  create.upload.dialect = Dialect::bits;
  return create;
}

// With or without braces. One that cannot be of this server is not known here, which is what the client has to hear.
Read<std::string> session_id(const http::RequestHead& head) {
  const auto value = needed_field(head, "BITS-Session-Id");
  if (!value) return tl::unexpected(value.error());
  std::string_view id = *value;
  if (id.size() > kMaxSessionId) return bad("its BITS-Session-Id is too long");
  if (id.size() >= 2 && id.front() == '{' && id.back() == '}') id = id.substr(1, id.size() - 2);
  if (!is_id_text(id)) return bad(Problem::unknown_upload, "its BITS-Session-Id is not of this server");
  return std::string(id);
}

Read<ContentRange> fragment_range(const http::RequestHead& head, const WireSettings& settings) {
  const auto value = needed_field(head, "Content-Range");
  if (!value) return tl::unexpected(value.error());
  const auto range = parse_content_range(*value);
  if (!range) return bad("its Content-Range is none of the form \"bytes FIRST-LAST/TOTAL\"");
  if (range->length() != head.content_length) return bad("its Content-Length is not the length of its Content-Range");
  if (range->total > settings.max_size)
    return bad(Problem::too_large, fmt::format("this inbox takes at most {} bytes", settings.max_size));
  if (settings.max_part && range->length() > *settings.max_part)
    return bad(Problem::part_too_large, fmt::format("a fragment has at most {} bytes here", *settings.max_part));
  return *range;
}

Read<Operation> read_fragment(const http::RequestHead& head, std::string id, const WireSettings& settings) {
  if (auto coded = refuse_coding(head); !coded) {
    coded.error().status = 0;  // 400, as every fault of a packet
    return tl::unexpected(coded.error());
  }
  const auto range = fragment_range(head, settings);
  if (!range) return tl::unexpected(range.error());
  SendPart append;
  append.part.id = std::move(id);
  append.part.offset = range->first;
  append.part.length = range->length();
  append.part.total = range->total;
  append.part.skips_known = true;
  return append;
}

Read<Operation> read_packet(const http::RequestHead& head, BitsPacket packet, const Target& target,
                            const WireSettings& settings) {
  if (packet == BitsPacket::create) return read_create(head, target, settings);
  auto id = session_id(head);
  if (!id) return tl::unexpected(id.error());
  if (packet == BitsPacket::fragment) return read_fragment(head, std::move(*id), settings);
  const bool closes = packet == BitsPacket::close;
  return LeaveSession{std::move(*id), closes, closes && settings.bits_empty_files};
}

}  // namespace

Read<std::optional<Request>> read_bits(const http::RequestHead& head, const Target& target,
                                       const WireSettings& settings) {
  const auto packet = packet_type(head);
  if (!packet) return tl::unexpected(packet.error());
  if (const auto fits = check_packet(head, *packet); !fits) return tl::unexpected(fits.error());
  if (*packet == BitsPacket::ping) return std::optional<Request>();
  auto operation = read_packet(head, *packet, target, settings);
  if (!operation) return tl::unexpected(operation.error());
  Request request;
  request.dialect = Dialect::bits;
  request.operation = std::move(*operation);
  request.base_url =
      settings.base_url.empty() ? fmt::format("{}://{}", settings.scheme, head.authority) : settings.base_url;
  return std::optional(std::move(request));
}

}  // namespace larder::inbox
