// Maps libcurl's error codes to ErrorCode, with texts that say what to do. Pure. No text shows a proxy's URL or a
// credential.
#pragma once

#include <curl/curl.h>

#include <string>

#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder::origin {

struct CurlFailure {
  CURLcode code = CURLE_OK;
  std::string text;  // CURLOPT_ERRORBUFFER
  std::string host;
  long os_error = 0;        // CURLINFO_OS_ERRNO
  long connect_status = 0;  // CURLINFO_HTTP_CONNECTCODE: the proxy's answer to CONNECT
  bool via_proxy = false;
  bool head_complete = false;
  bool requested = false;  // connected, and the request was sent
  Duration connect_timeout{};
};

[[nodiscard]] Status curl_status(const CurlFailure& failure);

}  // namespace larder::origin
