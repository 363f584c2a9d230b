#include "origin/curl/curl_errors.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "base/text/units.h"

namespace larder::origin {
namespace {

struct Mapped {
  ErrorCode code;
  std::string detail;
};

Mapped proxy_refused(const CurlFailure& f) {
  if (f.connect_status == 407) {
    return {ErrorCode::proxy_unauthorized, "the proxy wants a user name and password that it accepts (407)"};
  }
  const bool transient = f.connect_status >= 500 || f.connect_status == 429;
  return {transient ? ErrorCode::http_transient : ErrorCode::http_fatal,
          fmt::format("the proxy refuses the connection to {} ({})", f.host, f.connect_status)};
}

Mapped not_connected(const CurlFailure& f) {
  const std::string whom = f.via_proxy ? "the proxy" : f.host;
  const auto error = static_cast<int>(f.os_error);
  if (error == ETIMEDOUT) {
    return {ErrorCode::timed_out, fmt::format("{} does not take the connection: {}", whom, std::strerror(error))};
  }
  // No answer from the host: the network, a firewall, or this machine prevents the connection.
  if (error != 0 && error != ECONNREFUSED && error != ECONNRESET) {
    return {ErrorCode::network_unreachable, fmt::format("{} cannot be reached: {}", whom, std::strerror(error))};
  }
  const std::string cause = error != 0 ? std::string(std::strerror(error)) : std::string("no answer");
  return {ErrorCode::connect_failed, fmt::format("{} does not take the connection: {}", whom, cause)};
}

Mapped rejected(const CurlFailure& f) {
  if (f.text.find("expired") != std::string::npos || f.text.find("not yet valid") != std::string::npos) {
    return {ErrorCode::certificate_rejected,
            fmt::format("the certificate of {} is out of date: {}; check this machine's clock, or have it renewed",
                        f.host, f.text)};
  }
  // A certificate for another name: another authority would not help. OpenSSL and libcurl word it differently.
  for (const char* of_the_name : {"does not match", "no alternative certificate subject name", "subject name"}) {
    if (f.text.find(of_the_name) == std::string::npos) continue;
    return {
        ErrorCode::certificate_rejected,
        fmt::format("the certificate that {} shows is for another name: {}; use the name that is in the certificate, "
                    "or have one made for this name",
                    f.host, f.text)};
  }
  return {ErrorCode::certificate_rejected,
          fmt::format("the certificate of {} is not trusted: {}; if its authority is private, give its certificate "
                      "with --ca-file",
                      f.host, f.text)};
}

Mapped timed_out(const CurlFailure& f) {
  return {ErrorCode::timed_out, fmt::format("{} did not take the connection within {}",
                                            f.via_proxy ? "the proxy" : f.host, format_duration(f.connect_timeout))};
}

Mapped cut_off(const CurlFailure& f) {
  if (!f.head_complete) {
    const bool begun = f.code == CURLE_PARTIAL_FILE;
    return {ErrorCode::connection_lost, fmt::format("{} closed the connection {}", f.host,
                                                    begun ? "within the head of its answer" : "without an answer")};
  }
  return {ErrorCode::connection_lost, fmt::format("{} closed the connection before the end: {}", f.host, f.text)};
}

Mapped malformed(const CurlFailure& f) {
  // libcurl reports a header line longer than its bound with this code.
  if (f.code == CURLE_OUT_OF_MEMORY) {
    return {ErrorCode::bad_response, "its header is larger than 64 KiB"};
  }
  return {ErrorCode::bad_response, "it is not HTTP as it should be" + (f.text.empty() ? std::string() : ": " + f.text)};
}

Mapped map(const CurlFailure& f) {
  if (f.connect_status >= 300 && !f.requested) return proxy_refused(f);
  switch (static_cast<int>(f.code)) {  // the enum has many more, which do not occur here
    case CURLE_URL_MALFORMAT:
      return {ErrorCode::invalid_url, f.text};
    case CURLE_UNSUPPORTED_PROTOCOL:
      if (f.requested) return malformed(f);  // HTTP/0.9, or a malformed status line
      return {ErrorCode::forbidden_url, "only http and https are fetched"};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {ErrorCode::name_not_resolved, "the name of the proxy is not known; check the proxy setting"};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {ErrorCode::name_not_resolved, fmt::format("the name {} is not known", f.host)};
    case CURLE_COULDNT_CONNECT:
      return not_connected(f);
    case CURLE_OPERATION_TIMEDOUT:
      return timed_out(f);
    case CURLE_PROXY:
      return {ErrorCode::connect_failed, "the proxy does not take the connection; check the proxy setting"};
    case CURLE_RECV_ERROR:
      // One code for a broken connection and for malformed chunks; the text tells them apart.
      if (f.text.find("chunked-encod") != std::string::npos || f.text.find("hexadecimal") != std::string::npos)
        return malformed(f);
      return cut_off(f);
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:  // a connection that was used before is lost, and libcurl would send the body again
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return cut_off(f);
    case CURLE_OUT_OF_MEMORY:
      if (f.head_complete || !f.requested) break;
      return malformed(f);
    case CURLE_BAD_FUNCTION_ARGUMENT:  // from libcurl's own parsers, for a malformed header or trailer
      if (!f.requested) break;
      return malformed(f);
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_BAD_CONTENT_ENCODING:
      return malformed(f);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return rejected(f);
    case CURLE_SSL_CACERT_BADFILE:
      return {ErrorCode::invalid_argument,
              "the certificate authorities cannot be read; they must be certificates in PEM form"};
    case CURLE_SSL_CERTPROBLEM:
      return {ErrorCode::invalid_argument,
              "the client certificate, its key or the key's password cannot be used: " + f.text};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_USE_SSL_FAILED:
      return {ErrorCode::tls_failed, fmt::format("no secure connection with {}: {}", f.host, f.text)};
    case CURLE_LOGIN_DENIED:
    case CURLE_AUTH_ERROR:
      return {ErrorCode::unauthorized, "the origin does not accept the user name and password"};
    default:
      break;
  }
  return {ErrorCode::internal, fmt::format("libcurl: {}", curl_easy_strerror(f.code))};
}

}  // namespace

Status curl_status(const CurlFailure& failure) {
  if (failure.code == CURLE_OK) return {};
  Mapped mapped = map(failure);
  return fail(mapped.code, "fetch from " + failure.host, std::move(mapped.detail));
}

}  // namespace larder::origin
