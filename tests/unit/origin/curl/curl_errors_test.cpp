#include "origin/curl/curl_errors.h"

#include <curl/curl.h>
#include <gtest/gtest.h>

namespace larder::origin {
namespace {

// One code of libcurl stands for several causes; its words tell which, and the advice has to fit.
TEST(CurlErrors, AreToldApartByTheirWords) {
  const struct {
    CURLcode code;
    const char* text;
    ErrorCode expected;
    const char *says, *does_not_say;
  } rows[] = {
      {CURLE_RECV_ERROR, "Illegal or missing hexadecimal sequence in chunked-encoding", ErrorCode::bad_response,
       "hexadecimal", "closed the connection"},
      {CURLE_RECV_ERROR, "Too long hexadecimal number in chunked-encoding", ErrorCode::bad_response, "hexadecimal",
       "closed"},
      {CURLE_RECV_ERROR, "Malformed encoding found in chunked-encoding", ErrorCode::bad_response, "chunked", "closed"},
      {CURLE_RECV_ERROR, "Recv failure: Connection reset by peer", ErrorCode::connection_lost, "reset", "not HTTP"},
      {CURLE_BAD_FUNCTION_ARGUMENT, "A libcurl function was given a bad argument", ErrorCode::bad_response,
       "not HTTP as it should be", "libcurl:"},
      {CURLE_PEER_FAILED_VERIFICATION,
       "SSL: no alternative certificate subject name matches target host name 'a.example'",
       ErrorCode::certificate_rejected, "another name", "--ca-file"},
      {CURLE_PEER_FAILED_VERIFICATION, "SSL: certificate subject name 'b' does not match target host name 'a.example'",
       ErrorCode::certificate_rejected, "another name", "--ca-file"},
      {CURLE_PEER_FAILED_VERIFICATION, "SSL certificate problem: self-signed certificate",
       ErrorCode::certificate_rejected, "--ca-file", "another name"},
      {CURLE_PEER_FAILED_VERIFICATION, "SSL certificate problem: certificate has expired",
       ErrorCode::certificate_rejected, "clock", "--ca-file"},
  };
  for (const auto& row : rows) {
    CurlFailure failure;
    failure.code = row.code;
    failure.text = row.text;
    failure.host = "a.example";
    failure.requested = true;
    failure.head_complete = true;
    const auto status = curl_status(failure);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, row.expected) << row.text;
    EXPECT_NE(status.error().text().find(row.says), std::string::npos) << status.error().text();
    EXPECT_EQ(status.error().text().find(row.does_not_say), std::string::npos) << status.error().text();
  }
}

TEST(CurlErrors, AreTranslated) {
  struct Row {
    CURLcode code;
    bool head_complete, requested;
    long os_error, connect_status;
    ErrorCode expected;
  };
  const Row rows[] = {
      {CURLE_COULDNT_RESOLVE_HOST, false, false, 0, 0, ErrorCode::name_not_resolved},
      {CURLE_COULDNT_RESOLVE_PROXY, false, false, 0, 0, ErrorCode::name_not_resolved},
      {CURLE_COULDNT_CONNECT, false, false, ECONNREFUSED, 0, ErrorCode::connect_failed},
      {CURLE_COULDNT_CONNECT, false, false, ENETUNREACH, 0, ErrorCode::network_unreachable},
      {CURLE_COULDNT_CONNECT, false, false, EHOSTUNREACH, 0, ErrorCode::network_unreachable},
      {CURLE_OPERATION_TIMEDOUT, false, false, 0, 0, ErrorCode::timed_out},
      {CURLE_PARTIAL_FILE, true, true, 0, 0, ErrorCode::connection_lost},
      {CURLE_PARTIAL_FILE, false, true, 0, 0, ErrorCode::connection_lost},
      {CURLE_RECV_ERROR, true, true, 0, 0, ErrorCode::connection_lost},
      {CURLE_GOT_NOTHING, false, true, 0, 0, ErrorCode::connection_lost},
      {CURLE_HTTP2_STREAM, true, true, 0, 0, ErrorCode::connection_lost},
      {CURLE_WEIRD_SERVER_REPLY, false, true, 0, 0, ErrorCode::bad_response},
      {CURLE_OUT_OF_MEMORY, false, true, 0, 0, ErrorCode::bad_response},
      {CURLE_OUT_OF_MEMORY, true, true, 0, 0, ErrorCode::internal},
      {CURLE_PEER_FAILED_VERIFICATION, false, false, 0, 0, ErrorCode::certificate_rejected},
      {CURLE_SSL_CONNECT_ERROR, false, false, 0, 0, ErrorCode::tls_failed},
      {CURLE_SSL_CACERT_BADFILE, false, false, 0, 0, ErrorCode::invalid_argument},
      {CURLE_SSL_CERTPROBLEM, false, false, 0, 0, ErrorCode::invalid_argument},
      {CURLE_RECV_ERROR, false, false, 0, 407, ErrorCode::proxy_unauthorized},
      {CURLE_RECV_ERROR, false, false, 0, 403, ErrorCode::http_fatal},
      {CURLE_RECV_ERROR, false, false, 0, 503, ErrorCode::http_transient},
  };
  for (const Row& row : rows) {
    CurlFailure failure;
    failure.code = row.code;
    failure.host = "h";
    failure.head_complete = row.head_complete;
    failure.requested = row.requested;
    failure.os_error = row.os_error;
    failure.connect_status = row.connect_status;
    EXPECT_EQ(curl_status(failure).error().code, row.expected) << curl_easy_strerror(row.code);
  }
  EXPECT_TRUE(curl_status({}));
}

}  // namespace
}  // namespace larder::origin
