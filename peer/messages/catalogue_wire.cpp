#include "peer/messages/catalogue_wire.h"

#include <algorithm>
#include <string_view>

#include "peer/common/wire.h"

namespace larder::peer {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kMaxState = 256 * kKiB;  // more than a full list of revoked agents
// Flags of a manifest.
constexpr std::uint8_t kComplete = 1;
constexpr std::uint8_t kHasBytes = 2;
// The least size of one item: bounds the memory that is reserved for a count.
constexpr std::size_t kLeastSegment = 8 + 32 + 2;
constexpr std::size_t kLeastCertificate = 32 + 2;

tl::unexpected<Error> malformed(std::string_view what, std::string why) {
  return fail(ErrorCode::bad_response, "read " + std::string(what), std::move(why));
}

WireWriter begin() {
  WireWriter out;
  out.number(kFormat);
  return out;
}

void write_text(WireWriter& out, std::string_view text) {
  out.number(static_cast<std::uint16_t>(text.size()));
  out.bytes(as_bytes(text));
}

void write(WireWriter& out, const Endpoint& endpoint) {
  out.bytes(endpoint.address);
  out.number(endpoint.port);
}

void write(WireWriter& out, const CatalogueHolder& holder) {
  out.bytes(holder.agent);
  write(out, holder.catalogue);
  write(out, holder.swarm);
}

void write(WireWriter& out, const std::vector<CatalogueHolder>& holders) {
  out.number(static_cast<std::uint8_t>(std::min(holders.size(), kMaxHolders)));
  for (std::size_t i = 0; i < std::min(holders.size(), kMaxHolders); ++i) write(out, holders[i]);
}

void write(WireWriter& out, const std::vector<AttesterCertificate>& certificates) {
  const std::size_t count = std::min(certificates.size(), kMaxManifestCertificates);
  out.number(static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    out.bytes(certificates[i].agent);
    out.number(static_cast<std::uint16_t>(certificates[i].certificate.size()));
    out.bytes(certificates[i].certificate);
  }
}

void write_group(WireWriter& out, const GroupState& state, std::uint32_t key_epoch, const Digest& secret) {
  const std::vector<std::byte> bytes = encode_state(state);
  out.number(static_cast<std::uint32_t>(bytes.size()));
  out.bytes(bytes);
  out.number(key_epoch);
  out.bytes(secret);
}

void write(WireWriter& out, const ManifestSegment& segment) {
  out.number(segment.index);
  out.bytes(segment.root);
  out.number(static_cast<std::uint16_t>(segment.attestations.size()));
  out.bytes(segment.attestations);
}

std::string to_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads one body; keeps the first fault as the reason.
class BodyReader {
 public:
  BodyReader(std::string_view what, Bytes body) : what_(what), in_(body) {
    if (in_.number<std::uint8_t>() != kFormat) reject("its format is unknown");
  }

  template <std::unsigned_integral T>
  T number() {
    return in_.number<T>();
  }
  template <std::size_t N>
  std::array<std::byte, N> array() {
    return in_.array<N>();
  }
  // Reads a count of things, each of `least` bytes or more.
  template <std::unsigned_integral T>
  std::size_t count(std::size_t most, std::size_t least, std::string_view things) {
    const std::size_t value = in_.number<T>();
    if (value > most) reject("it has too many " + std::string(things));
    if (value * least > in_.left()) reject("it ends too early");
    return good() ? value : 0;
  }
  Bytes field(std::size_t length, std::size_t most, std::string_view thing) {
    if (length > most) reject("its " + std::string(thing) + " is too long");
    return good() ? in_.bytes(length) : Bytes();
  }
  std::string text(std::size_t most, std::string_view thing) {
    const std::size_t length = in_.number<std::uint16_t>();
    return to_text(field(length, most, thing));
  }
  // Reads a validator. It is used in requests and logs, so it must be printable, as in HTTP.
  std::string header_text(std::string_view thing) {
    std::string value = text(kMaxWireText, thing);
    const auto printable = [](char letter) { return letter >= ' ' && letter < 0x7f; };
    if (!std::all_of(value.begin(), value.end(), printable)) reject("its " + std::string(thing) + " is not printable");
    return value;
  }
  Endpoint endpoint() {
    Endpoint endpoint;
    endpoint.address = array<16>();
    endpoint.port = number<std::uint16_t>();
    return endpoint;
  }
  void reject(std::string why) {
    if (reason_.empty()) reason_ = std::move(why);
  }
  [[nodiscard]] bool good() const { return reason_.empty() && in_.ok(); }
  [[nodiscard]] std::size_t left() const { return in_.left(); }

  // Bytes beyond the known fields are of a later version of Larder and are skipped.
  template <class T>
  Result<T> finish(T value) {
    if (!reason_.empty()) return malformed(what_, reason_);
    if (!in_.ok()) return malformed(what_, "it ends too early");
    return value;
  }

 private:
  std::string_view what_;
  WireReader in_;
  std::string reason_;
};

struct GroupFields {
  GroupState state;
  std::uint32_t key_epoch = 0;
  Digest key_secret{};
};

GroupFields read_group(BodyReader& in) {
  GroupFields out;
  const std::size_t length = in.number<std::uint32_t>();
  const Bytes bytes = in.field(length, kMaxState, "state of the group");
  out.key_epoch = in.number<std::uint32_t>();
  out.key_secret = in.array<32>();
  if (!in.good()) return out;
  auto state = decode_state(bytes);
  if (!state) {
    in.reject(state.error().detail);
    return out;
  }
  out.state = std::move(*state);
  return out;
}

std::vector<CatalogueHolder> read_holders(BodyReader& in) {
  std::vector<CatalogueHolder> holders;
  const std::size_t count = in.count<std::uint8_t>(kMaxHolders, 68, "other holders");
  holders.reserve(count);
  for (std::size_t i = 0; i < count && in.good(); ++i) {
    CatalogueHolder holder;
    holder.agent = in.array<32>();
    holder.catalogue = in.endpoint();
    holder.swarm = in.endpoint();
    holders.push_back(holder);
  }
  return holders;
}

ManifestSegment read_segment(BodyReader& in) {
  ManifestSegment segment;
  segment.index = in.number<std::uint64_t>();
  segment.root = in.array<32>();
  const std::size_t length = in.number<std::uint16_t>();
  if (length % kAttestationSize != 0) in.reject("the attestations of a segment are cut");
  const Bytes bytes = in.field(length, kMaxAttestations * kAttestationSize, "list of a segment's attestations");
  segment.attestations.assign(bytes.begin(), bytes.end());
  return segment;
}

std::vector<ManifestSegment> read_segments(BodyReader& in) {
  std::vector<ManifestSegment> segments;
  const std::size_t count = in.count<std::uint32_t>(kMaxManifestSegments, kLeastSegment, "segments");
  segments.reserve(count);
  for (std::size_t i = 0; i < count && in.good(); ++i) {
    segments.push_back(read_segment(in));
    if (i > 0 && segments[i - 1].index >= segments[i].index) in.reject("its segments are out of order");
  }
  return segments;
}

std::vector<AttesterCertificate> read_certificates(BodyReader& in) {
  std::vector<AttesterCertificate> certificates;
  const std::size_t count = in.count<std::uint8_t>(kMaxManifestCertificates, kLeastCertificate, "certificates");
  certificates.reserve(count);
  for (std::size_t i = 0; i < count && in.good(); ++i) {
    AttesterCertificate one;
    one.agent = in.array<32>();
    const std::size_t length = in.number<std::uint16_t>();
    if (length == 0) in.reject("it has an empty certificate");
    const Bytes bytes = in.field(length, kMaxManifestCertificate, "certificate of an attester");
    one.certificate.assign(bytes.begin(), bytes.end());
    certificates.push_back(std::move(one));
  }
  return certificates;
}

// Returns whether the manifest names the whole content: before a verdict, the single segment of a small content counts.
bool names_all(const Manifest& manifest) {
  return manifest.complete || manifest.segments.size() == 1;
}

void read_inline(BodyReader& in, Manifest& manifest) {
  const std::size_t length = in.number<std::uint32_t>();
  const Bytes bytes = in.field(length, kMaxInline, "content");
  if (!names_all(manifest) || length != manifest.size) in.reject("it carries bytes that are not the whole content");
  if (in.good()) manifest.bytes.emplace(bytes.begin(), bytes.end());
}

// Returns the bytes that an agent signs to be enrolled. The token's length goes first, so that no two requests have the
// same bytes.
std::vector<std::byte> enrol_statement(const EnrolRequest& request) {
  WireWriter out;
  out.bytes(as_bytes("larder enrol v1"));
  write_text(out, request.token);
  out.bytes(request.agent);
  return out.take();
}

}  // namespace

void sign(EnrolRequest& request, const AgentKey& key) {
  request.agent = key.id();
  request.signature = key.sign(enrol_statement(request));
}

bool check(const EnrolRequest& request) {
  return verify(request.agent, enrol_statement(request), request.signature);
}

std::vector<std::byte> encode(const EnrolRequest& request) {
  WireWriter out = begin();
  write_text(out, request.token);
  out.bytes(request.agent);
  write_text(out, request.name);
  out.bytes(request.signature);
  return out.take();
}

Result<EnrolRequest> decode_enrol_request(Bytes body) {
  BodyReader in("a request to be enrolled", body);
  EnrolRequest request;
  request.token = in.text(kMaxWireText, "token");
  request.agent = in.array<32>();
  request.name = in.text(kMaxWireText, "name");
  request.signature = in.array<64>();
  return in.finish(std::move(request));
}

std::vector<std::byte> encode(const EnrolAnswer& answer) {
  WireWriter out = begin();
  write_text(out, answer.certificate_pem);
  write_group(out, answer.state, answer.key_epoch, answer.key_secret);
  const std::size_t count = std::min(answer.peers.size(), kMaxEnrolPeers);
  out.number(static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) write(out, answer.peers[i]);
  return out.take();
}

Result<EnrolAnswer> decode_enrol_answer(Bytes body) {
  BodyReader in("the answer to an enrolment", body);
  EnrolAnswer answer;
  answer.certificate_pem = in.text(kMaxWireCertificate, "certificate");
  GroupFields group = read_group(in);
  answer.state = std::move(group.state);
  answer.key_epoch = group.key_epoch;
  answer.key_secret = group.key_secret;
  const std::size_t count = in.count<std::uint8_t>(kMaxEnrolPeers, 18, "peers");
  for (std::size_t i = 0; i < count && in.good(); ++i) answer.peers.push_back(in.endpoint());
  return in.finish(std::move(answer));
}

std::vector<std::byte> encode(const GroupAnswer& answer) {
  WireWriter out = begin();
  write_group(out, answer.state, answer.key_epoch, answer.key_secret);
  return out.take();
}

Result<GroupAnswer> decode_group_answer(Bytes body) {
  BodyReader in("the state and key of the group", body);
  GroupFields group = read_group(in);
  return in.finish(GroupAnswer{std::move(group.state), group.key_epoch, group.key_secret});
}

std::vector<std::byte> encode(const std::vector<CatalogueHolder>& others) {
  WireWriter out = begin();
  write(out, others);
  return out.take();
}

Result<std::vector<CatalogueHolder>> decode_holders(Bytes body) {
  BodyReader in("a list of holders", body);
  return in.finish(read_holders(in));
}

std::vector<std::byte> encode(const Manifest& manifest) {
  WireWriter out = begin();
  const bool complete = manifest.complete && manifest.root;
  const bool with_bytes = names_all(manifest) && manifest.bytes && manifest.bytes->size() <= kMaxInline;
  out.number(static_cast<std::uint8_t>((complete ? kComplete : 0) | (with_bytes ? kHasBytes : 0)));
  out.number(manifest.size);
  write_text(out, manifest.etag);
  write_text(out, manifest.last_modified);
  if (complete) out.bytes(*manifest.root);
  const std::size_t count = std::min(manifest.segments.size(), kMaxManifestSegments);
  out.number(static_cast<std::uint32_t>(count));
  for (std::size_t i = 0; i < count; ++i) write(out, manifest.segments[i]);
  write(out, manifest.others);
  write(out, manifest.certificates);
  if (with_bytes) {
    out.number(static_cast<std::uint32_t>(manifest.bytes->size()));
    out.bytes(*manifest.bytes);
  }
  return out.take();
}

Result<Manifest> decode_manifest(Bytes body) {
  BodyReader in("what a peer has of a version", body);
  Manifest manifest;
  const auto flags = in.number<std::uint8_t>();
  manifest.complete = (flags & kComplete) != 0;
  manifest.size = in.number<std::uint64_t>();
  manifest.etag = in.header_text("ETag");
  manifest.last_modified = in.header_text("Last-Modified");
  if (manifest.complete) manifest.root = in.array<32>();
  manifest.segments = read_segments(in);
  manifest.others = read_holders(in);
  manifest.certificates = read_certificates(in);
  if ((flags & kHasBytes) != 0) read_inline(in, manifest);
  return in.finish(std::move(manifest));
}

std::vector<std::byte> encode_leaves(const std::vector<Digest>& leaves) {
  WireWriter out = begin();
  const std::size_t count = std::min(leaves.size(), kMaxLeaves);
  out.number(static_cast<std::uint32_t>(count));
  for (std::size_t i = 0; i < count; ++i) out.bytes(leaves[i]);
  return out.take();
}

Result<std::vector<Digest>> decode_leaves(Bytes body) {
  BodyReader in("the leaf hashes of segments", body);
  std::vector<Digest> leaves(in.count<std::uint32_t>(kMaxLeaves, sizeof(Digest), "leaves"));
  for (Digest& leaf : leaves) leaf = in.array<32>();
  return in.finish(std::move(leaves));
}

std::vector<std::byte> encode(const std::vector<CataloguePeer>& peers) {
  WireWriter out = begin();
  const std::size_t count = std::min(peers.size(), kMaxKnownPeers);
  out.number(static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    out.bytes(peers[i].agent);
    write(out, peers[i].catalogue);
  }
  return out.take();
}

Result<std::vector<CataloguePeer>> decode_known_peers(Bytes body) {
  BodyReader in("a list of peers", body);
  std::vector<CataloguePeer> peers(in.count<std::uint8_t>(kMaxKnownPeers, 50, "peers"));
  for (CataloguePeer& peer : peers) {
    peer.agent = in.array<32>();
    peer.catalogue = in.endpoint();
  }
  return in.finish(std::move(peers));
}

}  // namespace larder::peer
