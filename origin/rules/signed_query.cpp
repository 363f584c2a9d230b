// Which queries look as if they held a signature, a token or a password. In doubt they do: content that is wrongly kept
// private costs a download, content that is wrongly shared cannot be taken back.
#include <algorithm>
#include <array>

#include "base/text/text.h"
#include "origin/http/http_fields.h"
#include "origin/rules/sharing_rules.h"

namespace larder::origin {
namespace {

// Names reduced to lower-case letters and digits, so that access_token, Access-Token and accessToken are one.
constexpr std::array<std::string_view, 64> kNames = {
    // signed URLs: Azure, Amazon CloudFront and S3 of old, Google, Alibaba, Akamai, Cloudflare, nginx secure_link
    "sig", "sign", "signed", "se", "sp", "sv", "sr", "st", "spr", "sip", "skoid", "sktid", "ske", "sks", "skt", "skv",
    "expires", "expire", "expiry", "exp", "policy", "keypairid", "googleaccessid", "urlprefix", "hdnea", "hdnts",
    "hdntl", "gda", "verify", "hmac", "mac", "md5", "digestauth",
    // keys and passwords
    "key", "ak", "sk", "pass", "pwd", "passphrase", "pin", "otp", "auth", "authorization", "login", "bearer", "basic",
    "ticket", "code", "nonce", "sid", "ssid", "sess", "cookie", "csrf", "xsrf", "saml", "samlresponse", "invite",
    "grant", "pw", "tok", "access", "license", "hm"};

constexpr std::array<std::string_view, 18> kBeginnings = {"xamz", "xgoog", "xoss",  "xcos",  "xobs",     "xbce",
                                                          "xtos", "xms",   "qsign", "qak",   "qkeytime", "qheader",
                                                          "qurl", "oauth", "hdn",   "authn", "authz",    "bearer"};

constexpr std::array<std::string_view, 17> kParts = {
    "token", "signature", "secret", "password",   "passwd",   "credential", "apikey", "accesskey", "authkey",
    "jwt",   "session",   "sessid", "privatekey", "sharekey", "sigv",       "hmac",   "assertion"};

// Endings of names, such as download_key, rlkey and resourcekey of share links, license_key, tempauth.
constexpr std::array<std::string_view, 5> kEnds = {"key", "auth", "pass", "pwd", "sig"};

// Decodes percent-encoding; a broken one stays as it is.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool whole =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    if (!whole) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
    i += 2;
  }
  return out;
}

std::string letters_and_digits(std::string_view name) {
  std::string out;
  for (const char c : lower_case(name)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  }
  return out;
}

bool is_telling_name(std::string_view name) {
  const std::string plain = letters_and_digits(name);
  return std::find(kNames.begin(), kNames.end(), plain) != kNames.end() ||
         std::any_of(kBeginnings.begin(), kBeginnings.end(),
                     [&plain](std::string_view beginning) { return plain.starts_with(beginning); }) ||
         std::any_of(kEnds.begin(), kEnds.end(), [&plain](std::string_view end) { return plain.ends_with(end); }) ||
         std::any_of(kParts.begin(), kParts.end(),
                     [&plain](std::string_view part) { return plain.find(part) != std::string::npos; });
}

// Three parts of base64url, the first a JSON object.
bool is_web_token(std::string_view value) {
  return value.starts_with("eyJ") && std::count(value.begin(), value.end(), '.') == 2;
}

bool is_telling(std::string_view parameter) {
  const std::size_t equals = parameter.find('=');
  if (equals == std::string_view::npos) return is_telling_name(decoded(parameter)) || is_web_token(decoded(parameter));
  return is_telling_name(decoded(parameter.substr(0, equals))) || is_web_token(decoded(parameter.substr(equals + 1)));
}

}  // namespace

bool is_signed(const Url& url) {
  if (is_signed_query(url.query)) return true;
  for (std::size_t at = url.path.find(';'); at != std::string::npos; at = url.path.find(';', at + 1)) {
    const std::size_t end = url.path.find('/', at);
    const std::size_t length = end == std::string::npos ? end : end - at - 1;
    if (is_signed_query(std::string_view(url.path).substr(at + 1, length))) return true;
  }
  return false;
}

bool is_signed_query(std::string_view query) {
  while (!query.empty()) {
    const std::size_t end = query.find_first_of("&;");
    if (is_telling(query.substr(0, end))) return true;
    if (end == std::string_view::npos) return false;
    query.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace larder::origin
