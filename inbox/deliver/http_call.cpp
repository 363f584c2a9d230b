#include "inbox/deliver/http_call.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <mutex>

#include "base/text/text.h"
#include "base/text/units.h"

namespace larder::inbox {
namespace {

constexpr long kConnectSeconds = 30;
constexpr std::uint64_t kLeastRate = 16 * kKiB;  // bytes/s of a whole call, so that none lasts for ever
constexpr std::size_t kMaxFieldValue = 4096;

struct Running {
  const HttpTarget& target;
  const HttpCall& call;
  const std::atomic<bool>& stop;
  CallAnswer answer;
  std::uint64_t sent = 0;
  bool head_ended = false;  // of the last answer that began
};

std::size_t on_body(char* data, std::size_t /*one*/, std::size_t count, void* user) {
  auto& running = *static_cast<Running*>(user);
  std::string& body = running.answer.body;
  const std::size_t room = running.target.max_reply - std::min(running.target.max_reply, body.size());
  body.append(data, std::min(room, count));
  if (count <= room) return count;
  running.answer.body_too_large = true;
  return 0;  // ends the call; the status is known
}

std::size_t on_field(char* data, std::size_t /*one*/, std::size_t count, void* user) {
  auto& running = *static_cast<Running*>(user);
  CallAnswer& answer = running.answer;
  std::string_view line(data, count);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.rfind("HTTP/", 0) == 0) {  // of an interim answer, or of the last
    answer.retry_after.reset();
    answer.static_url.reset();
    running.head_ended = false;
    return count;
  }
  if (line.empty()) running.head_ended = true;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || count > kMaxFieldValue) return count;
  const std::string name = lower_case(line.substr(0, colon));
  if (name == "retry-after") answer.retry_after = std::string(trim(line.substr(colon + 1)));
  if (name == "bits-static-response-url") answer.static_url = std::string(trim(line.substr(colon + 1)));
  return count;
}

std::size_t on_send(char* data, std::size_t /*one*/, std::size_t room, void* user) {
  auto& running = *static_cast<Running*>(user);
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room, running.call.size - running.sent));
  for (;;) {
    const ssize_t got = ::pread(running.call.content, data, wanted, static_cast<off_t>(running.sent));
    if (got < 0 && errno == EINTR) continue;
    // A file that is shorter than it was is never sent as if it were whole.
    if (got < 0 || (got == 0 && wanted > 0)) return CURL_READFUNC_ABORT;
    running.sent += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }
}

int on_seek(void* user, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Running*>(user)->sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Running*>(user)->stop.load(std::memory_order_relaxed) ? 1 : 0;
}

// Sets options and remembers whether one was refused.
class Options {
 public:
  explicit Options(CURL* handle) : handle_(handle) {}
  template <class Value>
  void set(CURLoption option, Value value) {
    if (code_ == CURLE_OK) code_ = curl_easy_setopt(handle_, option, value);
  }
  [[nodiscard]] CURLcode code() const { return code_; }

 private:
  CURL* handle_;
  CURLcode code_ = CURLE_OK;
};

void set_way(Options& options, const HttpTarget& target, std::uint64_t size) {
  using std::chrono::seconds;
  options.set(CURLOPT_URL, target.url.c_str());
  options.set(CURLOPT_PROTOCOLS_STR, "http,https");
  options.set(CURLOPT_FOLLOWLOCATION, 0L);
  options.set(CURLOPT_PROXY, "");  // nor one of the environment
  options.set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  options.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  options.set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  options.set(CURLOPT_SSL_VERIFYPEER, 1L);
  options.set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!target.authorities.empty()) {
    options.set(CURLOPT_CAINFO, target.authorities.c_str());
    options.set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  options.set(CURLOPT_NOSIGNAL, 1L);
  const auto silence = static_cast<long>(std::chrono::ceil<seconds>(target.timeout).count());
  options.set(CURLOPT_CONNECTTIMEOUT, std::min(kConnectSeconds, silence));
  options.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  options.set(CURLOPT_LOW_SPEED_TIME, silence);
  options.set(CURLOPT_TIMEOUT, silence + static_cast<long>((size + target.max_reply) / kLeastRate) + 1);
}

void set_body(Options& options, const HttpCall& call, Running& running) {
  options.set(CURLOPT_POST, 1L);
  options.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.size));
  if (call.content < 0) return options.set(CURLOPT_POSTFIELDS, "");
  options.set(CURLOPT_READFUNCTION, on_send);
  options.set(CURLOPT_READDATA, static_cast<void*>(&running));
  options.set(CURLOPT_SEEKFUNCTION, on_seek);
  options.set(CURLOPT_SEEKDATA, static_cast<void*>(&running));
}

void set_callbacks(Options& options, Running& running, char* error) {
  void* const user = &running;
  options.set(CURLOPT_WRITEFUNCTION, on_body);
  options.set(CURLOPT_WRITEDATA, user);
  options.set(CURLOPT_HEADERFUNCTION, on_field);
  options.set(CURLOPT_HEADERDATA, user);
  options.set(CURLOPT_XFERINFOFUNCTION, on_progress);
  options.set(CURLOPT_XFERINFODATA, user);
  options.set(CURLOPT_NOPROGRESS, 0L);
  options.set(CURLOPT_ERRORBUFFER, error);
}

using Fields = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

bool add_field(Fields& fields, const std::string& field) {
  curl_slist* const longer = curl_slist_append(fields.get(), field.c_str());
  if (longer == nullptr) return false;
  (void)fields.release();
  fields.reset(longer);
  return true;
}

CallAnswer no_answer(std::string why) {
  CallAnswer answer;
  answer.problem = "cannot call the application: " + std::move(why);
  return answer;
}

}  // namespace

void prepare_calls() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

CallAnswer call_application(const HttpTarget& target, const HttpCall& call, const std::atomic<bool>& stop) {
  if (stop.load(std::memory_order_relaxed)) return no_answer("this service is ending");
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle(curl_easy_init(), &curl_easy_cleanup);
  if (!handle) return no_answer("there is no memory for it");
  Fields fields(nullptr, &curl_slist_free_all);
  bool whole = add_field(fields, "User-Agent: larder-inbox");
  // In place of the library's own, which is that of a form; none where there is no content.
  whole = whole && add_field(fields, call.content < 0 ? "Content-Type:" : "Content-Type: application/octet-stream");
  for (const std::string& field : call.fields) whole = whole && add_field(fields, field);
  if (!whole) return no_answer("there is no memory for it");
  std::array<char, CURL_ERROR_SIZE> error{};
  Running running{target, call, stop, {}, 0, false};
  Options options(handle.get());
  set_way(options, target, call.size);
  set_body(options, call, running);
  set_callbacks(options, running, error.data());
  options.set(CURLOPT_HTTPHEADER, fields.get());
  if (options.code() != CURLE_OK) return no_answer(curl_easy_strerror(options.code()));
  const CURLcode code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  running.answer.status = static_cast<int>(status);
  // The library takes a connection that ends within the head for the end of an answer.
  if (code == CURLE_OK && !running.head_ended) return no_answer("its answer broke off");
  if (code == CURLE_OK || (running.answer.body_too_large && status >= 200)) return std::move(running.answer);
  if (stop.load(std::memory_order_relaxed)) return no_answer("this service is ending");
  return no_answer(error[0] != '\0' ? error.data() : curl_easy_strerror(code));
}

}  // namespace larder::inbox
