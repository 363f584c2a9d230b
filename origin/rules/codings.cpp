#include "origin/rules/codings.h"

#include <algorithm>
#include <array>

#include "base/text/text.h"
#include "origin/http/http_fields.h"
#include "origin/rules/content_disposition.h"

namespace larder::origin {
namespace {

// The codings that HTTP registers, and the file endings and media types of files that have such a format themselves.
// Any other word is not a coding: servers send "none", "utf-8", "binary" and "aws-chunked".
struct Row {
  std::string_view codings;
  std::string_view endings;
  std::string_view types;
};

constexpr std::array kRows = {
    Row{"gzip x-gzip", ".gz .gzip .tgz .taz .tpz .cpgz .svgz .emz .wmz .wrz .vgz .adz .dz .mgz .crate .rds .rda .rdata",
        "application/gzip application/x-gzip application/x-gunzip application/gzipped application/gzip-compressed "
        "application/x-gzip-compressed application/x-tar application/x-gtar application/tar application/x-tgz "
        "application/tgz application/tar+gzip application/x-tar-gz application/x-compressed-tar "
        "application/x-gtar-compressed application/x-compressed"},
    Row{"compress x-compress", ".z .taz", "application/x-compress application/x-tar application/x-compressed"},
    Row{"br", ".br", "application/x-brotli application/brotli application/x-br"},
    Row{"zstd", ".zst .zstd .tzst", "application/zstd application/x-zstd application/x-zstd-compressed-tar"},
    Row{"deflate", ".zz .zlib", "application/zlib application/x-zlib application/x-deflate"},
    Row{"pack200-gzip", ".pack.gz .pack", "application/x-java-pack200"},
    Row{"exi", ".exi", "application/exi"},
    Row{"dcb", ".dcb", ""},
    Row{"dcz", ".dcz", ""},
    Row{"aes128gcm", "", ""},
    // Manipulations of IM: the answer is a difference to another edition, or a part.
    Row{"vcdiff diffe gdiff range", "", ""},
};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(' ', at)) != std::string_view::npos) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

bool holds(std::string_view list, std::string_view word) {
  const auto words = words_of(list);
  return std::find(words.begin(), words.end(), word) != words.end();
}

const Row* row_of(std::string_view coding) {
  const auto* const found =
      std::find_if(kRows.begin(), kRows.end(), [coding](const Row& row) { return holds(row.codings, coding); });
  return found == kRows.end() ? nullptr : &*found;
}

bool is_separator(char c) {
  return c == ',' || c == ';' || c == ' ' || c == '\t' || c == '"';
}

// Adds each registered coding in `value`, however it is separated or quoted: "gzip;q=1" is gzip.
void add_codings(std::string_view value, std::vector<std::string>& codings) {
  std::string word;
  for (std::size_t i = 0; i <= value.size(); ++i) {
    if (i < value.size() && !is_separator(value[i])) {
      word += value[i];
      continue;
    }
    word = lower_case(word);
    if (row_of(word) != nullptr) codings.push_back(word);
    word.clear();
  }
}

bool is_named_so(const Row& row, const std::vector<std::string>& names) {
  const auto endings = words_of(row.endings);
  return std::any_of(names.begin(), names.end(), [&endings](const std::string& name) {
    return std::any_of(endings.begin(), endings.end(), [&name](std::string_view ending) {
      return name.size() > ending.size() && name.ends_with(ending);
    });
  });
}

bool is_of_type(const Row& row, const HttpHead& head) {
  const std::string* type = head.find_field("content-type");
  return type != nullptr && holds(row.types, lower_case(trim(std::string_view(*type).substr(0, type->find(';')))));
}

}  // namespace

std::vector<std::string> file_names(const HttpHead& head, const std::vector<std::string_view>& urls) {
  std::vector<std::string> names;
  for (const std::string_view url : urls) {
    const std::size_t authority = url.find("://");
    const std::size_t path = url.find('/', authority == std::string_view::npos ? 0 : authority + 3);
    if (path == std::string_view::npos) continue;
    const std::size_t question = std::min(url.find('?', path), url.size());
    const std::string_view segments = url.substr(path, question - path);
    names.push_back(lower_case(segments.substr(segments.rfind('/') + 1)));
    std::string_view query = url.substr(question);
    while (!query.empty()) {
      query.remove_prefix(1);
      const std::size_t end = std::min(query.find_first_of("&;="), query.size());
      names.push_back(lower_case(query.substr(0, end)));
      query.remove_prefix(end);
    }
  }
  for (const std::string* value : find_all(head.headers, "content-disposition")) {
    names.push_back(lower_case(parse_file_name(*value)));
  }
  return names;
}

CodingFinding find_coding(const HttpHead& head, const std::vector<std::string>& names) {
  std::vector<std::string> codings;
  for (const std::string* value : find_all(head.headers, "content-encoding")) add_codings(*value, codings);
  if (head.status == 226) {
    for (const std::string* value : find_all(head.headers, "im")) add_codings(*value, codings);
  }
  CodingFinding finding;
  if (codings.empty()) return finding;
  finding.coding = codings.front();
  for (std::size_t i = 1; i < codings.size() && i < 4; ++i) finding.coding += ", " + codings[i];
  const Row& row = *row_of(codings.front());
  // A single coding may be the file's own format. With two, the outer one was added on the way.
  const bool own = codings.size() == 1 && (is_named_so(row, names) || is_of_type(row, head));
  finding.what = own ? CodingFinding::What::stored : CodingFinding::What::coded;
  return finding;
}

}  // namespace larder::origin
