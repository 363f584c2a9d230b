#include "peer/messages/catalogue_wire.h"

#include <gtest/gtest.h>

#include "peer/common/wire.h"
#include "peer/messages/catalogue_paths.h"

namespace larder::peer {
namespace {

Digest digest_of(std::uint8_t byte) {
  Digest digest;
  digest.fill(static_cast<std::byte>(byte));
  return digest;
}

Signature signature_of(std::uint8_t byte) {
  Signature signature;
  signature.fill(static_cast<std::byte>(byte));
  return signature;
}

Endpoint endpoint_of(const char* text) {
  return parse_endpoint(text).value();
}

GroupState group_state() {
  GroupState state;
  state.version = 3;
  state.key_epoch = 2;
  state.revoked.push_back({digest_of(0x09), WallTime(std::chrono::seconds(1))});
  state.signature = signature_of(0x0a);
  return state;
}

EnrolRequest enrol_request() {
  return {"token", digest_of(0x01), "desk-12", signature_of(0x02)};
}
EnrolAnswer enrol_answer() {
  return {"PEM", group_state(), 2, digest_of(0x03), {endpoint_of("192.0.2.7:7475"), endpoint_of("[2001:db8::7]:1")}};
}
GroupAnswer group_answer() {
  return {group_state(), 2, digest_of(0x03)};
}
CatalogueHolder holder(std::uint8_t byte) {
  return {digest_of(byte), endpoint_of("192.0.2.7:7475"), endpoint_of("192.0.2.7:7476")};
}
Manifest partial() {
  Manifest manifest;
  manifest.size = 300 * kMiB;
  manifest.etag = "\"e\"";
  manifest.last_modified = "Sat, 01 Jan 2000 00:00:00 GMT";
  manifest.segments.push_back({1, digest_of(0x11), std::vector<std::byte>(2 * kAttestationSize, std::byte{0x12})});
  manifest.segments.push_back({7, digest_of(0x13), {}});
  manifest.others = {holder(0x21), holder(0x22)};
  manifest.certificates = {{digest_of(0x12), {std::byte{0xd1}, std::byte{0xd2}}}, {digest_of(0x14), {std::byte{0xd3}}}};
  return manifest;
}
Manifest small() {
  Manifest manifest;
  manifest.size = 3;
  manifest.etag = "\"e\"";
  manifest.complete = true;
  manifest.root = digest_of(0x11);
  manifest.segments.push_back({0, digest_of(0x11), std::vector<std::byte>(kAttestationSize, std::byte{0x12})});
  manifest.bytes = std::vector<std::byte>{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
  return manifest;
}
std::vector<CataloguePeer> known_peers() {
  return {{digest_of(0x31), endpoint_of("192.0.2.7:7475")}, {digest_of(0x32), endpoint_of("[2001:db8::7]:1")}};
}

// A body comes back as it was sent, is refused wherever it is cut, and may carry a later version's fields.
template <class T, class Decode>
void travels(const T& value, const std::vector<std::byte>& body, Decode decode) {
  const auto back = decode(Bytes(body));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(*back, value);
  for (std::size_t size = 0; size < body.size(); ++size) {
    const std::vector<std::byte> exact(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
    const auto cut = decode(Bytes(exact));
    ASSERT_FALSE(cut) << size << " of " << body.size();
    EXPECT_EQ(cut.error().code, ErrorCode::bad_response);
  }
  auto longer = body;
  longer.resize(body.size() + 7, std::byte{0x55});
  ASSERT_TRUE(decode(Bytes(longer)));
  EXPECT_EQ(*decode(Bytes(longer)), value);
  auto later = body;
  later[0] = std::byte{2};
  EXPECT_FALSE(decode(Bytes(later))) << "another format";
}

TEST(CatalogueWire, EveryBodyTravels) {
  travels(enrol_request(), encode(enrol_request()), decode_enrol_request);
  travels(enrol_answer(), encode(enrol_answer()), decode_enrol_answer);
  travels(group_answer(), encode(group_answer()), decode_group_answer);
  travels(partial(), encode(partial()), decode_manifest);
  travels(small(), encode(small()), decode_manifest);
  travels(partial().others, encode(partial().others), decode_holders);
  travels(known_peers(), encode(known_peers()), decode_known_peers);
  const std::vector<Digest> leaves = {digest_of(1), digest_of(2), digest_of(3)};
  travels(leaves, encode_leaves(leaves), decode_leaves);
  travels(Manifest{}, encode(Manifest{}), decode_manifest);
}

// Golden bytes: a change here is a change of the wire format and needs a new format number.
std::string twice(char digit, int bytes) {
  return std::string(static_cast<std::size_t>(bytes) * 2, digit);
}
std::string repeat(const std::string& text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}
// 192.0.2.7 and a port.
const std::string kAddress = twice('0', 10) + "ffff" + "c0000207";
// Length and bytes of the group's state; what they are is held by the tests of the group.
std::string state_hex() {
  WireWriter out;
  const auto state = encode_state(group_state());
  out.number(static_cast<std::uint32_t>(state.size()));
  out.bytes(state);
  return to_hex(out.take());
}

TEST(CatalogueWire, BytesOfAnEnrolRequest) {
  EXPECT_EQ(to_hex(encode(enrol_request())),
            "01"
            "0005"
            "746f6b656e" +
                repeat("01", 32) +
                "0007"
                "6465736b2d3132" +
                repeat("02", 64));
}

TEST(CatalogueWire, BytesOfAnEnrolAnswer) {
  EnrolAnswer answer = enrol_answer();
  answer.peers.resize(1);
  EXPECT_EQ(to_hex(encode(answer)),
            "01"
            "0003"
            "50454d" +
                state_hex() + "00000002" + repeat("03", 32) + "01" + kAddress + "1d33");
}

TEST(CatalogueWire, BytesOfAGroupAnswer) {
  EXPECT_EQ(to_hex(encode(group_answer())), "01" + state_hex() + "00000002" + repeat("03", 32));
}

TEST(CatalogueWire, BytesOfAPartialManifest) {
  Manifest manifest = partial();
  manifest.last_modified.clear();
  manifest.others.resize(1);
  EXPECT_EQ(to_hex(encode(manifest)),
            "01"
            "00"
            "0000000012c00000"
            "0003"
            "226522"
            "0000"
            "00000002"
            "0000000000000001" +
                repeat("11", 32) + "0172" + repeat("12", 2 * kAttestationSize) + "0000000000000007" + repeat("13", 32) +
                "0000" + "01" + repeat("21", 32) + kAddress + "1d33" + kAddress + "1d34" + "02" + repeat("12", 32) +
                "0002" + "d1d2" + repeat("14", 32) + "0001" + "d3");
}

TEST(CatalogueWire, BytesOfASmallContent) {
  EXPECT_EQ(to_hex(encode(small())),
            "01"
            "03"
            "0000000000000003"
            "0003"
            "226522"
            "0000" +
                repeat("11", 32) +
                "00000001"
                "0000000000000000" +
                repeat("11", 32) + "00b9" + repeat("12", kAttestationSize) +
                "00"
                "00"
                "00000003"
                "616263");
}

TEST(CatalogueWire, BytesOfLeavesHoldersAndPeers) {
  EXPECT_EQ(to_hex(encode_leaves({digest_of(1), digest_of(2)})),
            "01"
            "00000002" +
                repeat("01", 32) + repeat("02", 32));
  EXPECT_EQ(to_hex(encode(std::vector<CatalogueHolder>{holder(5)})),
            "01"
            "01" +
                repeat("05", 32) + kAddress + "1d33" + kAddress + "1d34");
  EXPECT_EQ(to_hex(encode(std::vector<CataloguePeer>{{digest_of(5), endpoint_of("192.0.2.7:7475")}})),
            "01"
            "01" +
                repeat("05", 32) + kAddress + "1d33");
}

TEST(CatalogueWire, TheKeyHolderSignsItsEnrolment) {
  ASSERT_TRUE(initialise_crypto());
  const AgentKey key = AgentKey::generate();
  EnrolRequest request{"token", {}, "desk", {}};
  sign(request, key);
  EXPECT_EQ(request.agent, key.id());
  EXPECT_TRUE(check(request));
  EnrolRequest other_token = request;
  other_token.token = "tokem";
  EXPECT_FALSE(check(other_token));
  EnrolRequest other_agent = request;
  other_agent.agent = AgentKey::generate().id();
  EXPECT_FALSE(check(other_agent));
}

// Counts and lengths that a broken member may write.
std::vector<std::byte> manifest_head(std::uint32_t segments) {
  WireWriter out;
  out.number(std::uint8_t{1});
  out.number(std::uint8_t{0});
  out.number(std::uint64_t{kMiB});
  out.number(std::uint16_t{0});
  out.number(std::uint16_t{0});
  out.number(segments);
  return out.take();
}

std::string reason(const Result<Manifest>& manifest) {
  return manifest ? "accepted" : manifest.error().detail;
}

TEST(CatalogueWire, ACountThatTheBytesDoNotBearOutIsRefusedBeforeItIsBelieved) {
  EXPECT_EQ(reason(decode_manifest(manifest_head(65536))), "it ends too early");
  EXPECT_EQ(reason(decode_manifest(manifest_head(65537))), "it has too many segments");
  EXPECT_EQ(reason(decode_manifest(manifest_head(0xffffffff))), "it has too many segments");
  WireWriter leaves;
  leaves.number(std::uint8_t{1});
  leaves.number(std::uint32_t{0xffffffff});
  EXPECT_FALSE(decode_leaves(leaves.take()));
}

TEST(CatalogueWire, TheLargestManifestTravels) {
  Manifest manifest;
  manifest.size = kMaxManifestSegments * 64 * kMiB;
  for (std::uint64_t i = 0; i < kMaxManifestSegments; ++i) manifest.segments.push_back({i, digest_of(1), {}});
  manifest.others.assign(kMaxHolders, holder(1));
  manifest.certificates.assign(kMaxManifestCertificates,
                               {digest_of(1), std::vector<std::byte>(kMaxManifestCertificate, std::byte{2})});
  const auto back = decode_manifest(encode(manifest));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(*back, manifest);
}

TEST(CatalogueWire, FieldsBeyondTheirBoundsAreRefused) {
  Manifest cut = partial();
  cut.segments[0].attestations.resize(kAttestationSize + 1);
  EXPECT_EQ(reason(decode_manifest(encode(cut))), "the attestations of a segment are cut");
  Manifest many = partial();
  many.segments[0].attestations.resize((kMaxAttestations + 1) * kAttestationSize);
  EXPECT_EQ(reason(decode_manifest(encode(many))), "its list of a segment's attestations is too long");
  Manifest unordered = partial();
  std::swap(unordered.segments[0], unordered.segments[1]);
  EXPECT_EQ(reason(decode_manifest(encode(unordered))), "its segments are out of order");
  Manifest long_etag = partial();
  long_etag.etag.assign(kMaxWireText + 1, 'x');
  EXPECT_EQ(reason(decode_manifest(encode(long_etag))), "its ETag is too long");
  Manifest control = partial();
  control.etag = "\"a\r\nb\"";
  EXPECT_EQ(reason(decode_manifest(encode(control))), "its ETag is not printable");
  Manifest empty_certificate = partial();
  empty_certificate.certificates[1].certificate.clear();
  EXPECT_EQ(reason(decode_manifest(encode(empty_certificate))), "it has an empty certificate");
  Manifest long_certificate = partial();
  long_certificate.certificates[0].certificate.resize(kMaxManifestCertificate + 1);
  EXPECT_EQ(reason(decode_manifest(encode(long_certificate))), "its certificate of an attester is too long");
  EnrolRequest token = enrol_request();
  token.token.assign(kMaxWireText + 1, 'x');
  EXPECT_FALSE(decode_enrol_request(encode(token)));
}

TEST(CatalogueWire, InlineBytesAreTheWholeContentOrNothing) {
  Manifest short_bytes = small();
  short_bytes.bytes->pop_back();
  EXPECT_EQ(reason(decode_manifest(encode(short_bytes))), "it carries bytes that are not the whole content");
  auto incomplete = encode(small());
  incomplete[1] = std::byte{2};  // bytes, yet not complete
  EXPECT_FALSE(decode_manifest(incomplete));
  Manifest large = small();
  large.size = kMaxInline + 1;
  large.bytes->resize(large.size);
  const auto back = decode_manifest(encode(large));
  ASSERT_TRUE(back);
  EXPECT_FALSE(back->bytes) << "too large to travel inline: left out";
}

TEST(CatalogueWire, TheOneSegmentOfASmallContentIsAllOfItBeforeItsVerdictToo) {
  Manifest before_verdict = small();
  before_verdict.complete = false;
  before_verdict.root.reset();
  ASSERT_EQ(before_verdict.segments.size(), 1U);
  const auto back = decode_manifest(encode(before_verdict));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_FALSE(back->complete);
  EXPECT_EQ(back->bytes, before_verdict.bytes);
}

TEST(CatalogueWire, ABrokenGroupStateIsRefused) {
  auto body = encode(group_answer());
  body[4] ^= std::byte{1};  // its length
  EXPECT_FALSE(decode_group_answer(body));
  body[1] = std::byte{0xff};
  EXPECT_FALSE(decode_group_answer(body));
}

// ---- paths

template <class Query, class Parse>
void target_travels(const Query& query, Parse parse) {
  const std::string target = target_of(query);
  const auto mark = target.find('?');
  ASSERT_NE(mark, std::string::npos);
  const auto back = parse(target.substr(0, mark), target.substr(mark + 1));
  ASSERT_TRUE(back) << target;
  EXPECT_EQ(*back, query) << target;
}

TEST(CataloguePaths, EveryQueryTravels) {
  for (const KeyKind kind : {KeyKind::version, KeyKind::url}) {
    for (const bool with_bytes : {false, true}) {
      target_travels(ManifestQuery{digest_of(0xab), kind, with_bytes, false}, parse_manifest_query);
      target_travels(ManifestQuery{digest_of(0xab), kind, with_bytes, true}, parse_manifest_query);
    }
  }
  for (const bool open : {false, true}) {
    target_travels(LeavesQuery{digest_of(0xab), 3, 17, open}, parse_leaves_query);
    target_travels(LeavesQuery{digest_of(0xab), 0, std::nullopt, open}, parse_leaves_query);
  }
  EXPECT_EQ(target_of(ManifestQuery{digest_of(0xab), KeyKind::url, true}),
            "/v1/versions/" + repeat("ab", 32) + "?kind=url&inline=1&again=0");
  EXPECT_EQ(target_of(LeavesQuery{digest_of(0xab), 3, std::nullopt, true}),
            "/v1/leaves/" + repeat("ab", 32) + "?first=3&count=all&open=1&leaves=1");
}

TEST(CataloguePaths, WhatIsNotOfTheFormIsRefused) {
  const std::string path = "/v1/versions/" + repeat("ab", 32);
  EXPECT_TRUE(parse_manifest_query(path, ""));
  EXPECT_TRUE(parse_manifest_query(path, "later=1"));
  EXPECT_FALSE(parse_manifest_query(path + "a", ""));
  EXPECT_FALSE(parse_manifest_query("/v1/versions/../../etc/passwd", ""));
  EXPECT_FALSE(parse_manifest_query(path, "kind=other"));
  EXPECT_FALSE(parse_manifest_query(path, "inline=2"));
  EXPECT_FALSE(parse_manifest_query(path, "inline"));
  EXPECT_FALSE(parse_manifest_query(path, "a=" + std::string(300, 'x')));
  EXPECT_FALSE(parse_leaves_query(path, ""));
  const std::string leaves = "/v1/leaves/" + repeat("ab", 32);
  EXPECT_FALSE(parse_leaves_query(leaves, "first=-1"));
  EXPECT_FALSE(parse_leaves_query(leaves, "count=18446744073709551616"));
  EXPECT_FALSE(parse_leaves_query(leaves, "count="));
}

}  // namespace
}  // namespace larder::peer
