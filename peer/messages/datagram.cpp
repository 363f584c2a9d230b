#include "peer/messages/datagram.h"

#include <algorithm>
#include <limits>

#include "peer/common/wire.h"
#include "peer/messages/crowd_wire.h"

namespace larder::peer {
namespace {

constexpr std::uint32_t kMagic = 0x4c524452;  // "LRDR"
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kMaxHostName = 64;

constexpr std::uint8_t kHello = 1;
constexpr std::uint8_t kBye = 2;
constexpr std::uint8_t kAsk = 3;
constexpr std::uint8_t kHave = 4;
constexpr std::uint8_t kEvidence = 5;
constexpr std::uint8_t kCrowd = 6;
constexpr std::uint8_t kReach = 7;
// Flags of a Hello.
constexpr std::uint8_t kServing = 1;
constexpr std::uint8_t kProbe = 2;
// Flags of an Ask.
constexpr std::uint8_t kWantNone = 1;
constexpr std::string_view kHelloPurpose = "larder hello v1";

tl::unexpected<Error> malformed(std::string why) {
  return fail(ErrorCode::bad_response, "read a datagram", std::move(why));
}

// Names are shown to people: bytes that a terminal could obey (all but printable ASCII) are replaced.
char shown(char letter) {
  return letter > ' ' && letter < 0x7f ? letter : '?';
}

void write(WireWriter& out, const Hello& hello) {
  out.number(hello.catalogue_port);
  out.number(hello.swarm_port);
  out.number(static_cast<std::uint8_t>((hello.serving ? kServing : 0) | (hello.probe ? kProbe : 0)));
  out.number(hello.group_version);
  const std::string name = hello.name.substr(0, kMaxHostName);
  out.number(static_cast<std::uint8_t>(name.size()));
  out.bytes(as_bytes(name));
  out.number(static_cast<std::uint16_t>(hello.certificate.size()));
  out.bytes(hello.certificate);
  out.bytes(hello.signature);
  if (hello.protocol == 0) return;
  const std::string version = hello.version.substr(0, kMaxHelloVersion);
  out.number(hello.protocol);
  out.number(static_cast<std::uint8_t>(version.size()));
  out.bytes(as_bytes(version));
}

void write(WireWriter& out, const Bye& bye) {
  out.bytes(bye.signature);
}

void write(WireWriter& out, const Ask& ask) {
  out.number(ask.query);
  out.number(ask.threshold);
  out.number(static_cast<std::uint8_t>(ask.want_none ? kWantNone : 0));
  out.number(static_cast<std::uint8_t>(ask.keys.size()));
  for (const AskKey& key : ask.keys) {
    out.number(static_cast<std::uint8_t>(key.kind));
    out.bytes(key.key);
  }
}

void write(WireWriter& out, const Have& have) {
  out.number(have.query);
  out.number(have.load);
  out.number(static_cast<std::uint8_t>(have.items.size()));
  for (const HaveItem& item : have.items) {
    out.number(item.key);
    out.number(static_cast<std::uint8_t>(item.complete ? 1 : 0));
    out.number(item.size);
    out.bytes(item.version_key);
    out.number(static_cast<std::uint8_t>(item.segments.size()));
    out.bytes(item.segments);
  }
}

void write(WireWriter& out, const EvidenceMessage& evidence) {
  out.number(static_cast<std::uint16_t>(evidence.bytes.size()));
  out.bytes(evidence.bytes);
  out.number(static_cast<std::uint16_t>(evidence.certificate.size()));
  out.bytes(evidence.certificate);
}

void write(WireWriter& out, const CrowdMessage& crowd) {
  write_crowd(out, crowd.entries);
}

void write(WireWriter& out, const ReachMessage& reach) {
  out.number(static_cast<std::uint8_t>(reach.items.size()));
  for (const ReachItem& item : reach.items) {
    out.number(static_cast<std::uint8_t>(item.port));
    out.number(static_cast<std::uint8_t>(item.answers ? 1 : 0));
    out.number(item.number);
  }
}

// Returns the number of bytes of a signed message after its signature, which does not cover them.
std::size_t unsigned_size(const Message& message) {
  const auto* hello = std::get_if<Hello>(&message);
  if (hello == nullptr || hello->protocol == 0) return 0;
  return 2 + std::min(hello->version.size(), kMaxHelloVersion);
}

// Reads a signature. `body`: all the bytes that `in` reads; `signed_digest`: set to the digest of the signed bytes.
Signature read_signature(WireReader& in, Bytes body, Digest& signed_digest) {
  const std::size_t signed_size = body.size() - in.left();
  const Signature signature = in.array<64>();
  if (in.ok()) signed_digest = blake2b256(body.first(signed_size));
  return signature;
}

// Reads protocol and version. Nothing relies on them: unreadable ones are ignored, as if an earlier version had sent
// none.
void read_version(WireReader in, Hello& hello) {
  const auto protocol = in.number<std::uint8_t>();
  const std::size_t length = in.number<std::uint8_t>();
  const Bytes version = in.bytes(length);
  if (!in.ok() || protocol == 0) return;
  hello.protocol = protocol;
  for (const std::byte byte : version.first(std::min(version.size(), kMaxHelloVersion))) {
    hello.version += shown(static_cast<char>(byte));
  }
}

Result<Message> read_hello(WireReader& in, Bytes body, Digest& signed_digest) {
  Hello hello;
  hello.catalogue_port = in.number<std::uint16_t>();
  hello.swarm_port = in.number<std::uint16_t>();
  const auto flags = in.number<std::uint8_t>();
  hello.serving = (flags & kServing) != 0;
  hello.probe = (flags & kProbe) != 0;
  hello.group_version = in.number<std::uint32_t>();
  const std::size_t length = in.number<std::uint8_t>();
  if (length > kMaxHostName) return malformed("a host name is too long");
  for (const std::byte byte : in.bytes(length)) hello.name += shown(static_cast<char>(byte));
  const std::size_t certificate = in.number<std::uint16_t>();
  if (certificate > kMaxHelloCertificate) return malformed("a certificate is too long");
  const Bytes der = in.bytes(certificate);
  hello.certificate.assign(der.begin(), der.end());
  hello.signature = read_signature(in, body, signed_digest);
  read_version(in, hello);
  return hello;
}

Result<Message> read_bye(WireReader& in, Bytes body, Digest& signed_digest) {
  return Bye{read_signature(in, body, signed_digest)};
}

Result<Message> read_ask(WireReader& in) {
  Ask ask;
  ask.query = in.number<std::uint32_t>();
  ask.threshold = in.number<std::uint16_t>();
  ask.want_none = (in.number<std::uint8_t>() & kWantNone) != 0;
  const std::size_t count = in.number<std::uint8_t>();
  if (count == 0 || count > kMaxAskKeys) return malformed("it asks for no key or for too many");
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    AskKey key;
    // A key of an unknown kind keeps its place: answers name keys by their index.
    key.kind = static_cast<KeyKind>(in.number<std::uint8_t>());
    key.key = in.array<32>();
    ask.keys.push_back(key);
  }
  return ask;
}

Result<Message> read_have(WireReader& in) {
  Have have;
  have.query = in.number<std::uint32_t>();
  have.load = in.number<std::uint8_t>();
  const std::size_t count = in.number<std::uint8_t>();
  if (count > kMaxAskKeys) return malformed("it answers more keys than can be asked");
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    HaveItem item;
    item.key = in.number<std::uint8_t>();
    item.complete = (in.number<std::uint8_t>() & 1) != 0;
    item.size = in.number<std::uint64_t>();
    item.version_key = in.array<32>();
    const std::size_t bitmap = in.number<std::uint8_t>();
    if (bitmap > kMaxSegmentBitmap) return malformed("a bitmap of segments is too long");
    const Bytes bits = in.bytes(bitmap);
    item.segments.assign(bits.begin(), bits.end());
    if (item.key >= kMaxAskKeys) return malformed("it answers a key that cannot have been asked");
    have.items.push_back(std::move(item));
  }
  return have;
}

Result<Message> read_evidence(WireReader& in) {
  const std::size_t length = in.number<std::uint16_t>();
  if (length == 0 || length > kMaxEvidence) return malformed("its evidence is empty or too long");
  const Bytes bytes = in.bytes(length);
  EvidenceMessage evidence{{bytes.begin(), bytes.end()}, {}};
  if (in.left() == 0) return evidence;  // sent by an earlier version of Larder
  const std::size_t certificate = in.number<std::uint16_t>();
  if (certificate > kMaxHelloCertificate) return malformed("a certificate is too long");
  const Bytes der = in.bytes(certificate);
  evidence.certificate.assign(der.begin(), der.end());
  return evidence;
}

Result<Message> read_crowd_message(WireReader& in) {
  auto entries = read_crowd(in);
  if (!entries) return malformed(std::move(entries.error()));
  return CrowdMessage{std::move(*entries)};
}

// Reads a REACH; items of unknown kinds of port are skipped.
Result<Message> read_reach(WireReader& in) {
  ReachMessage reach;
  const std::size_t count = in.number<std::uint8_t>();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const auto port = in.number<std::uint8_t>();
    const bool answers = (in.number<std::uint8_t>() & 1) != 0;
    const auto number = in.number<std::uint16_t>();
    if (port != static_cast<std::uint8_t>(ReachPort::catalogue) && port != static_cast<std::uint8_t>(ReachPort::swarm))
      continue;
    if (reach.items.size() < kMaxReachItems) reach.items.push_back({static_cast<ReachPort>(port), answers, number});
  }
  return reach;
}

Result<Message> read_message(std::uint8_t kind, WireReader& in, Bytes body, Digest& signed_digest) {
  switch (kind) {
    case kHello:
      return read_hello(in, body, signed_digest);
    case kBye:
      return read_bye(in, body, signed_digest);
    case kAsk:
      return read_ask(in);
    case kHave:
      return read_have(in);
    case kEvidence:
      return read_evidence(in);
    case kCrowd:
      return read_crowd_message(in);
    case kReach:
      return read_reach(in);
    default:
      return malformed("its kind is unknown");
  }
}

std::vector<std::byte> envelope(std::uint32_t group_tag, std::uint32_t key_epoch) {
  WireWriter out;
  out.number(kMagic);
  out.number(group_tag);
  // The top byte is the format, so that an epoch can never be taken for another format.
  out.number((static_cast<std::uint32_t>(kFormat) << 24) | (key_epoch & 0xffffff));
  return out.take();
}

}  // namespace

std::vector<std::byte> encode_body(const Datagram& datagram) {
  WireWriter out;
  out.number(static_cast<std::uint8_t>(datagram.message.index() + 1));
  out.bytes(datagram.sender);
  out.number(datagram.start_epoch);
  out.number(datagram.sequence);
  std::visit([&out](const auto& message) { write(out, message); }, datagram.message);
  return out.take();
}

Result<Datagram> decode_body(Bytes body) {
  WireReader in(body);
  Datagram datagram;
  const auto kind = in.number<std::uint8_t>();
  datagram.sender = in.array<32>();
  datagram.start_epoch = in.number<std::uint64_t>();
  datagram.sequence = in.number<std::uint64_t>();
  auto message = read_message(kind, in, body, datagram.signed_digest);
  if (!message) return tl::unexpected<Error>(message.error());
  // Bytes beyond the known fields are of a later version of Larder and are skipped.
  if (!in.ok()) return malformed("it ends too early");
  datagram.message = std::move(*message);
  return datagram;
}

Result<std::vector<std::byte>> encode(const Datagram& datagram, std::uint32_t group_tag, const GroupKey& key) {
  std::vector<std::byte> packet = envelope(group_tag, key.epoch());
  const std::vector<std::byte> sealed = key.seal(packet, encode_body(datagram));
  packet.insert(packet.end(), sealed.begin(), sealed.end());
  if (packet.size() > kMaxDatagram) {
    return fail(ErrorCode::too_large, "send a datagram",
                "it has " + std::to_string(packet.size()) + " bytes, more than " + std::to_string(kMaxDatagram));
  }
  return packet;
}

std::optional<Envelope> read_envelope(Bytes packet) {
  if (packet.size() < kEnvelopeSize || packet.size() > kMaxDatagram) return std::nullopt;
  WireReader in(packet);
  if (in.number<std::uint32_t>() != kMagic) return std::nullopt;
  Envelope envelope;
  envelope.group_tag = in.number<std::uint32_t>();
  const auto format_and_epoch = in.number<std::uint32_t>();
  if (format_and_epoch >> 24 != kFormat) return std::nullopt;
  envelope.key_epoch = format_and_epoch & 0xffffff;
  return envelope;
}

Result<Datagram> decode(Bytes packet, const GroupKey& key) {
  if (!read_envelope(packet)) return malformed("it is not a datagram of Larder");
  const auto body = key.open(packet.first(kEnvelopeSize), packet.subspan(kEnvelopeSize));
  if (!body) return malformed("its seal does not open under the group's key");
  return decode_body(*body);
}

namespace {
// Returns the bytes that are signed, of a Hello or a Bye: the digest covers the kind, so they cannot be confused.
std::vector<std::byte> signed_statement(const Digest& signed_digest, std::uint32_t group_tag, std::uint32_t key_epoch) {
  WireWriter out;
  out.bytes(as_bytes(kHelloPurpose));
  out.number(group_tag);
  out.number(key_epoch);
  out.bytes(signed_digest);
  return out.take();
}
}  // namespace

void sign_datagram(Datagram& datagram, const AgentKey& key, std::uint32_t group_tag, std::uint32_t key_epoch) {
  const std::vector<std::byte> body = encode_body(datagram);
  const std::size_t after = sizeof(Signature) + unsigned_size(datagram.message);
  datagram.signed_digest = blake2b256(Bytes(body).first(body.size() - after));
  const Signature signature = key.sign(signed_statement(datagram.signed_digest, group_tag, key_epoch));
  if (auto* hello = std::get_if<Hello>(&datagram.message)) hello->signature = signature;
  if (auto* bye = std::get_if<Bye>(&datagram.message)) bye->signature = signature;
}

bool signature_holds(const Datagram& datagram, std::uint32_t group_tag, std::uint32_t key_epoch) {
  const auto* hello = std::get_if<Hello>(&datagram.message);
  const auto* bye = std::get_if<Bye>(&datagram.message);
  if (hello == nullptr && bye == nullptr) return false;
  return verify(datagram.sender, signed_statement(datagram.signed_digest, group_tag, key_epoch),
                hello != nullptr ? hello->signature : bye->signature);
}

bool answers(const AgentId& self, const AgentId& asker, const Ask& ask) {
  if (ask.threshold == std::numeric_limits<std::uint16_t>::max()) return true;
  WireWriter draw;
  draw.bytes(self);
  draw.bytes(asker);
  draw.number(ask.query);
  const Digest digest = blake2b256(draw.take());
  const auto value =
      static_cast<std::uint16_t>((static_cast<unsigned>(digest[0]) << 8) | static_cast<unsigned>(digest[1]));
  return value < ask.threshold;
}

std::uint16_t threshold_for(std::size_t peers, std::size_t wanted) {
  constexpr auto kAll = std::numeric_limits<std::uint16_t>::max();
  if (peers <= wanted) return kAll;
  return static_cast<std::uint16_t>(std::min<std::size_t>(kAll - 1, wanted * kAll / peers));
}

}  // namespace larder::peer
