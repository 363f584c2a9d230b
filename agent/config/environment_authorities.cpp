#include "agent/config/environment_authorities.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/hash/digest.h"
#include "base/io/read_file.h"
#include "base/text/text.h"
#include "origin/http/authorities.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMaxEntries = 4096;  // of one directory

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// "0a1b2c3d.0", as c_rehash links certificates: OpenSSL looks for no other names either.
bool is_hash_name(std::string_view name) {
  if (name.size() < 10 || name[8] != '.') return false;
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return std::all_of(name.begin(), name.begin() + 8, is_hex) && std::all_of(name.begin() + 9, name.end(), is_digit);
}

Status append_file(std::string& text, const std::string& path, const std::string& doing) {
  auto file = read_small_file(path, origin::kMaxAuthorities, doing);
  if (!file) return tl::unexpected(file.error());
  if (text.size() + file->size() + 1 > origin::kMaxAuthorities)
    return fail(ErrorCode::too_large, doing, "the certificates together are larger than 512 KiB");
  text += *file;
  if (!text.ends_with('\n')) text += '\n';
  return {};
}

Status append_directory(std::string& text, const std::string& path, const std::string& doing) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entries(path, error);
  for (std::size_t count = 0; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (++count > kMaxEntries) return fail(ErrorCode::too_large, doing, path + " has too many entries");
    std::string name = entries->path().filename().string();
    if (is_hash_name(name)) names.push_back(std::move(name));
  }
  if (error) return fail(ErrorCode::not_found, doing, path + ": " + error.message());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names)
    if (auto read = append_file(text, std::filesystem::path(path) / name, doing); !read) return read;
  return {};
}

}  // namespace

AuthorityVariables authority_variables() {
  return {variable("CURL_CA_BUNDLE"), variable("SSL_CERT_FILE"), variable("SSL_CERT_DIR")};
}

Result<std::string> read_authorities_of(const AuthorityVariables& variables) {
  std::string text;
  if (!variables.curl_ca_bundle.empty()) {
    if (auto read = append_file(text, variables.curl_ca_bundle, "use CURL_CA_BUNDLE"); !read)
      return tl::unexpected(read.error());
    return text;
  }
  for (std::string_view left = variables.ssl_cert_dir; !left.empty();) {
    const std::size_t end = std::min(left.find(':'), left.size());
    const std::string path(left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
    if (path.empty()) continue;
    if (auto read = append_directory(text, path, "use SSL_CERT_DIR"); !read) return tl::unexpected(read.error());
  }
  if (!variables.ssl_cert_file.empty())
    if (auto read = append_file(text, variables.ssl_cert_file, "use SSL_CERT_FILE"); !read)
      return tl::unexpected(read.error());
  if (text.empty() && !variables.ssl_cert_dir.empty())
    return fail(ErrorCode::not_found, "use SSL_CERT_DIR",
                "there is no certificate in " + variables.ssl_cert_dir + " (names as c_rehash makes them, 0a1b2c3d.0)");
  return text;
}

std::string authorities_fingerprint(const std::string& pem) {
  return to_hex(blake2b256(as_bytes(pem)));
}

}  // namespace larder::agent
