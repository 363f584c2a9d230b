// The two forms of a certificate's bytes (peer/group/certificate.h). No cryptography here.
#include <algorithm>

#include "base/hash/digest.h"
#include "peer/group/certificate.h"

namespace larder::peer {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::size_t kLine = 64;

}  // namespace

Result<std::vector<std::byte>> certificate_der(const std::string& pem) {
  const auto begin = pem.find(kBegin);
  const auto end = pem.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin + kBegin.size()) {
    return fail(ErrorCode::certificate_rejected, "read a certificate", "it is not a PEM certificate");
  }
  std::string text = pem.substr(begin + kBegin.size(), end - begin - kBegin.size());
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
  auto der = from_base64(text);
  if (!der) return fail(ErrorCode::certificate_rejected, "read a certificate", "it is not a PEM certificate");
  return std::move(*der);
}

std::string certificate_pem(Bytes der) {
  const std::string text = to_base64(der);
  std::string pem = std::string(kBegin) + "\n";
  for (std::size_t i = 0; i < text.size(); i += kLine) pem += text.substr(i, kLine) + "\n";
  return pem + std::string(kEnd) + "\n";
}

}  // namespace larder::peer
