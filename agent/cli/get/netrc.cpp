#include "agent/cli/get/netrc.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text/given_text.h"
#include "base/text/text.h"
#include "origin/url/url.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMaxEntries = 10'000;

// Returns the unquoted words of one line; none if a quote is not closed.
std::optional<std::vector<std::string>> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (true) {
    while (at < line.size() && is_blank(line[at])) ++at;
    if (at == line.size()) return words;
    std::string word;
    if (line[at] != '"') {
      while (at < line.size() && !is_blank(line[at])) word += line[at++];
      words.push_back(std::move(word));
      continue;
    }
    bool closed = false;
    for (++at; at < line.size() && !closed; ++at) {
      if (line[at] == '"') {
        closed = true;
      } else if (line[at] == '\\' && at + 1 < line.size()) {
        const char c = line[++at];
        word += c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
      } else {
        word += line[at];
      }
    }
    if (!closed) return std::nullopt;
    words.push_back(std::move(word));
  }
}

// Returns the host in the form that a URL has.
std::string machine_of(const std::string& word) {
  const bool v6 = word.find(':') != std::string::npos && !word.starts_with('[');
  const auto url = origin::parse_url("http://" + (v6 ? "[" + word + "]" : word) + "/");
  if (url && !url->has_credentials()) return url->host;
  return lower_case(word);
}

class Parser {
 public:
  explicit Parser(const std::string& source) : source_(source) {}

  Result<std::vector<NetrcEntry>> parse(std::string_view text) {
    for (const std::string_view line : given_lines(text)) {
      ++line_;
      if (in_macro_) {
        in_macro_ = !trim_given(line).empty();
        continue;
      }
      const auto words = words_of(line);
      if (!words) return wrong("a quote is not closed");
      if (!words->empty() && words->front().starts_with('#')) continue;
      for (const std::string& word : *words) {
        if (Status taken = take(word); !taken) return tl::unexpected(taken.error());
        if (in_macro_) break;  // its name may follow on this line
      }
    }
    if (wants_ != nullptr || wants_machine_ || skips_) return wrong("something is missing at the end");
    return std::move(entries_);
  }

 private:
  [[nodiscard]] tl::unexpected<Error> wrong(const std::string& why) const {
    return fail(ErrorCode::invalid_argument, "read " + source_, fmt::format("{} (line {})", why, line_));
  }

  Status take(const std::string& word) {
    if (skips_) {
      skips_ = false;
      return {};
    }
    if (wants_ != nullptr) {
      *std::exchange(wants_, nullptr) = word;
      return {};
    }
    if (std::exchange(wants_machine_, false)) return begin(machine_of(word));
    if (word == "macdef") in_macro_ = true;
    if (word == "machine") wants_machine_ = true;
    if (word == "default") return begin(std::nullopt);
    if (word == "account") skips_ = true;
    if (word != "login" && word != "password") return {};
    if (entries_.empty()) return wrong("\"" + word + "\" stands before any machine");
    wants_ = word == "login" ? &entries_.back().login : &entries_.back().password;
    return {};
  }

  Status begin(std::optional<std::string> machine) {
    if (entries_.size() == kMaxEntries) return wrong(fmt::format("it has more than {} machines", kMaxEntries));
    entries_.push_back({std::move(machine), "", ""});
    return {};
  }

  const std::string& source_;
  std::size_t line_ = 0;
  std::vector<NetrcEntry> entries_;
  std::string* wants_ = nullptr;  // of the last entry, which is not moved until this is filled
  bool wants_machine_ = false, skips_ = false, in_macro_ = false;
};

}  // namespace

Result<std::vector<NetrcEntry>> parse_netrc(std::string_view text, const std::string& source) {
  return Parser(source).parse(text);
}

const NetrcEntry* netrc_entry(const std::vector<NetrcEntry>& entries, std::string_view host, std::string_view user) {
  for (const NetrcEntry& entry : entries) {
    const bool of_host = !entry.machine || *entry.machine == host;
    const bool of_user = user.empty() || entry.login == user;
    if (of_host && of_user && !(entry.login.empty() && entry.password.empty())) return &entry;
    if (!entry.machine) return nullptr;
  }
  return nullptr;
}

std::optional<std::string> netrc_warning(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  if (info.st_uid != ::geteuid() && info.st_uid != 0) return path + " belongs to another user, who can change it";
  if ((info.st_mode & 077) == 0) return std::nullopt;
  return fmt::format("{} has passwords and others than its owner have rights to it (mode {:04o}); chmod 600 it", path,
                     info.st_mode & 07777U);
}

}  // namespace larder::agent
