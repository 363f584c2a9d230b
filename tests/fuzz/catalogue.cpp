// The catalogue's bodies and paths: what is decoded keeps its bounds and comes back the same from its own bytes. The
// first byte chooses the decoder.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "peer/messages/catalogue_paths.h"
#include "peer/messages/catalogue_wire.h"
#include "tests/fuzz/must.h"

using namespace larder;
using namespace larder::peer;

namespace {

template <class T, class Decode, class Encode>
void round(const Result<T>& value, Decode decode, Encode encode_value) {
  if (!value) {
    must(value.error().code == ErrorCode::bad_response && !value.error().detail.empty());
    return;
  }
  const auto again = decode(encode_value(*value));
  must(again.has_value() && *again == *value);
}

constexpr auto kEncode = [](const auto& value) { return encode(value); };

void manifest(Bytes body) {
  const auto value = decode_manifest(body);
  round(value, decode_manifest, kEncode);
  if (!value) return;
  must(value->complete == value->root.has_value());
  must(value->segments.size() <= kMaxManifestSegments && value->others.size() <= kMaxHolders);
  must(value->certificates.size() <= kMaxManifestCertificates);
  for (const AttesterCertificate& one : value->certificates) {
    must(!one.certificate.empty() && one.certificate.size() <= kMaxManifestCertificate);
  }
  must(!value->bytes || (value->bytes->size() == value->size && value->size <= kMaxInline));
  for (const ManifestSegment& segment : value->segments) {
    must(segment.attestations.size() <= kMaxAttestations * kAttestationSize);
  }
}

template <class Query, class Parse>
void target(const Query& query, Parse parse) {
  if (!query) return;
  const std::string text = target_of(*query);
  const std::size_t mark = text.find('?');
  const auto again = parse(std::string_view(text).substr(0, mark), std::string_view(text).substr(mark + 1));
  must(again.has_value() && *again == *query);
}

void paths(std::string_view text) {
  const std::size_t mark = text.find('?');
  const std::string_view path = text.substr(0, mark);
  const std::string_view query = mark == std::string_view::npos ? std::string_view() : text.substr(mark + 1);
  target(parse_manifest_query(path, query), parse_manifest_query);
  target(parse_leaves_query(path, query), parse_leaves_query);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes body(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  switch (data[0]) {
    case 'q':
      round(decode_enrol_request(body), decode_enrol_request, kEncode);
      break;
    case 'a':
      round(decode_enrol_answer(body), decode_enrol_answer, kEncode);
      break;
    case 'g':
      round(decode_group_answer(body), decode_group_answer, kEncode);
      break;
    case 'm':
      manifest(body);
      break;
    case 'h':
      round(decode_holders(body), decode_holders, kEncode);
      break;
    case 'l':
      round(decode_leaves(body), decode_leaves, encode_leaves);
      break;
    case 'k':
      round(decode_known_peers(body), decode_known_peers, kEncode);
      break;
    case 'p':
      paths({reinterpret_cast<const char*>(data + 1), size - 1});
      break;
    default:
      break;
  }
  return 0;
}
