// The options of an easy handle, which bound what libcurl may do.
#include <cstdlib>

#include "origin/curl/curl_errors.h"
#include "origin/curl/curl_exchange.h"
#include "origin/http/proxy.h"

namespace larder::origin {
namespace {

// Sets options and keeps the first failure. A call fails only for lack of memory or of a feature.
class Options {
 public:
  explicit Options(CURL* easy) : easy_(easy) {}

  template <class T>
  void set(CURLoption option, T value) {
    if (code_ == CURLE_OK) code_ = curl_easy_setopt(easy_, option, value);
  }
  void text(CURLoption option, const std::string& value) {
    if (!value.empty()) set(option, value.c_str());
  }
  void blob(CURLoption option, const std::string& value) {
    if (value.empty()) return;
    curl_blob blob{};
    blob.data = const_cast<char*>(value.data());  // copied by libcurl
    blob.len = value.size();
    blob.flags = CURL_BLOB_COPY;
    set(option, &blob);
  }
  [[nodiscard]] CURLcode code() const { return code_; }

 private:
  CURL* easy_;
  CURLcode code_ = CURLE_OK;
};

// Not Negotiate: it would use the Kerberos tickets of the agent's own user for any job's owner.
constexpr long kSchemes = static_cast<long>(CURLAUTH_BASIC | CURLAUTH_DIGEST | CURLAUTH_NTLM);
// Of uploads: with the others the whole body would go out, be refused, and have to be sent again.
constexpr long kUploadSchemes = static_cast<long>(CURLAUTH_BASIC);
// A connection that was idle for longer may be closed by the other side just when the request begins, which is not made
// a second time unasked.
constexpr long kLongestIdleSeconds = 2;

long http_version(ConnectOptions::Http http) {
  switch (http) {
    case ConnectOptions::Http::http1_0:
      return CURL_HTTP_VERSION_1_0;
    case ConnectOptions::Http::http1_1:
      return CURL_HTTP_VERSION_1_1;
    case ConnectOptions::Http::http2:
      return CURL_HTTP_VERSION_2_0;
    case ConnectOptions::Http::any:
      break;
  }
  return CURL_HTTP_VERSION_2TLS;
}

std::optional<std::string> from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Status cannot_set_up(CURLcode code) {
  return fail(ErrorCode::internal, "set up a request", curl_easy_strerror(code));
}

}  // namespace

Status CurlExchange::set_up(const std::string& user_agent, CURLSH* share, const PoolRule& pool) {
  slowness_.begin(std::chrono::steady_clock::now());
  easy_.reset(curl_easy_init());
  if (!easy_) return cannot_set_up(CURLE_OUT_OF_MEMORY);
  Options options(easy_.get());
  options.set(CURLOPT_PRIVATE, this);
  // libcurl reuses a connection or a TLS session when the certificates are equal, without comparing the keys: a user
  // who only knows a certificate could use its owner's connection. Such exchanges share nothing.
  const bool alone = !options_->client_certificate.empty();
  if (!alone) options.set(CURLOPT_SHARE, share);
  options.set(CURLOPT_FRESH_CONNECT, alone || pool.fresh ? 1L : 0L);
  options.set(CURLOPT_MAXLIFETIME_CONN, pool.longest_life_s);
  options.set(CURLOPT_DNS_CACHE_TIMEOUT, pool.name_memory_s);
  options.set(CURLOPT_FORBID_REUSE, alone ? 1L : 0L);
  options.set(CURLOPT_ERRORBUFFER, static_cast<char*>(error_text_));
  options.set(CURLOPT_NOSIGNAL, 1L);
  // A name look-up that still runs when the exchange ends is left to its own thread. Otherwise libcurl would wait for
  // it here, as long as a dead name server takes, and block every other download.
  options.set(CURLOPT_QUICK_EXIT, 1L);
  options.set(CURLOPT_PROTOCOLS_STR, "http,https");
  options.set(CURLOPT_FOLLOWLOCATION, 0L);
  options.text(CURLOPT_URL, request_.url.canonical());
  options.set(CURLOPT_PATH_AS_IS, 1L);  // normalised already
  options.text(CURLOPT_USERAGENT, user_agent);
  options.set(CURLOPT_HTTP_VERSION, http_version(options_->http));
  options.set(CURLOPT_HTTP09_ALLOWED, 0L);
  options.set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
  options.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  options.set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  options.set(CURLOPT_BUFFERSIZE, static_cast<long>(kBuffer));
  options.set(CURLOPT_TCP_KEEPALIVE, 1L);
  const auto connect_ms = std::chrono::ceil<std::chrono::milliseconds>(options_->connect_timeout).count();
  options.set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(connect_ms, 1)));
  if (request_.head) options.set(CURLOPT_NOBODY, 1L);
  if (options.code() != CURLE_OK) return cannot_set_up(options.code());
  set_callbacks();
  if (is_upload()) {
    if (Status ok = set_method(); !ok) return ok;
  }
  if (Status ok = set_proxy(); !ok) return ok;
  if (Status ok = set_identity(); !ok) return ok;
  return add_headers();
}

// libcurl sends "Content-Length: 0" for an empty body too, which BITS and some servers want of a POST.
Status CurlExchange::set_method() {
  Options options(easy_.get());
  options.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (request_.method == "HEAD") {
    options.set(CURLOPT_NOBODY, 1L);
  } else {
    options.set(CURLOPT_UPLOAD, 1L);
    options.set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_.body_length));
    options.set(CURLOPT_READFUNCTION, &CurlExchange::read_callback);
    options.set(CURLOPT_READDATA, this);
    options.set(CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(kBuffer));
    options.text(CURLOPT_CUSTOMREQUEST, request_.method);
  }
  if (changes_something()) options.set(CURLOPT_MAXAGE_CONN, kLongestIdleSeconds);
  return options.code() == CURLE_OK ? Status() : cannot_set_up(options.code());
}

void CurlExchange::set_callbacks() {
  CURL* easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &CurlExchange::write_callback);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &CurlExchange::header_callback);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &CurlExchange::before_request_callback);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &CurlExchange::open_socket_callback);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
}

// An empty string keeps libcurl from reading the proxy variables of the environment itself.
Status CurlExchange::set_proxy() {
  const std::string proxy = choose_proxy(options_->proxy, request_.url, from_environment);
  via_proxy_ = !proxy.empty();
  proxy_host_ = proxy_host(proxy);
  curl_easy_setopt(easy_.get(), CURLOPT_PROXY, proxy.c_str());
  curl_easy_setopt(easy_.get(), CURLOPT_NOPROXY, "");
  if (!via_proxy_) return {};
  Options options(easy_.get());
  options.set(CURLOPT_PROXYAUTH, is_upload() ? kUploadSchemes : kSchemes);
  options.text(CURLOPT_PROXYUSERNAME, options_->proxy_user);
  options.text(CURLOPT_PROXYPASSWORD, options_->proxy_password);
  // Never GSS-API: it would show the tickets of the agent's own user to any proxy that a caller names, and libcurl's
  // exchange of tokens blocks the thread of all downloads.
  options.set(CURLOPT_SOCKS5_AUTH, static_cast<long>(CURLAUTH_BASIC));
  if (!options_->ca_certificates.empty()) {
    options.blob(CURLOPT_PROXY_CAINFO_BLOB, options_->ca_certificates);
    options.set(CURLOPT_PROXY_CAPATH, static_cast<char*>(nullptr));
  }
  return options.code() == CURLE_OK ? Status() : cannot_set_up(options.code());
}

Status CurlExchange::set_identity() {
  Options options(easy_.get());
  options.set(CURLOPT_SSL_VERIFYPEER, 1L);
  options.set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options_->ca_certificates.empty()) {
    options.blob(CURLOPT_CAINFO_BLOB, options_->ca_certificates);
    // Replaces the system's authorities: the text alone would leave the system's directory of authorities in force.
    options.set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (!options_->user.empty()) {
    options.set(CURLOPT_HTTPAUTH, is_upload() ? kUploadSchemes : kSchemes);
    options.text(CURLOPT_USERNAME, options_->user);
    options.text(CURLOPT_PASSWORD, options_->password);
  }
  if (!options_->client_certificate.empty()) {
    options.set(CURLOPT_SSLCERTTYPE, "PEM");
    options.set(CURLOPT_SSLKEYTYPE, "PEM");
    options.blob(CURLOPT_SSLCERT_BLOB, options_->client_certificate);
    options.blob(CURLOPT_SSLKEY_BLOB,
                 options_->client_key.empty() ? options_->client_certificate : options_->client_key);
    options.text(CURLOPT_KEYPASSWD, options_->client_key_password);
  }
  return options.code() == CURLE_OK ? Status() : cannot_set_up(options.code());
}

Status CurlExchange::add_headers() {
  bool ok = true;
  const auto add_line = [this, &ok](const std::string& line) {
    curl_slist* list = curl_slist_append(headers_.get(), line.c_str());
    if (list == nullptr) {
      ok = false;
      return;
    }
    (void)headers_.release();  // append returns the head of the same list
    headers_.reset(list);
  };
  const auto add = [&add_line](const Header& header) {
    // An empty value is written with a semicolon; with a colon libcurl would remove the header.
    add_line(header.second.empty() ? header.first + ";" : header.first + ": " + header.second);
  };
  if (is_upload())
    add_line("Expect:");  // removed: the answer to it would cost a round trip, and not each server gives one
  add({"Accept-Encoding", "identity"});
  for (const Header& header : options_->headers) add(header);
  for (const Header& header : request_.headers) add(header);
  if (!ok) return cannot_set_up(CURLE_OUT_OF_MEMORY);
  curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, headers_.get());
  return {};
}

}  // namespace larder::origin
